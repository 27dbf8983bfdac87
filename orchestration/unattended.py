"""How much a team does without new input, and when to stop it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from recursor.domain.effect import ProposeCommit, PublishArtifact
from recursor.domain.node_result import NodeResult
from recursor.domain.settings import LoopSettings
from recursor.domain.spending import AgentFailedError
from recursor.domain.stack import Stack


class Measure(NamedTuple):
    """What is counted."""

    key: str
    """Its setting in `loop`."""
    noun: str


def counted(stack: Stack, results: Iterable[NodeResult]) -> Stack:
    """Return the stack with some runs added to its counters.

    A run without proposals counts only for its tokens: a team that periodically checks for work is not in a
    loop. A run that may have been paid for in vain counts, too.

    Args:
        stack: the stack before.
        results: the results of the runs.
    """
    runs = tokens = versions = 0
    dollars = Decimal(0)
    for result in results:
        outcome, usage = result.outcome, None
        if outcome is not None:
            usage = outcome.usage
            runs += bool(outcome.effects)
            versions += sum(isinstance(effect, PublishArtifact | ProposeCommit) for effect in outcome.effects)
        elif result.failure is not None:
            usage = result.failure.usage
            runs += isinstance(result.failure, AgentFailedError) and result.failure.counts
        if usage is not None:
            tokens += usage.tokens
            dollars += usage.known_cost
    if not (runs or tokens or versions):
        return stack
    return stack.but(
        runs_since_input=stack.runs_since_input + runs,
        tokens_since_input=stack.tokens_since_input + tokens,
        versions_since_input=stack.versions_since_input + versions,
        dollars_since_approval=stack.dollars_since_approval + dollars,
    )


def begun_anew(stack: Stack) -> Stack:
    """Return the stack with its counters reset: it got new input, or was resumed."""
    if not (stack.runs_since_input or stack.tokens_since_input or stack.versions_since_input):
        return stack
    return stack.but(runs_since_input=0, tokens_since_input=0, versions_since_input=0)


def too_much(stack: Stack, settings: LoopSettings) -> str | None:
    """Return why a team must stop until it gets input, or None.

    Args:
        stack: the stack, with its runs counted.
        settings: the limits.
    """
    for number, most, what in done_since_input(stack, settings):
        if most and number >= most:
            return (
                f"{number:,} {what.noun} since the last input (loop.{what.key} = {most:,}): check its work, "
                "then resume, or raise the limit (0: none)"
            )
    return None


def done_since_input(stack: Stack, settings: LoopSettings) -> tuple[tuple[int, int, Measure], ...]:
    """Return what a team has done by itself of each kind, and how much it may do; 0: no limit.

    Args:
        stack: the stack, with its runs counted.
        settings: how much it may do.
    """
    return (
        (stack.runs_since_input, settings.runs, Measure("runs", "runs")),
        (stack.tokens_since_input, settings.tokens, Measure("tokens", "tokens")),
        (stack.versions_since_input, settings.versions, Measure("versions", "versions of the work")),
    )
