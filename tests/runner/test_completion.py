"""When stacks are done."""

from collections.abc import Iterator
from typing import Any

import pytest

from recursor.domain.agent_state import Wait
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, Phase
from recursor.runner.completion import Completion, Standing
from recursor.runner.team import observers_team
from recursor.storage.commit import Commit
from recursor.storage.opening import memory_store
from recursor.storage.store import Store
from recursor.storage.tables import STACKS, STATES, USER_MESSAGES
from tests.making import NOW, STACK, make_idea, make_stack, make_state, make_user_message
from tests.storing import put_all, put_stack

OTHER = "5eed000000000002"
COMPLETE: dict[str, Any] = {"phase": Phase.COMPLETE}


@pytest.fixture
def store() -> Iterator[Store]:
    store = memory_store()
    yield store
    store.close()


def put(store: Store, stack_id: str = STACK, **fields: Any) -> None:
    stack = make_stack(id=stack_id, **fields)
    seen = [make_state(role, NOW - 10, stack_id=stack_id) for role in ("planner", "reviewer")]

    def work(writer: Commit) -> None:
        put_stack(writer, stack, make_idea(stack_id=stack_id))
        for state in seen:
            STATES.put(writer, state)

    put_all(store, work)


def completion(store: Store, only: str | None = STACK) -> Completion:
    return Completion(store, observers_team(), Settings(), lambda: NOW, since=NOW - 100, only=only)


@pytest.mark.parametrize(
    ("fields", "standing"),
    [
        (COMPLETE, Standing.DONE),
        ({"phase": Phase.BUILDING}, Standing.UNFINISHED),
        ({**COMPLETE, "current_execution_id": "e"}, Standing.UNFINISHED),
        ({"state": ExecutionState.PAUSED}, Standing.UNFINISHED),
        ({"state": ExecutionState.PAUSED, "state_reason": "5 failed cycles in a row"}, Standing.FAILED),
        ({"state": ExecutionState.STOPPED}, Standing.ENDED),
    ],
)
def test_one_stack_stands(store: Store, fields: dict[str, Any], standing: Standing) -> None:
    put(store, **fields)
    verdict = completion(store).verdict()
    assert [(stack.id, found) for stack, found in verdict.stacks] == [(STACK, standing)]
    assert completion(store).over() is (standing is not Standing.UNFINISHED)


def test_somebody_who_has_work_keeps_a_complete_stack_from_being_done(store: Store) -> None:
    put(store, **COMPLETE)
    put_all(store, lambda writer: USER_MESSAGES.add(writer, make_user_message()))
    assert not completion(store).over()


def test_work_that_waits_for_a_provider_keeps_a_complete_stack_from_being_done(store: Store) -> None:
    put(store, **COMPLETE)
    wait = Wait(since=NOW - 5, until=NOW + 900, why="away", asked=Settings().model.asked_by("communicator"))

    def visit(writer: Commit) -> None:
        USER_MESSAGES.add(writer, make_user_message())
        STATES.put(writer, make_state("communicator").but(wait=wait))

    put_all(store, visit)
    assert not completion(store).over()


def test_a_deleted_stack_is_waited_for_no_more(store: Store) -> None:
    assert completion(store).over()
    assert completion(store).verdict().stacks == ()


def test_all_that_run_are_waited_for_and_no_others(store: Store) -> None:
    put(store, **COMPLETE)
    put(store, OTHER, phase=Phase.BUILDING)
    waiting = completion(store, only=None)
    assert not waiting.over()
    assert not waiting.over()
    put_again = make_stack(id=OTHER, state=ExecutionState.PAUSED)
    put_all(store, lambda writer: STACKS.put(writer, put_again))
    assert waiting.over()
    assert [stack.id for stack in waiting.verdict().those(Standing.DONE)] == [STACK]


def test_a_stack_that_came_to_a_halt_by_itself_is_told_of(store: Store) -> None:
    put(store, state=ExecutionState.PAUSED, state_reason="failed", paused_at=NOW)
    put(store, OTHER, state=ExecutionState.PAUSED, state_reason="failed long ago", paused_at=NOW - 1000)
    verdict = completion(store, only=None).verdict()
    assert [stack.id for stack in verdict.those(Standing.FAILED)] == [STACK]
