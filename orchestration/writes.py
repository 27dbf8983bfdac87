"""What an owner wants written of its stack, as data: the storage room makes a commit of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.domain.record import Record
from recursor.domain.stack import Stack


@dataclass(slots=True)
class Writes:
    """Records to store, and what goes with them. What comes later replaces what came before."""

    records: dict[tuple[type[Record], str], Record] = field(default_factory=dict)
    """By type and own key."""
    sent: dict[str, Record] = field(default_factory=dict)
    """Messages to other stacks, to be kept until they have arrived."""
    arrived: set[str] = field(default_factory=set)
    """Ids of such messages that have."""
    ended: list[tuple[OrchestratorExecution, ExecutionGraph | None]] = field(default_factory=list)
    """Cycles that ended, to be counted in the statistics."""
    renamed: tuple[Stack | None, Stack] | None = None
    """The stack before (None: it is new) and after a change of its name."""
    deleted: bool = False
    """Whether the stack and all that belongs to it is removed."""

    def put(self, key: str, record: Record) -> None:
        """Store `record` under its own key."""
        self.records[type(record), key] = record

    def extend(self, later: "Writes") -> None:
        """Take over what `later` writes after this."""
        self.records.update(later.records)
        self.sent.update(later.sent)
        for message_id in later.arrived:
            # One that arrived before it was stored need not be stored.
            if self.sent.pop(message_id, None) is None:
                self.arrived.add(message_id)
        self.ended += later.ended
        if later.renamed is not None:
            before = later.renamed[0] if self.renamed is None else self.renamed[0]
            self.renamed = (before, later.renamed[1])
        self.deleted = self.deleted or later.deleted

    def copy(self) -> "Writes":
        """Return a copy that can be extended by itself."""
        return Writes(
            dict(self.records),
            dict(self.sent),
            set(self.arrived),
            list(self.ended),
            self.renamed,
            self.deleted,
        )

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records.values())

    def __bool__(self) -> bool:
        return bool(self.records or self.sent or self.arrived or self.ended or self.renamed or self.deleted)
