"""Which todos of a repository are worked on at once."""

from typing import Any

import pytest

from recursor.domain.effect import Outcome, UpdateTodo
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import StackKind
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.work import WorkStatus
from recursor.domain.workspace import Workspace
from recursor.orchestration.outcomes import EffectRefusedError, apply_outcome
from recursor.orchestration.workspace_detectors import detect_workspace_builder, todos_to_build
from tests.making import NOW, STACK, make_snapshot, make_stack, make_todo
from tests.orchestration.desk import Desk, make_records

FOUR = Settings().overridden({"workspace": {"builders": 4, "attempts": 3}})
WORKSPACE = Workspace(stack_id=STACK, branch="main", tip="a" * 40, updated_at=NOW, updated_by="integrator")


def seen(*todos: Todo, **fields: Any) -> Snapshot:
    stack = make_stack(kind=StackKind.WORKSPACE)
    return make_snapshot(stack=stack, workspace=WORKSPACE, todos=todos, **fields)


def chosen(*todos: Todo, **fields: Any) -> list[str]:
    return [todo.id for todo in todos_to_build(seen(*todos, **fields), FOUR)]


def detected(*todos: Todo) -> WorkStatus:
    return detect_workspace_builder(seen(*todos), FOUR)


@pytest.mark.parametrize(
    ("status", "is_free"),
    [
        (TodoStatus.PENDING, False),
        (TodoStatus.IN_PROGRESS, False),
        (TodoStatus.COMPLETED, True),
        # Otherwise the todo could never be worked on.
        (TodoStatus.CANCELLED, True),
    ],
)
def test_a_todo_waits_while_one_that_it_needs_is_open(status: TodoStatus, is_free: bool) -> None:
    needed, later = make_todo(1, status=status), make_todo(2, needs=(make_todo(1).id,))
    assert (later.id in chosen(needed, later)) is is_free


def test_a_needed_todo_that_is_not_shown_is_closed_unless_open_ones_are_hidden() -> None:
    later = make_todo(2, needs=(make_todo(1).id,))
    assert chosen(later) == [later.id]
    assert chosen(later, more_todos=1) == []


def test_two_todos_about_the_same_files_are_not_worked_on_at_once() -> None:
    about = [
        make_todo(1, paths=("src/a",)),
        make_todo(2, paths=("src/a/b.py",)),
        make_todo(3, paths=("src/c",)),
    ]
    assert chosen(*about) == [about[0].id, about[2].id]


def test_a_todo_that_failed_as_often_as_it_may_needs_a_person() -> None:
    todo = make_todo(1, attempts=3, problem="the check failed\nat length")
    assert detected(todo).reason == "1 todo failed 3 times and needs a person: the check failed"


def test_the_planner_cannot_make_todos_need_each_other_in_a_circle() -> None:
    first, second = make_todo(1), make_todo(2, needs=(make_todo(1).id,))
    desk = Desk(make_records(todos=[first, second], workspace=WORKSPACE))
    circle = Outcome(effects=(UpdateTodo(todo_id=first.id, needs=(second.id,)),))
    with pytest.raises(EffectRefusedError, match="would need itself"):
        apply_outcome(desk.draft(), "planner", "cycle", circle, desk.see(), FOUR)
    unknown = Outcome(effects=(UpdateTodo(todo_id=first.id, needs=("f" * 32,)),))
    with pytest.raises(EffectRefusedError, match="there is no todo f"):
        apply_outcome(desk.draft(), "planner", "cycle", unknown, desk.see(), FOUR)
