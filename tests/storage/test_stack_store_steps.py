"""Whatever is done to a stack: what its owner has in memory is what the next owner finds."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recursor.domain.commands import (
    AddTodo,
    CancelTodo,
    Command,
    ControlStack,
    RenameStack,
    SendStackMessage,
    SendUserMessage,
    SetIdea,
)
from recursor.domain.effect import (
    AnswerUserMessage,
    CreateTodo,
    Outcome,
    PlanUserMessages,
    PublishArtifact,
    ReadMessages,
    Remember,
    SendMessage,
    SetPhase,
    SetProject,
    UpdateTodo,
)
from recursor.domain.errors import RecursorError
from recursor.domain.execution import Decision, DecisionKind, ExecutionStatus
from recursor.domain.record import Record
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.todo import Todo, TodoStatus
from recursor.orchestration import stack_records
from recursor.orchestration.cycle import begin_cycle, end_cycle, put_graph
from recursor.orchestration.outcomes import apply_outcome
from recursor.orchestration.stack_commands import COMMANDS
from recursor.orchestration.stack_records import StackRecords, forgettable
from recursor.orchestration.writes import Writes
from recursor.storage import stack_store
from recursor.storage.commit import Fence
from recursor.storage.stack_names import find_stack
from recursor.storage.stack_store import (
    Loader,
    as_commit,
    find_records,
)
from recursor.storage.store import Store
from recursor.storage.tables import (
    EXECUTIONS,
    TRACES,
)
from tests.making import (
    NOW,
    STACK,
    make_graph,
    make_idea,
    make_message,
    make_node,
    make_report,
    make_stack,
    make_todo,
    make_user_message,
)
from tests.orchestration.desk import Desk, make_records
from tests.storage.writing import clear, create

FENCE = Fence(STACK, 1)


def load(store: Store) -> tuple[StackRecords, str | None]:
    """Return what the owner of the stack finds, and what is damaged of it."""
    with store.read() as reader:
        loader = Loader(reader, STACK)
        return loader.records(), loader.damage


def command(make: Callable[[int], Any]) -> Callable[[Desk, int], None]:
    def do(desk: Desk, number: int) -> None:
        message = make(number)
        desk.do(COMMANDS[type(message)], message, NOW + number)

    return do


def outcome(*make: Callable[[Desk], Any]) -> Callable[[Desk, int], None]:
    def apply(desk: Desk, number: int) -> None:
        proposed = Outcome(effects=tuple(each(desk) for each in make), summary="did", thoughts=("hm",))
        draft = desk.draft(NOW + number)
        apply_outcome(draft, "builder", "1", proposed, desk.see(), Settings())
        desk.keep(draft)

    return apply


def run_a_cycle(desk: Desk, number: int) -> None:
    draft = desk.draft(NOW + number)
    graph = make_graph([make_node("planner")], id=f"{number:032}")
    if draft.records.execution is None:
        begin_cycle(draft, graph, make_report())
        put_graph(draft, graph)
    else:
        end_cycle(
            draft,
            make_report(),
            Decision(kind=DecisionKind.PAUSE, pause=number, reason="later"),
            progress=True,
        )
    desk.keep(draft)


def first(records: Any) -> str:
    return next((record.id for record in records), f"{0:032}")


def closed_todo(desk: Desk) -> Any:
    return UpdateTodo(todo_id=first(desk.see().open_todos), status=TodoStatus.COMPLETED)


STEPS: list[Callable[[Desk, int], None]] = [
    command(lambda n: AddTodo(make_todo(n))),
    command(lambda n: CancelTodo(STACK, f"{n - 2:032}")),
    command(lambda n: SendUserMessage(make_user_message(n))),
    command(lambda n: SendStackMessage(make_message(n))),
    command(lambda n: SetIdea(make_idea(idea=f"idea {n}"))),
    command(lambda n: RenameStack(STACK, f"name {n}")),
    command(lambda n: ControlStack(STACK, list(Command)[n % 4])),
    outcome(closed_todo),
    outcome(lambda desk: AnswerUserMessage(message_id=first(desk.see().unanswered), answer="yes")),
    outcome(lambda desk: PlanUserMessages(message_ids=(first(desk.see().user_messages),))),
    outcome(lambda desk: ReadMessages(message_ids=(first(desk.see().messages),))),
    outcome(lambda _: CreateTodo(content="dig"), lambda _: PublishArtifact(content="<p>")),
    outcome(lambda _: SendMessage(content="hello"), lambda _: Remember(facts=("a",))),
    outcome(lambda _: SetPhase(phase=Phase.BUILDING), lambda _: SetProject(title="Garden")),
    run_a_cycle,
    run_a_cycle,
]


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (stack_records, stack_store):
        monkeypatch.setattr(module, "MAX_CLOSED_TODOS", 2)
        monkeypatch.setattr(module, "MAX_UNPLANNED", 2)
        monkeypatch.setattr(module, "MAX_PAST_USER_MESSAGES", 1)


@pytest.mark.usefixtures("_small")
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), max_size=25), together=st.integers(1, 4))
def test_what_is_in_memory_is_what_is_found_again(
    database: Store, steps: list[Callable[[Desk, int], None]], together: int
) -> None:
    clear(database)
    desk = Desk(make_records(stack=make_stack(state=ExecutionState.RUNNING), idea=None))
    create(database, desk.records.stack)
    writes = Writes()
    for number, step in enumerate(steps, start=1):
        with database.read() as reader:
            wanted: list[tuple[type[Record], str]] = [(Todo, f"{n:032}") for n in range(number)]
            desk.stored = dict(find_records(reader, STACK, wanted))
        try:
            step(desk, number)
        except RecursorError:
            continue
        desk.records = forgettable(desk.records)
        writes.extend(desk.writes)
        if number % together == 0:
            database.write(as_commit(desk.records.stack, writes, FENCE))
            writes = Writes()
    database.write(as_commit(desk.records.stack, writes, FENCE))
    found, damaged = load(database)
    assert damaged is None
    # What is counted in memory alone begins anew.
    expected = desk.records.copy()
    expected.changes = expected.changes_before_cycle = None  # type: ignore[assignment]
    found.changes = found.changes_before_cycle = None  # type: ignore[assignment]
    assert found == expected
    with database.read() as reader:
        assert find_stack(reader, desk.records.stack.name) == STACK
        statuses = [each.status for each in EXECUTIONS.scan(reader, STACK)]
        traces = list(TRACES.scan(reader, STACK))
    assert statuses.count(ExecutionStatus.RUNNING) == (desk.records.execution is not None)
    assert all(trace.summary == "did" for trace in traces)
