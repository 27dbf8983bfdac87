"""What a supervisor has still to write, and who waits for it."""

from typing import Any

from recursor.actors.commit_queue import CommitQueue
from recursor.domain.new_records import new_stack
from recursor.orchestration.stack_records import StackRecords
from recursor.orchestration.stack_state import Step
from recursor.orchestration.writes import Writes
from recursor.runtime.future import DispatchedFuture
from recursor.storage.commit import Fence


class _NeverWritten:
    """A store whose commits stay on their way."""

    def commit(self, _commit: object, _done: object) -> None:
        pass


def test_a_queue_is_not_idle_while_somebody_waits_for_what_is_already_so() -> None:
    stack = new_stack("one", 0.0)
    records = StackRecords(stack)
    store: Any = _NeverWritten()
    queue = CommitQueue(store, Fence(stack.id, 1), records, lambda _error: None)
    state: Any = type("State", (), {"records": records})()
    created = Writes()
    created.put("", stack)
    queue.add(Step(0.0, state, created, [], [], save=True))
    second: DispatchedFuture[Any] = DispatchedFuture()
    queue.add(Step(0.0, state, Writes(), [], [], save=True), asked=second)

    queue.committed()

    assert not queue.is_idle
    queue.flush()
    assert queue.is_idle
    assert second.get(timeout=0) is None
