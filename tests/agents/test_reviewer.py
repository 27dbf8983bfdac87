"""The reviewer: every check can fail, and a page in order passes all of them."""

import pytest

from recursor.agents.scripted.checks import CHECKS
from recursor.agents.scripted.review import check_of, review, todo_missing_in
from recursor.domain.effect import ReviewArtifact
from recursor.domain.todo import Todo, TodoStatus

GOOD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Page</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>Page</h1>
<section id="a" data-component="x"><h2>One</h2>
<label for="f">Name</label><input id="f"><button>Go</button></section>
<p data-part="guide">Guide</p><a href="#a">To one</a></main>
<script>const a = 1;</script></body></html>
"""


def todo(**more) -> Todo:
    fields = {"id": "t1", "stack_id": "s", "content": "Build a thing", "status": "completed"}
    fields |= {"assigned_by": "planner", "updated_by": "builder", "created_at": 0, "updated_at": 0}
    return Todo.model_validate({**fields, **more})


BROKEN = {
    "html": ("<main>", "<main><p></div>"),
    "scripts": ("const a = 1;", "const a = ;"),
    "requests": ("<p data", '<img alt="" src="https://example.org/x.png"><p data'),
    "language": (' lang="en"', ""),
    "title": ("<title>Page</title>", "<title></title>"),
    "charset": ('<meta charset="utf-8">', ""),
    "viewport": ('name="viewport"', 'name="other"'),
    "headings": ("<h2>One</h2>", "<h4>One</h4>"),
    "landmarks": ("main>", "div>"),
    "ids": ('data-part="guide"', 'data-part="guide" id="a"'),
    "labels": ('for="f"', 'for="other"'),
    "images": ("<p data", '<img src="data:image/png;base64,"><p data'),
    "links": ('href="#a"', 'href="#nowhere"'),
    "sections": (
        '<label for="f">Name</label><input id="f"><button>Go</button>',
        '</section><section id="f">',
    ),
    "components": (
        'data-component="x"',
        'data-component="invoice"',
    ),
    "guide": (' data-part="guide"', ""),
    "backup": ("const a = 1;", "localStorage.getItem('a');"),
    "navigation": (
        "<p data",
        '<section data-component="x"><h2>Two</h2><button>Go</button></section>'
        '<section data-component="x"><h2>Three</h2><button>Go</button></section><p data',
    ),
}


def test_a_page_in_order_has_no_finding():
    assert review(GOOD) == ()


@pytest.mark.parametrize("check", [name for name, _ in CHECKS if name != "promises"])
def test_every_check_can_fail(check):
    before, after = BROKEN[check]
    assert before in GOOD

    assert check in {finding.check for finding in review(GOOD.replace(before, after))}


@pytest.mark.parametrize(
    "addition",
    [
        '<script src="//example.org/a.js"></script>',
        '<script src="a.js"></script>',
        '<link rel="stylesheet" href="style.css">',
        '<iframe title="x" src="https://example.org"></iframe>',
        '<form action="https://example.org"></form>',
        "<style>@import 'x.css';</style>",
        "<style>p { background: url(https://example.org/x.png); }</style>",
        '<p style="background: url(x.png)"></p>',
        '<meta http-equiv="refresh" content="0; url=https://example.org">',
        "<script>fetch('x');</script>",
        "<script>new WebSocket('wss://x');</script>",
        "<script>navigator.sendBeacon('x');</script>",
        "<script>import('x.js');</script>",
        '<script type="module">import x from "x.js";</script>',
    ],
)
def test_no_way_to_the_network_is_overlooked(addition):
    findings = review(GOOD.replace("</body>", f"{addition}</body>"))

    assert "requests" in {finding.check for finding in findings}


@pytest.mark.parametrize(
    "addition",
    [
        '<a href="https://example.org">A link that a person may press</a>',
        "<script>// fetch is not used\nconst text = 'fetch(1)';</script>",
        '<img alt="" src="data:image/png;base64,">',
        "<p>https://example.org and url(x) and fetch()</p>",
    ],
)
def test_what_asks_nothing_of_the_network_is_no_finding(addition):
    assert review(GOOD.replace("</main>", f"{addition}</main>")) == ()


def test_a_todo_that_claims_to_be_done_must_be_on_the_page():
    (finding,) = review(GOOD, (todo(),))
    assert finding.check == "promises"
    assert "Build a thing" in finding.text
    assert todo_missing_in(finding.recommendation) == "t1"

    assert review(GOOD.replace("<p data", '<p data-todo="t1" data'), (todo(),)) == ()
    assert review(GOOD, (todo(status=TodoStatus.PENDING),)) == ()


def test_the_section_of_a_todo_must_be_on_the_page_unless_it_was_removed():
    step = {"do": "add", "section": {"key": "notes", "component": "notes", "title": "Notes"}}
    added = todo(metadata={"step": step})
    told = GOOD.replace("<p data", '<p data-todo="t1" data')
    assert [finding.check for finding in review(told, (added,))] == ["promises"]

    removed = todo(id="t2", metadata={"step": {"do": "remove", "key": "notes"}})
    told = told.replace("</main>", '<p data-todo="t2"></p></main>')
    assert review(told, (added, removed)) == ()


def test_a_recommendation_names_its_check():
    (finding,) = review(GOOD.replace(' lang="en"', ""))

    assert check_of(finding.recommendation) == "language"
    assert check_of("Something else [nonsense]") is None


def test_what_is_planned_already_is_not_recommended_again(world):
    stack = world("Kanban board")
    for role in ("planner", "builder"):
        for effect in stack.run(role).effects:
            stack.apply(role, effect)
    first = next(e for e in stack.run("reviewer").effects if isinstance(e, ReviewArtifact))
    assert first.recommendations

    stack.apply("reviewer", first)
    for effect in stack.run("planner").effects:
        stack.apply("planner", effect)
    second = next(e for e in stack.run("reviewer").effects if isinstance(e, ReviewArtifact))
    assert second.recommendations == ()


@pytest.mark.parametrize(
    "source", ["", "x", "<", "<html><script>", "\x00", "<svg><p>" * 50, "<table><tr><p>x"]
)
def test_any_page_can_be_reviewed(source):
    assert review(source)
