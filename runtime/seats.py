"""The place of a run among those of agents that run at a time, which it gives up while it waits in line."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from recursor.runtime.priority import PriorityDispatcher, PriorityMailbox

if TYPE_CHECKING:
    from pykka._envelope import Envelope

    from recursor.runtime.dispatched import DispatchedActor
    from recursor.runtime.worker import Worker


class _State(Enum):
    TAKEN = auto()
    LEFT = auto()
    WANTED = auto()
    ENDED = auto()


class WorkerSeat:
    """A `recursor.domain.agent.Seat`: that of the run on one of a dispatcher's threads."""

    def __init__(self, dispatcher: PriorityDispatcher, worker: Worker, priority: int) -> None:
        """Know the seat that `worker` has, for a run of this priority."""
        self._dispatcher = dispatcher
        self._worker = worker
        self._priority = priority
        self._state = _State.TAKEN
        self._then: Callable[[], object] = _nothing

    @property
    def is_crowded(self) -> bool:
        """See `Seat.is_crowded`."""
        return self._dispatcher.is_crowded

    def leave(self) -> None:
        """See `Seat.leave`."""
        with self._dispatcher.lock:
            if self._state is _State.TAKEN and self._dispatcher.waits(self._worker):
                self._state = _State.LEFT

    def take(self, then: Callable[[], object]) -> None:
        """See `Seat.take`."""
        with self._dispatcher.lock:
            wanted = self._state is _State.LEFT
            if wanted:
                self._state, self._then = _State.WANTED, then
        if wanted:
            self._dispatcher.schedule(_Return(self._dispatcher, self, self._priority))
        else:
            then()

    def end(self) -> None:
        """Note that the run has ended: it wants no place any more."""
        with self._dispatcher.lock:
            self._state = _State.ENDED

    def offer(self) -> None:
        """Take the place of the thread that calls this, if one is still wanted."""
        with self._dispatcher.lock:
            if self._state is not _State.WANTED:
                return
            self._state = _State.TAKEN
            self._dispatcher.hand_over(self._worker)
        self._then()

    def give_without_place(self) -> None:
        """Let the run go on, because the dispatcher ends and there will be no place any more."""
        with self._dispatcher.lock:
            wanted, self._state = self._state is _State.WANTED, _State.ENDED
        if wanted:
            self._then()


class _Return(PriorityMailbox):
    """Stands in the dispatcher's queue for a run that wants its place back, before others of its priority."""

    __slots__ = ("_seat", "_wanted_priority")

    returns = True

    def __init__(self, dispatcher: PriorityDispatcher, seat: WorkerSeat, priority: int) -> None:
        super().__init__(dispatcher)
        self._seat = seat
        self._wanted_priority = priority

    @property
    def priority(self) -> int:
        return self._wanted_priority

    def put(self, envelope: Envelope[Any], /) -> None:
        raise NotImplementedError("no actor is behind it")

    def run(self, batch: int) -> None:  # noqa: ARG002  # nothing is handled
        self._seat.offer()

    def close(self) -> DispatchedActor | None:
        return None

    def bury(self, actor: DispatchedActor | None) -> None:  # noqa: ARG002  # there is none
        self._seat.give_without_place()


def _nothing() -> None:
    pass
