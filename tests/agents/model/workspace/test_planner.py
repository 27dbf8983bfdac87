"""The planner that asks a model about a repository: todos with what they need and what they are about."""

from pathlib import Path
from typing import Any

from recursor.domain.effect import CreateTodo, Outcome, SetPhase, UpdateTodo
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase
from recursor.domain.todo import TodoStatus
from recursor.domain.workspace import CheckResult
from tests.agents.model.loop import agent_loop
from tests.agents.model.workspace.conftest import Shop, answer
from tests.making import NOW, make_idea, make_stack, make_state, make_todo
from tests.model_stub.answers import in_turn

PROJECT = {"title": "Shop", "description": "Sells.", "features": ["totals"]}
PLANNED = make_idea(title="Shop", updated_by="planner")


def plan(shop: Shop, snapshot: Snapshot, *answers: dict[str, Any], **sections: Any) -> Outcome:
    """What the planner proposes on these answers."""
    shop.stub.calls.clear()
    shop.stub.script = in_turn(*(answer(**each) for each in answers))
    return agent_loop().run(shop.work(snapshot, shop.run_of("planner", **sections)))


def created(outcome: Outcome) -> list[CreateTodo]:
    return [effect for effect in outcome.effects if isinstance(effect, CreateTodo)]


def test_todos_come_after_what_they_need(shop: Shop) -> None:
    open_todo = make_todo(1, content="Add up the prices")
    outcome = plan(
        shop,
        shop.snapshot(open_todo, idea=PLANNED),
        {
            "new_todos": [
                {"content": "Show the total", "label": "show", "needs": ["sum", 1], "paths": ["./web/"]},
                {"content": "Round the sum", "label": "sum", "paths": ["src/sums.py", "/workspace/src/x.py"]},
            ]
        },
    )
    first, second = created(outcome)
    assert (first.content, first.label, first.needs) == ("Round the sum", "sum", ())
    assert first.paths == ("src/sums.py", "src/x.py")
    assert (second.needs, second.paths) == (("sum", open_todo.id), ("web",))


def test_an_open_todo_planned_again_is_needed_by_its_id(shop: Shop) -> None:
    open_todo = make_todo(1, content="Add up the prices")
    new = [{"content": "add up the prices.", "label": "sum"}, {"content": "Show it", "needs": ["sum"]}]
    (todo,) = created(plan(shop, shop.snapshot(open_todo, idea=PLANNED), {"new_todos": new}))
    assert todo.needs == (open_todo.id,)


def test_what_cannot_be_begun_is_sent_back(shop: Shop) -> None:
    snapshot = shop.snapshot(make_todo(1), make_todo(2), idea=PLANNED)
    plan(
        shop,
        snapshot,
        {"new_todos": [{"content": "A", "needs": ["b"]}]},
        {"new_todos": [{"content": "A", "needs": [1]}], "changed_todos": [{"number": 1, "cancel": True}]},
        {
            "new_todos": [
                {"content": "A", "label": "a", "needs": ["b"]},
                {"content": "B", "label": "b", "needs": ["a"]},
            ]
        },
        {"changed_todos": [{"number": 1, "needs": [2]}, {"number": 2, "needs": [1]}]},
        {"changed_todos": [{"number": 1, "needs": [2], "paths": ["src"]}]},
        model={"retries": 4},
    )
    assert "There is no todo “b” to need" in shop.result(1)
    assert "There is no todo “1” to need" in shop.result(2)
    assert "new todos need one another, so none can be begun: a, b" in shop.result(3)
    assert "open todos need one another, so none can be begun: 1, 2" in shop.result(4)


def test_needs_and_paths_of_open_todos_can_be_changed(shop: Shop) -> None:
    todos = make_todo(1), make_todo(2)
    change = {"number": 1, "needs": [2], "paths": ["src"]}
    outcome = plan(shop, shop.snapshot(*todos, idea=PLANNED), {"changed_todos": [change]})
    assert UpdateTodo(todo_id=todos[0].id, needs=(todos[1].id,), paths=("src",)) in outcome.effects


def test_the_question_shows_the_repository_and_the_state_of_the_work(shop: Shop) -> None:
    failed = CheckResult(
        command="pytest", passed=False, status=1, seconds=1, output="1 failed", commit=shop.tip, at=NOW
    )
    gone = make_todo(3, content="Paint", status="cancelled", closed_at=NOW, problem="No brush.", attempts=1)
    todos = (
        make_todo(1, content="Sum", needs=(gone.id,), paths=("src",), attempts=2, problem="it conflicts"),
        make_todo(2, content="Show", needs=(make_todo(1).id,)),
        gone,
    )
    snapshot = shop.snapshot(*todos, idea=PLANNED, workspace={"checks": (failed,)})
    plan(
        shop,
        snapshot,
        {"changed_todos": [{"number": 1, "priority": 5}]},
        workspace={"builders": 4, "checks": ["pytest"]},
    )
    instructions, question = (str(each["content"]) for each in shop.stub.calls[0].body["messages"])
    assert "up to 4\nbuilders" in instructions
    assert "- `pytest`" in instructions
    for told in (
        "src/sums.py (",
        "# Shop",
        "- Change files (Ann)",
        "- failed with exit status 1: pytest\n   1 failed",
        "needs a todo that was cancelled",
        "needs 1",
        "about src",
        "Failed 2 times, at last because: it conflicts",
        "- cancelled: Paint (because: No brush.)",
        "Commits merged: 0",
    ):
        assert told in question


def test_a_large_repository_makes_no_larger_question(shop: Shop, tmp_path: Path) -> None:
    shop.commit({f"data/{number % 50}/{number}.txt": "" for number in range(5_000)}, tmp_path / "large")
    plan(shop, shop.snapshot(idea=PLANNED), {"new_todos": [{"content": "Sum"}]})
    question = str(shop.stub.calls[0].body["messages"][1]["content"])
    assert question.count(".txt") <= 300
    assert "(not shown)" in question or "entries are shown" in question


class TestTheEnd:
    WHOLE = make_todo(
        1, status="completed", closed_at=NOW, metadata={"whole_plan": True}, assigned_by="planner"
    )

    def snapshot(self, shop: Shop, reviewed: int) -> Snapshot:
        return shop.snapshot(
            self.WHOLE,
            states=(make_state("reviewer", reviewed_artifact=reviewed),),
            idea=PLANNED,
            stack=make_stack(kind="workspace", phase="building"),
            workspace={"number": 3},
        )

    def test_awaits_the_review_of_what_was_merged(self, shop: Shop) -> None:
        outcome = plan(shop, self.snapshot(shop, 2))
        assert outcome.effects == (SetPhase(phase=Phase.REVIEWING),)
        assert shop.stub.calls == []

    def test_comes_without_asking_when_a_whole_plan_is_merged_and_reviewed(self, shop: Shop) -> None:
        assert plan(shop, self.snapshot(shop, 3)).effects == (SetPhase(phase=Phase.COMPLETE),)
        assert shop.stub.calls == []

    def test_does_not_come_before_anything_was_done(self, shop: Shop) -> None:
        snapshot = shop.snapshot(idea=PLANNED)
        plan(shop, snapshot, {"complete": True}, {"new_todos": [{"content": "Sum"}]})
        assert "no todo has been done yet" in shop.result(1)

    def test_may_come_when_a_todo_needed_no_change(self, shop: Shop) -> None:
        done = make_todo(1, status=TodoStatus.COMPLETED, closed_at=NOW)
        outcome = plan(shop, shop.snapshot(done, idea=PLANNED), {"complete": True})
        assert SetPhase(phase=Phase.COMPLETE) in outcome.effects
