"""What agents say of their runs: the witness that the store is compared with."""

from collections.abc import Collection
from dataclasses import dataclass, field

from recursor.domain.agent import Run
from recursor.domain.effect import (
    AnswerUserMessage,
    CreateTodo,
    Effect,
    MoveTip,
    ProposeCommit,
    PublishArtifact,
    Remember,
    SendMessage,
    UpdateTodo,
)
from recursor.domain.graph import node_key
from recursor.domain.snapshot import Snapshot

Key = tuple[str, str, int]
"""Execution, node (see `recursor.domain.graph.node_key`), attempt."""


def key_of(run: Run) -> Key:
    """Return the key of a run."""
    return run.execution_id, node_key(run.role, run.todo_id), run.attempt


def written(key: Key) -> str:
    """Return a key as agents write it into what they make."""
    return f"{key[0]}.{key[1]}.{key[2]}"


@dataclass(frozen=True, slots=True)
class Begun:
    """An agent was called."""

    stack_id: str
    key: Key
    wave: int | None
    """None: not on record."""
    life: int
    """Of the process."""
    commands: int = 0
    """How many had been given until then, up to one that was still to give agents up."""


@dataclass(frozen=True, slots=True)
class Returned:
    """An agent has returned an outcome that can be applied, with these effects."""

    stack_id: str
    key: Key
    todos: int
    artifacts: int
    facts: int
    answered: tuple[str, ...]
    completed: tuple[str, ...]
    proposed: tuple[tuple[str, str], ...]
    """Todo and commit."""
    sent: tuple[tuple[str | None, str], ...]
    """Receiver (None: all) and content."""
    uncertain: frozenset[str]
    """Stacks that may not have been there."""


@dataclass(slots=True)
class Journal:
    """What was told, of all lives of the process."""

    begun: dict[Key, Begun] = field(default_factory=dict)
    returned: dict[Key, Returned] = field(default_factory=dict)
    runs: int = 0

    def note_returned(
        self, snapshot: Snapshot, key: Key, effects: tuple[Effect, ...], uncertain: Collection[str]
    ) -> None:
        """Note what an agent is about to return.

        What is sent to a stack in `uncertain` need not arrive. What was answered already stays as it is.
        """
        unanswered = {message.id for message in snapshot.unanswered}
        todo_of = {proposal.id: proposal.todo_id for proposal in snapshot.proposals}
        self.returned[key] = Returned(
            snapshot.stack.id,
            key,
            todos=sum(isinstance(effect, CreateTodo) for effect in effects),
            artifacts=sum(isinstance(effect, PublishArtifact) for effect in effects),
            facts=sum(isinstance(effect, Remember) for effect in effects),
            answered=tuple(
                e.message_id
                for e in effects
                if isinstance(e, AnswerUserMessage) and e.message_id in unanswered
            ),
            completed=(
                *(e.todo_id for e in effects if isinstance(e, UpdateTodo)),
                *(todo_of[e.proposal_id] for e in effects if isinstance(e, MoveTip) and e.proposal_id),
            ),
            proposed=tuple((e.todo_id, e.commit) for e in effects if isinstance(e, ProposeCommit)),
            sent=tuple((e.to_stack_id, e.content) for e in effects if isinstance(e, SendMessage)),
            uncertain=frozenset(uncertain),
        )
