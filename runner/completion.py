"""Detects when stacks are done: the team has done all it can, nothing runs, and no role has work."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, Stack
from recursor.orchestration.roles import RoleRegistry
from recursor.storage.errors import CorruptRecordError
from recursor.storage.queries import UnreadableStack, list_stacks, work_detection_status
from recursor.storage.store import Reader, Store
from recursor.storage.tables import STACKS


class Standing(Enum):
    """How far a stack is from being done."""

    UNFINISHED = auto()
    """It runs, or would if a person had not paused it."""
    DONE = auto()
    FAILED = auto()
    """It was paused for a reason that needs a person."""
    ENDED = auto()
    """A person stopped or deleted it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status of the awaited stacks."""

    stacks: tuple[tuple[Stack, Standing], ...]

    @property
    def over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return all(standing is not Standing.UNFINISHED for _, standing in self.stacks)

    def those(self, standing: Standing) -> tuple[Stack, ...]:
        """Return the stacks with this status."""
        return tuple(stack for stack, found in self.stacks if found is standing)


class Completion:
    """Reads the store, not events, so that stacks that were done before it began count, too."""

    def __init__(
        self,
        store: Store,
        roles: RoleRegistry,
        settings: Settings,
        now: Callable[[], float],
        since: float,
        only: str | None = None,
    ) -> None:
        """Wait for one stack, or for all that run.

        Args:
            store: holds the stacks.
            roles: the team.
            settings: the runner's.
            now: returns the time in seconds since the epoch, UTC.
            since: when the runner was started: stacks that halted since then are included.
            only: the stack to wait for; None for every stack that is or will be running.
        """
        self._store = store
        self._roles = roles
        self._settings = settings
        self._now = now
        self._only = only
        self._since = since
        self._witness = only

    def over(self) -> bool:
        """Whether there is nothing left to wait for.

        Until then, this costs one check, however many stacks there are: the stack that was not done last time
        is checked first.
        """
        with self._store.read() as reader:
            if self._witness is not None and self._stands(reader, self._witness) is Standing.UNFINISHED:
                return False
            for stack_id in self._awaited(reader):
                if self._stands(reader, stack_id) is Standing.UNFINISHED:
                    self._witness = stack_id
                    return False
        return True

    def verdict(self) -> Verdict:
        """Return the status of all awaited stacks, from one snapshot."""
        with self._store.read() as reader:
            found = []
            for stack_id in self._awaited(reader):
                stack = STACKS.get(reader, stack_id)
                if stack is not None:
                    found.append((stack, self._stands(reader, stack_id)))
        return Verdict(tuple(found))

    def _awaited(self, reader: Reader) -> Iterator[str]:
        if self._only is not None:
            yield self._only
            return
        for stack in list_stacks(reader):
            if not isinstance(stack, UnreadableStack) and (
                stack.state is ExecutionState.RUNNING or self._suspended(stack)
            ):
                yield stack.id

    def _stands(self, reader: Reader, stack_id: str) -> Standing:
        try:
            stack = STACKS.get(reader, stack_id)
            if stack is None or stack.state in (ExecutionState.STOPPED, ExecutionState.IDLE):
                return Standing.ENDED
            if stack.state is ExecutionState.PAUSED:
                return self._paused(stack)
            if not stack.phase.is_final or stack.current_execution_id is not None:
                return Standing.UNFINISHED
            report = work_detection_status(reader, stack_id, self._roles, self._settings, self._now())
        except CorruptRecordError:
            # Its supervisor finds the same problem, and pauses it if it can be written.
            return Standing.FAILED
        # Work that waits for a provider is still work.
        left = report.roles_with_work() or report.roles_that_wait()
        return Standing.UNFINISHED if left else Standing.DONE

    def _paused(self, stack: Stack) -> Standing:
        if stack.state_reason is not None:
            return Standing.FAILED
        # A person who pauses the only awaited stack will resume it; one of many may rest.
        return Standing.ENDED if self._only is None else Standing.UNFINISHED

    def _suspended(self, stack: Stack) -> bool:
        """Whether it halted by itself while awaited."""
        return (
            stack.state is ExecutionState.PAUSED
            and stack.state_reason is not None
            and (stack.paused_at or 0.0) >= self._since
        )
