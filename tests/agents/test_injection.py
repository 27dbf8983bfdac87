"""Whatever people write stays text: no markup, no script, no template."""

import json

import pytest

from recursor.agents.scripted.page import render
from recursor.agents.scripted.parsed_page import parse
from recursor.agents.scripted.plan import PagePlan, plan_of
from recursor.agents.scripted.recognition import section
from recursor.agents.scripted.review import review
from recursor.agents.scripted.theme import theme_of

ATTACKS = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "<!--<script>",
    "]]>",
    "{{ 7 * 7 }} {% for x in y %}",
    "\u2028\u2029",
    "</style><style>*{display:none}",
    "\\u003c/script\\u003e",
)


def scripts_of(source: str) -> int:
    return len(parse(source, ()).all("script"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_idea_with_markup_stays_text(world, attack):
    done = world(f"A todo list called {attack} with notes and {attack}").until_quiet()

    assert review(done.page, done.snapshot.todos) == ()
    assert scripts_of(done.page) == 2
    assert not parse(done.page, ()).all("img")
    assert "49" not in plan_of(done.snapshot.artifact).title


@pytest.mark.parametrize("attack", ATTACKS)
def test_wishes_and_todos_with_markup_stay_text(world, attack):
    stack = world("A todo list").until_quiet()
    stack.ask(f"Please add a {attack} register", sender="</script>")
    stack.ask(f"Please call it {attack}")
    stack.add_todo(f"Add {attack}")
    stack.until_quiet()

    assert review(stack.page, stack.snapshot.todos) == ()
    assert scripts_of(stack.page) == 2
    assert not parse(stack.page, ()).all("img")


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_data_of_the_page_is_read_back_as_it_was_written(attack):
    options = {"fields": [{"name": "a", "label": attack[:60]}], "thing": attack[:60], "button": attack[:40]}
    title = " ".join(attack.split()) or "Title"
    plan = PagePlan(
        space=attack,
        title=title,
        theme=theme_of(attack),
        sections=(section("form", title, options),),
    )

    page = parse(render(plan), ())

    data = json.loads("".join(page.all("script")[0].itertext()))
    assert data["space"] == attack
    (told,) = data["sections"].values()
    assert told["options"]["fields"][0]["label"] == attack[:60]
    assert review(render(plan)) == review(render(plan.model_copy(update={"title": "Plain"})))
