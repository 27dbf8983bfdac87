"""The builder that asks a model: whole pages, edits, and what it does not accept."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recursor.agents.model.edits import Edit, EditError, edited
from recursor.domain.effect import Outcome, PublishArtifact, Remember, UpdateTodo
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError
from recursor.domain.todo import TodoStatus
from tests.making import make_artifact, make_snapshot, make_stack, make_todo

Effects = Callable[[Outcome, type[Any]], list[Any]]

PAGE = """<!doctype html>
<html lang="en"><head><title>Garden</title></head>
<body><main><h1>Garden</h1>
<p>Beds</p>
<p>Paths</p>
</main></body></html>
"""


def snapshot(page: str | None = PAGE) -> Snapshot:
    todos = (make_todo(1, content="paint the fence", priority=2), make_todo(2, content="add a pond"))
    artifact = None if page is None else make_artifact(3, content=page)
    return make_snapshot(stack=make_stack(phase="building"), todos=todos, artifact=artifact)


def edits(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"edits": [{"search": search, "replace": replace} for search, replace in pairs]}


class TestEdits:
    def test_make_the_next_version_and_close_the_most_urgent_todo(
        self, asking: Any, effects: Effects
    ) -> None:
        outcome = asking("builder", snapshot(), edits(("<p>Paths</p>", "<p>Paths</p>\n<p>Pond</p>")))
        (published,) = effects(outcome, PublishArtifact)
        assert published.content == PAGE.replace("<p>Paths</p>", "<p>Paths</p>\n<p>Pond</p>")
        assert effects(outcome, UpdateTodo) == [
            UpdateTodo(todo_id=make_todo(2).id, status=TodoStatus.COMPLETED)
        ]
        assert "add a pond" in asking.question

    def test_that_do_not_apply_are_asked_for_again_with_the_reasons(
        self, asking: Any, effects: Effects
    ) -> None:
        wrong = edits(
            ("<p>Bed</p>", "x"), ("<p>", "<p class=a>"), ("", "y"), ("<h1>Garden</h1>", "<h1>G</h1>")
        )
        right = edits(("<h1>Garden</h1>", "<h1>Pond</h1>"))
        outcome = asking("builder", snapshot(), wrong, right)
        complaint = asking.complaint
        assert "Edit 1 (“<p>Bed</p>”): its search does not occur in the page" in complaint
        assert "the page has “<p>Beds</p>”" in complaint
        assert "Edit 2 (“<p>”): its search occurs more than once" in complaint
        assert "Edit 3 (“”): its search is empty" in complaint
        assert "Edit 4" not in complaint
        assert "None of the edits was applied" in complaint
        assert "<h1>Pond</h1>" in effects(outcome, PublishArtifact)[0].content

    def test_want_a_page(self, asking: Any) -> None:
        asking("builder", snapshot(None), edits(("a", "b")), {"page": PAGE})
        assert "There is no page yet" in asking.complaint

    def test_may_not_break_the_document(self, asking: Any) -> None:
        with pytest.raises(AgentFailedError, match="no valid answer"):
            asking("builder", snapshot(), edits(("</html>", "")))
        assert "does not end with </html>" in asking.complaint


class TestWholePages:
    def test_are_published(self, asking: Any, effects: Effects) -> None:
        outcome = asking("builder", snapshot(None), {"page": f"```html\n{PAGE}\n```"})
        assert effects(outcome, PublishArtifact)[0].content == PAGE

    @pytest.mark.parametrize(
        ("page", "problem"),
        [
            ("<p>Pond</p>", "does not begin with <!doctype html>"),
            (PAGE.replace("</html>", ""), "does not end with </html>"),
            ("<!doctype html><html></html>", "has no <body>"),
            (PAGE.replace("<p>Beds</p>", "<!-- ... rest of the page -->"), "has a placeholder"),
            (PAGE.replace("<p>Beds</p>", "<script>// existing code here</script>"), "has a placeholder"),
            (PAGE, "is the same as before"),
        ],
    )
    def test_have_to_be_complete_documents(self, page: str, problem: str, asking: Any) -> None:
        asking("builder", snapshot(), {"page": page}, edits(("Beds", "Pond")))
        assert problem in asking.complaint

    @pytest.mark.parametrize(
        "fine",
        [
            '<input placeholder="https://...">',
            "<script>// wait a little...\nlet rest = 1 // rest of the day</script>",
            "<!-- The remaining sections of the garden -->",
            "<p>Loading ... http://…</p>",
        ],
    )
    def test_may_have_dots_and_comments(self, fine: str, asking: Any, effects: Effects) -> None:
        page = PAGE.replace("<p>Beds</p>", fine)
        outcome = asking("builder", snapshot(), {"page": page})
        assert effects(outcome, PublishArtifact)[0].content == page

    def test_may_not_be_larger_than_an_outcome(self, asking: Any, effects: Effects) -> None:
        big = PAGE.replace("Beds", "Beds " * 3000)
        run = asking.run("builder")
        asking.stub.script = lambda call: _answer(big if call.number == 1 else PAGE)
        asking.stub.calls.clear()
        settings = run.settings.overridden({"limits": {"outcome_bytes": 10_000}})
        outcome = asking.outcome_of(_agent(), snapshot(None), _with(run, settings))
        assert "bytes, and 9,000 are allowed" in asking.complaint
        assert effects(outcome, PublishArtifact)[0].content == PAGE

    def test_that_stays_too_large_is_not_asked_for_again(self, asking: Any) -> None:
        big = PAGE.replace("Beds", "Beds " * 3000)
        run = asking.run("builder")
        asking.stub.script = lambda _call: _answer(big)
        asking.stub.calls.clear()
        settings = run.settings.overridden({"limits": {"outcome_bytes": 10_000}})
        with pytest.raises(
            AgentFailedError, match=r"“add a pond” .*raise limits\.outcome_bytes = 10,000"
        ) as failed:
            asking.outcome_of(_agent(), snapshot(None), _with(run, settings))
        assert failed.value.suspend
        assert failed.value.usage is not None
        assert failed.value.usage.tokens > 0
        assert len(asking.stub.calls) == 2

    def test_or_edits_but_not_both(self, asking: Any) -> None:
        asking("builder", snapshot(), {"page": PAGE, **edits(("Beds", "Pond"))}, edits(("Beds", "Pond")))
        assert "exactly one of" in asking.complaint


def test_what_cannot_be_built_is_cancelled_with_the_reason(asking: Any, effects: Effects) -> None:
    outcome = asking("builder", snapshot(), {"cannot": "a page cannot dig"})
    assert effects(outcome, UpdateTodo) == [UpdateTodo(todo_id=make_todo(2).id, status=TodoStatus.CANCELLED)]
    assert effects(outcome, Remember)[0].learnings == ("Could not build “add a pond”: a page cannot dig",)
    assert not effects(outcome, PublishArtifact)


class TestALargePage:
    LINES = "\n".join(f"<p>line {n} of the page</p>" for n in range(2_000))
    LARGE = PAGE.replace("<p>Beds</p>", LINES)

    def test_is_better_edited(self, asking: Any) -> None:
        asking("builder", snapshot(self.LARGE), edits(("Paths", "Pond")))
        assert "prefer edits" in asking.instructions
        assert "line 1000 of" in asking.question

    def test_that_does_not_fit_is_shown_in_part_and_can_only_be_edited(
        self, asking: Any, effects: Effects
    ) -> None:
        outcome = asking(
            "builder", snapshot(self.LARGE), {"page": PAGE}, edits(("Paths", "Pond")), context_tokens=10_000
        )
        assert "characters are left out here for lack of room" in asking.question
        assert "line 1000 of" not in asking.question
        assert "only a part of the page" in asking.instructions
        assert "You do not see all of the page" in asking.complaint
        published = effects(outcome, PublishArtifact)[0].content
        assert published == self.LARGE.replace("Paths", "Pond")
        assert outcome.metadata["left_out"] == {"page": "shown in part"}


def _answer(page: str) -> Any:
    from tests.model_stub.answers import Answer

    return Answer(arguments={"summary": "Done.", "page": page})


def _agent() -> Any:
    from recursor.agents.team import model_agents

    return model_agents()["builder"]


def _with(run: Any, settings: Any) -> Any:
    from dataclasses import replace

    return replace(run, settings=settings)


class TestAppliedEdits:
    """`edited`, for any text."""

    @given(
        st.text("ab\n", max_size=40), st.lists(st.tuples(st.text("ab\n", max_size=5), st.text(max_size=5)))
    )
    def test_change_what_occurs_once_or_nothing(self, text: str, pairs: list[tuple[str, str]]) -> None:
        expected, fine = text, True
        for search, replace in pairs:
            starts = [at for at in range(len(expected)) if expected.startswith(search, at)]
            if not search or len(starts) != 1 or search == replace:
                fine = False
            else:
                expected = expected[: starts[0]] + replace + expected[starts[0] + len(search) :]
        blocks = [Edit(search, replace) for search, replace in pairs]
        if fine:
            assert edited(text, blocks) == expected
        else:
            with pytest.raises(EditError) as refused:
                edited(text, blocks)
            assert 1 <= len(refused.value.problems) <= len(pairs)

    @given(st.text(), st.text(min_size=1), st.text(), st.text())
    def test_leave_everything_around_them(self, before: str, search: str, after: str, replace: str) -> None:
        text = before + search + after
        at = text.find(search)
        if search != replace and text.find(search, at + 1) < 0:
            assert edited(text, [Edit(search, replace)]) == before + replace + after
