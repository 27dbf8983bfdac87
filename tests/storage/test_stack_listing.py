"""Lists of stacks: filtered, sorted, page by page."""

import base64
from typing import Any

import pytest

from recursor.domain.errors import InvalidInputError
from recursor.domain.execution import Decision, DecisionKind, ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import NodeStatus
from recursor.domain.stack import ExecutionState, Phase
from recursor.storage import stack_fields
from recursor.storage.codec import pack
from recursor.storage.rollups import count_execution
from recursor.storage.stack_listing import StackFilter, StackListed, StackOrder, StackPage, list_page
from recursor.storage.store import Store
from recursor.storage.tables import GRAPHS, STACKS
from tests.making import (
    NOW,
    make_graph,
    make_idea,
    make_node,
    make_report,
    make_stack,
    make_status,
    make_user_message,
)
from tests.storage.writing import damage, put, write


def page(store: Store, *args: Any, **kwargs: Any) -> StackPage:
    with store.read() as reader:
        return list_page(reader, NOW, *args, **kwargs)


def only(store: Store) -> StackListed:
    (listed,) = page(store).items
    return listed


def identity(number: int) -> str:
    return f"{number:016x}"


@pytest.fixture
def hundred(database: Store) -> Store:
    """Stack n was active n seconds ago, is called after 100 - n, and ran n % 7 cycles."""
    states = list(ExecutionState)
    put(
        database,
        *(
            make_stack(
                id=identity(number),
                name=f"Team {100 - number:03}",
                state=states[number % 4],
                phase=Phase.COMPLETE if number % 10 == 0 else Phase.BUILDING,
                last_activity_at=NOW - number,
                total_cycles=number % 7,
            )
            for number in range(100)
        ),
    )
    return database


@pytest.mark.parametrize("order", list(StackOrder))
def test_pages_come_to_every_stack_once_in_order(hundred: Store, order: StackOrder) -> None:
    found: list[StackListed] = []
    cursor = None
    while True:
        got = page(hundred, order=order, limit=7, cursor=cursor)
        assert (got.matching, got.total) == (100, 100)
        found.extend(got.items)
        if (cursor := got.next) is None:
            break
    assert {stack.id for stack in found} == {identity(number) for number in range(100)}
    assert len(found) == 100
    expected = {
        StackOrder.ACTIVITY: lambda stack: -(stack.last_activity_at or 0),
        StackOrder.NAME: lambda stack: stack.name.casefold(),
        StackOrder.CREATED: lambda stack: -stack.created_at,
        StackOrder.CYCLES: lambda stack: -stack.total_cycles,
    }[order]
    assert found == sorted(found, key=expected)


def test_a_page_that_ends_with_the_last_stack_has_no_next(hundred: Store) -> None:
    assert page(hundred, limit=100).next is None
    assert page(hundred, limit=99).next is not None


def test_states_and_phases_filter_and_all_states_are_counted(hundred: Store) -> None:
    got = page(hundred, StackFilter(states={ExecutionState.RUNNING, ExecutionState.PAUSED}))
    assert got.matching == 50
    assert got.total == 100
    assert set(got.states.values()) == {25}
    assert page(hundred, StackFilter(phases={Phase.COMPLETE})).matching == 10


def test_words_are_looked_for_in_name_id_idea_and_title(database: Store) -> None:
    put(
        database,
        make_stack(id=identity(1), name="Straßenfest"),
        make_stack(id=identity(2), name="garden"),
        make_stack(id="ab00000000000003", name="other"),
        make_idea(stack_id=identity(2), idea="plan BEDS and paths", title="The Plot"),
    )

    def found(search: str) -> set[str]:
        return {stack.id for stack in page(database, StackFilter(search=search)).items}

    assert found("STRASSEN") == {identity(1)}
    assert found("beds GARDEN") == {identity(2)}
    assert found("plot") == {identity(2)}
    assert found("ab00") == {"ab00000000000003"}
    assert found("beds nothing") == set()


def test_a_stack_tells_what_runs(database: Store) -> None:
    graph = make_graph(
        [
            make_node("planner", status=NodeStatus.COMPLETED),
            make_node("builder", status=NodeStatus.RUNNING, started_at=NOW - 5, reason="3 todos"),
        ]
    )
    put(
        database,
        make_stack(current_execution_id=graph.id),
        graph,
        make_user_message(1),
        make_user_message(2, answered_at=NOW, answer="yes"),
        make_idea(title="Gardens"),
    )
    listed = only(database)
    (running,) = listed.running
    assert (running.role, running.reason, running.since) == ("builder", "3 todos", NOW - 5)
    assert (listed.waits, listed.unanswered, listed.title) == (None, 1, "Gardens")


def an_execution(number: int, status: ExecutionStatus, ended: float) -> OrchestratorExecution:
    return OrchestratorExecution(
        id=f"{number:032}",
        stack_id=make_stack().id,
        number=number,
        epoch=0,
        status=status,
        started_at=ended - 1,
        finished_at=ended,
        decision=Decision(kind=DecisionKind.PAUSE, pause=9.0, reason=f"nobody has work ({number})"),
    )


def test_a_stack_tells_why_it_waits_and_how_it_fared_today(database: Store) -> None:
    executions = [
        an_execution(1, ExecutionStatus.FAILED, NOW - 3 * 86_400),
        an_execution(2, ExecutionStatus.COMPLETED, NOW - 7200),
        an_execution(3, ExecutionStatus.COMPLETED, NOW - 60),
        an_execution(4, ExecutionStatus.FAILED, NOW - 30),
        an_execution(5, ExecutionStatus.CANCELLED, NOW - 10),
    ]
    put(database, make_stack(), *executions)
    write(database, *(lambda commit, each=each: count_execution(commit, each, None) for each in executions))
    listed = only(database)
    assert listed.waits == "nobody has work (5)"
    assert listed.cycles_last_day == 4
    assert listed.success_rate == pytest.approx(2 / 3)


@pytest.mark.parametrize("waits", ["provider", "budget"])
def test_a_stack_that_cannot_go_on_tells_what_it_waits_for(database: Store, waits: str) -> None:
    held = make_status(reason="1 todo, but waits", due_at=NOW + 60, waits=waits)
    report = make_report({"planner": make_status(), "builder": held})
    ended = an_execution(1, ExecutionStatus.WAITING, NOW - 30)
    put(database, make_stack(), ended, report)
    write(database, lambda commit: count_execution(commit, ended, None))
    assert only(database).waits_for == waits
    assert only(database).success_rate is None
    # What another role can do, it does.
    put(database, make_report({"planner": make_status(5), "builder": held}))
    assert only(database).waits_for is None
    put(database, report, make_stack(state=ExecutionState.PAUSED))
    assert only(database).waits_for is None


def test_a_paused_stack_says_why(database: Store) -> None:
    put(database, make_stack(state=ExecutionState.PAUSED, state_reason="five failures"))
    assert only(database).waits == "five failures"
    assert only(database).success_rate is None


@pytest.mark.parametrize(
    "value",
    [b"\xc1", pack([1, {"id": identity(7)}]), pack([1, {"id": identity(7), "created_at": "x", "state": []}])],
)
def test_a_stack_that_cannot_be_read_is_listed_with_its_problem(database: Store, value: bytes) -> None:
    put(database, make_stack(id=identity(1)))
    damage(database, STACKS.name, identity(7), value)
    for order in StackOrder:
        listed = {stack.id: stack for stack in page(database, order=order).items}
        assert listed[identity(1)].problem is None
        assert "cannot" in str(listed[identity(7)].problem) or "readable" in str(listed[identity(7)].problem)


def test_a_graph_that_is_no_graph_harms_its_own_stack_alone(database: Store) -> None:
    stack = make_stack(id=identity(7), state=ExecutionState.RUNNING, current_execution_id="a" * 32)
    put(database, make_stack(id=identity(1)), stack)
    key = f"{stack.id}/{stack.current_execution_id}"
    damage(database, GRAPHS.name, key, pack([1, {"nodes": [{"role": "builder"}]}]))
    listed = {each.id: each for each in page(database).items}
    assert listed[identity(1)].problem is None
    assert f"recursor doctor {stack.id}" in str(listed[stack.id].problem)


def test_stacks_that_were_deleted_make_room_for_others(
    database: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_fields, "REMEMBERED", 2)
    monkeypatch.setattr(stack_fields, "_known", known := {})
    put(database, *(make_stack(id=identity(number)) for number in range(3)))
    page(database)
    assert sorted(known) == [identity(0).encode(), identity(1).encode()]
    write(database, lambda commit: commit.delete(STACKS.name, identity(0).encode()))
    for _ in range(2):
        assert page(database).total == 2
    assert sorted(known) == [identity(1).encode(), identity(2).encode()]


def as_cursor(value: str) -> str:
    return base64.urlsafe_b64encode(value.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "bnVsbA",
        "WyJuYW1lIiwgImEiLCAiYiJd",
        as_cursor("[" * 1400),
        as_cursor(f'["activity", 1{"0" * 400}, "a"]'),
    ],
)
def test_a_cursor_that_fits_no_list_is_refused(hundred: Store, cursor: str) -> None:
    with pytest.raises(InvalidInputError, match="cursor"):
        page(hundred, cursor=cursor)


@pytest.mark.parametrize("limit", [0, 501])
def test_a_page_has_a_size(database: Store, limit: int) -> None:
    with pytest.raises(InvalidInputError, match="limit"):
        page(database, limit=limit)
