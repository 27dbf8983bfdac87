"""What an owner wants written of its stack, as data: the storage room makes a commit of it."""

from collections.abc import Iterator

from recursor.domain.core_record import AnyRecord
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.domain.message import Message
from recursor.domain.stack import Stack

_NONE: frozenset[str] = frozenset()


class Writes:
    """Records to store, and what goes with them. What comes later replaces what came before."""

    __slots__ = ("arrived", "deleted", "ended", "records", "renamed", "sent")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.records: dict[tuple[type[AnyRecord], str], AnyRecord] = {}
        """By type and own key."""
        self.sent: dict[str, Message] = {}
        """Messages to other stacks, to be kept until they have arrived."""
        self.arrived: set[str] | frozenset[str] = _NONE
        """Ids of such messages that have."""
        self.ended: tuple[tuple[OrchestratorExecution, ExecutionGraph | None], ...] = ()
        """Cycles that ended, to be counted in the statistics."""
        self.renamed: tuple[Stack | None, Stack] | None = None
        """The stack before (None: it is new) and after a change of its name."""
        self.deleted = False
        """Whether the stack and all that belongs to it is removed."""

    def put(self, key: str, record: AnyRecord) -> None:
        """Store `record` under its own key."""
        self.records[type(record), key] = record

    def arrive(self, message_id: str) -> None:
        """Remove a message that has arrived; one that was not stored need not be."""
        if self.sent.pop(message_id, None) is None:
            self.arrived = {*self.arrived, message_id}

    def extend(self, later: "Writes") -> None:
        """Take over what `later` writes after this."""
        self.records.update(later.records)
        if later.sent:
            self.sent.update(later.sent)
        for message_id in later.arrived:
            self.arrive(message_id)
        self.ended += later.ended
        if later.renamed is not None:
            before = later.renamed[0] if self.renamed is None else self.renamed[0]
            self.renamed = (before, later.renamed[1])
        self.deleted = self.deleted or later.deleted

    def __iter__(self) -> Iterator[AnyRecord]:
        return iter(self.records.values())

    def __bool__(self) -> bool:
        return bool(self.records or self.sent or self.arrived or self.ended or self.renamed or self.deleted)
