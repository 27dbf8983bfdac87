"""What an agent's outcome will have changed: kept apart until every effect has been found possible."""

from dataclasses import dataclass, field
from math import nextafter
from typing import Any

from recursor.domain.agent_state import AgentState
from recursor.domain.effect import Effect
from recursor.domain.errors import RecursorError
from recursor.domain.project import ProjectIdea
from recursor.domain.record import Record
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Stack
from recursor.storage.codec import encode
from recursor.storage.revisions import bump_revision
from recursor.storage.stacks import agent_state, note_news
from recursor.storage.store import Reader, Writer
from recursor.storage.table import Table
from recursor.storage.tables import BROADCASTS, IDEAS, STATES

# An id that an agent made up can be as long as its outcome, and the reason stands in several records.
_LONGEST_REASON = 200


class EffectRefusedError(RecursorError):
    """An effect names something that does not exist, or is not possible: none of its outcome is applied."""


@dataclass
class Draft:
    """What is written when all is well, by one role, of one stack."""

    reader: Reader
    stack: Stack
    role: str
    saw: Snapshot
    """What the role's agent made its outcome of."""
    now: float
    """Seconds since the epoch, UTC."""
    puts: dict[tuple[str, str], tuple[Table[Any], Record]] = field(default_factory=dict)
    """The records, by table and key."""
    written_to: set[str] = field(default_factory=set)
    """The stacks that got a message."""
    progress: bool = False
    """Whether there is more to it than the agent's own notes."""

    def latest(self, table: Table[Any], stack_id: str, key: str | None = None) -> Any:
        """Return a record as it will be, or None."""
        drafted = self.puts.get((table.name, key or stack_id))
        return drafted[1] if drafted is not None else table.get(self.reader, stack_id, key)

    def put(self, table: Table[Any], key: str, record: Record) -> None:
        """Keep what others may see."""
        self.progress = True
        self.puts[table.name, key] = (table, record)

    def state(self, role: str) -> AgentState:
        """Return a role's state as it will be."""
        drafted = self.puts.get((STATES.name, role))
        if drafted is not None and isinstance(drafted[1], AgentState):
            return drafted[1]
        return agent_state(self.reader, self.stack, role)

    def note(self, state: AgentState) -> None:
        """Keep what an agent notes for itself: no progress."""
        self.puts[STATES.name, state.role] = (STATES, state.but(updated_at=self.now))

    def has_seen(self, idea: ProjectIdea) -> bool:
        """Whether the agent has read these words, or chosen them."""
        return idea.updated_by == self.role or (self.saw.idea is not None and self.saw.idea.idea == idea.idea)

    def looked_at(self) -> float:
        """Return when the agent looked: before any idea that it has missed, by however little."""
        idea = IDEAS.get(self.reader, self.stack.id)
        if idea is None or self.has_seen(idea):
            return self.saw.taken_at
        return min(self.saw.taken_at, nextafter(idea.updated_at, 0.0))

    def refused(self, effect: Effect, why: str) -> EffectRefusedError:
        """Return the error that an effect cannot be applied."""
        shown = cut(" ".join(why.split()), _LONGEST_REASON)
        return EffectRefusedError(
            f"{self.role} proposed {effect.kind}: {shown}; nothing of its outcome was applied"
        )

    def write(self, writer: Writer) -> None:
        """Write all of it, or raise.

        Raises:
            InvalidInputError: it holds what cannot be stored; nothing has been written.
        """
        # What cannot be stored is found before anything is.
        encoded = [(table, record, encode(record)) for table, record in self.puts.values()]
        for table, record, value in encoded:
            table.put(writer, record, value)
        for stack_id in self.written_to:
            if stack_id == BROADCASTS:
                bump_revision(writer, BROADCASTS)
            else:
                note_news(writer, stack_id, self.now)


def cut(text: str, longest: int) -> str:
    """Return text of at most so many characters, with a sign where the rest was."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
