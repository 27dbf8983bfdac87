"""Turns an agent's outcome into records: all of its effects, or, where one cannot be applied, none."""

from dataclasses import dataclass

from recursor.domain.agent_state import (
    LONGEST_THOUGHT,
    MAX_PROPOSALS,
    MAX_THOUGHTS,
    AgentExecutionState,
    Proposal,
)
from recursor.domain.effect import Outcome
from recursor.domain.ids import new_id
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Stack
from recursor.domain.trace import Trace
from recursor.storage.draft import Draft, cut
from recursor.storage.effects import APPLY
from recursor.storage.store import Writer
from recursor.storage.tables import TRACES


@dataclass(frozen=True, slots=True)
class Applied:
    """What an outcome came to."""

    stack: Stack
    progress: bool
    """Whether more than the agent's own notes has changed: then the caller raises the stack's revision."""
    written_to: set[str]
    """The other stacks that got a message; "all" for a broadcast."""


def apply_outcome(
    writer: Writer,
    stack: Stack,
    role: str,
    execution_id: str,
    outcome: Outcome,
    saw: Snapshot,
    now: float,
    *,
    proposal: str | None = None,
) -> Applied:
    """Apply an outcome in the transaction at hand: effects, the role's state, the trace.

    Args:
        writer: the transaction.
        stack: the stack as the transaction sees it.
        role: whose outcome it is.
        execution_id: the cycle in which it ran.
        outcome: what it proposes.
        saw: what the agent made it of.
        now: seconds since the epoch, UTC.
        proposal: the fingerprint of the plan, artifact or review in it, to be kept.

    Returns:
        what it came to, stored already.

    Raises:
        EffectRefusedError: an effect cannot be applied; nothing has been written.
        InvalidInputError: it holds what cannot be stored; nothing has been written.
    """
    draft = Draft(writer, stack, role, saw, now)
    for effect in outcome.effects:
        APPLY[type(effect)](draft, effect)
    _remember_run(draft, outcome, proposal)
    if outcome.effects or outcome.summary or outcome.thoughts:
        _trace_run(draft, outcome, execution_id)
    draft.write(writer)
    return Applied(draft.stack, draft.progress, draft.written_to)


def _remember_run(draft: Draft, outcome: Outcome, proposal: str | None) -> None:
    state = draft.state(draft.role)
    short_term = state.short_term
    if outcome.thoughts:
        new = tuple([cut(thought, LONGEST_THOUGHT) for thought in outcome.thoughts[-MAX_THOUGHTS:]])
        thoughts = (*short_term.recent_thoughts, *new)[-MAX_THOUGHTS:]
        short_term = short_term.but(recent_thoughts=thoughts)
    if proposal is not None:
        proposals = (*short_term.proposals, Proposal(fingerprint=proposal, made_at=draft.now))
        short_term = short_term.but(proposals=proposals[-MAX_PROPOSALS:])
    draft.note(
        state.but(
            execution_state=AgentExecutionState.IDLE,
            last_run_at=draft.looked_at(),
            last_error=None,
            wait=None,
            short_term=short_term,
        )
    )


def _trace_run(draft: Draft, outcome: Outcome, execution_id: str) -> None:
    trace = Trace(
        id=new_id(),
        stack_id=draft.stack.id,
        execution_id=execution_id,
        role=draft.role,
        created_at=draft.now,
        summary=outcome.summary,
        thoughts=outcome.thoughts,
        effects=tuple(effect.kind for effect in outcome.effects),
        metadata=outcome.metadata,
    )
    draft.puts[TRACES.name, trace.id] = (TRACES, trace)
