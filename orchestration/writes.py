"""An owner's writes for its stack, as data: the storage room makes a commit of them."""

from collections.abc import Iterator

from recursor.domain.core_record import AnyRecord
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.domain.message import Message
from recursor.domain.stack import Stack

_NONE: frozenset[str] = frozenset()


class Writes:
    """Records to store, and related changes. Later values replace earlier ones."""

    __slots__ = ("arrived", "deleted", "ended", "records", "renamed", "sent")

    def __init__(self) -> None:
        """Start empty."""
        self.records: dict[tuple[type[AnyRecord], str], AnyRecord] = {}
        """Records by type and own key."""
        self.sent: dict[str, Message] = {}
        """Messages to other stacks, to keep until they are delivered."""
        self.arrived: set[str] | frozenset[str] = _NONE
        """Ids of delivered messages."""
        self.ended: tuple[tuple[OrchestratorExecution, ExecutionGraph | None], ...] = ()
        """Cycles that ended, for the statistics."""
        self.renamed: tuple[Stack | None, Stack] | None = None
        """The stack before (None if new) and after a change of its name."""
        self.deleted = False
        """Whether to remove the stack and all its records."""

    def put(self, key: str, record: AnyRecord) -> None:
        """Store `record` under its own key."""
        self.records[type(record), key] = record

    def arrive(self, message_id: str) -> None:
        """Remove a delivered message; it may be one that was never stored."""
        if self.sent.pop(message_id, None) is None:
            self.arrived = {*self.arrived, message_id}

    def extend(self, later: "Writes") -> None:
        """Add the writes of `later`, which come after these."""
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
