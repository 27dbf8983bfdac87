"""Why a stack's agents may not run: paused after failures, out of budget, or by a person's command."""

from decimal import Decimal

from recursor.doctor.checks.keys import is_paused_for_want_of_key
from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity
from recursor.domain.spending import BudgetName, Kind
from recursor.domain.stack import ExecutionState
from recursor.domain.wording import cost, plural, span
from recursor.orchestration.unattended import too_much

# A budget to raise zero to, so that a team gets something done.
_FROM_NOTHING: dict[Kind, Decimal] = {
    "tokens": Decimal(100_000),
    "dollars": Decimal(1),
    "runs_per_hour": Decimal(10),
}


def not_paused_after_failures(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A stack paused by the orchestrator waits for a person."""
    stack = found.stack
    if stack is None or stack.state is not ExecutionState.PAUSED or stack.state_reason is None:
        return None
    reason = stack.state_reason
    if is_out_of_budget(found) or too_much(stack, found.settings.loop) is not None:
        return None
    known = (*found.unreadable, *(() if found.settings_problem is None else (found.settings_problem,)))
    if any(text in reason for text in known) or is_paused_for_want_of_key(evidence, found):
        # That is told with its cure.
        return None
    failed = stack.failures_in_a_row >= found.settings.pause.failures_allowed
    since = "" if stack.paused_at is None else f" for {span(evidence.now - stack.paused_at)}"
    return Observation(
        severity=Severity.PROBLEM,
        symptom="Paused after repeated failures" if failed else "Paused: a person has to look",
        since=stack.paused_at,
        evidence=f"paused{since} after {plural(stack.total_cycles, 'cycle')}"
        + (f", the last {stack.failures_in_a_row} of them failed" if stack.failures_in_a_row else ""),
        figures={
            "paused_seconds": None if stack.paused_at is None else round(evidence.now - stack.paused_at),
            "failures_in_a_row": stack.failures_in_a_row,
            "total_cycles": stack.total_cycles,
        },
        cause=stack.state_reason,
        fix="See what failed, fix it, then resume. The stack continues after its last wave.",
        commands=(
            evidence.command("executions", found.id, "--limit", "10"),
            evidence.command("resume", found.id),
        ),
    )


def is_within_budget(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A stack with too little budget left starts no more agents."""
    stack = found.stack
    if stack is None or not is_out_of_budget(found):
        return None
    named = stack.out_of_budget
    assert named is not None
    used = found.day.input_tokens + found.day.output_tokens
    return Observation(
        severity=Severity.PROBLEM,
        symptom=f"Paused: its budget is {named.problem}",
        since=stack.paused_at,
        evidence=f"paused{_since(stack.paused_at, evidence.now)}; "
        f"{used:,} tokens, {cost(found.day.cost, found.day.unpriced_tokens)}, "
        f"in {plural(found.day.agents_run, 'agent run')} in the last 24 hours",
        figures={
            "input_tokens": found.day.input_tokens,
            "output_tokens": found.day.output_tokens,
            "agents_run": found.day.agents_run,
            "cost": str(found.day.cost),
        },
        cause=stack.state_reason or "",
        fix=f"Check the spending. Then {_how(named)}.",
        commands=(evidence.command("stats", found.id), *_raising(evidence, found, named)),
    )


def may_run(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A named stack that is not running because a person wanted that."""
    stack = found.stack
    if stack is None or evidence.focus != found.id or found.running or stack.state_reason is not None:
        return None
    what, at, fix, command = {
        ExecutionState.PAUSED: ("It was paused by a person", stack.paused_at, "Resume it.", "resume"),
        ExecutionState.STOPPED: ("It was stopped by a person", stack.stopped_at, "Start it again.", "start"),
    }.get(stack.state, ("It was never started", stack.created_at, "Start it.", "start"))
    return Observation(
        severity=Severity.WARNING,
        symptom="No cycles run: the stack is not running",
        evidence=f"state {stack.state}{_since(at, evidence.now)}, {plural(stack.total_cycles, 'cycle')}",
        figures={"state": stack.state, "total_cycles": stack.total_cycles},
        cause=f"{what}.",
        fix=fix,
        commands=(evidence.command(command, found.id),),
    )


def is_out_of_budget(found: StackEvidence) -> bool:
    """Whether a stack is paused because of its budget."""
    stack = found.stack
    return stack is not None and stack.state is ExecutionState.PAUSED and stack.out_of_budget is not None


def _how(named: BudgetName) -> str:
    if not named.runner:
        return "raise the budget and resume"
    command = named.raising(named.enough or _FROM_NOTHING[named.kind], "")
    return f"raise the budget of all stacks with recursor {command}, and resume"


def _raising(evidence: Evidence, found: StackEvidence, named: BudgetName) -> tuple[str, ...]:
    """Return the commands that give the stack the budget for its next calls, and resume it."""
    if named.runner:
        return (evidence.command("budget"), evidence.command("resume", found.id))
    budget = found.settings.budget if named.role is None else found.settings.budget.of_role(named.role)
    limit = Decimal(getattr(budget, named.kind) or 0)
    most = named.enough or named.but(needed=limit).enough or _FROM_NOTHING[named.kind]
    return (evidence.command(*named.raising(most, found.id).split()),)


def _since(at: float | None, now: float) -> str:
    return "" if at is None else f" for {span(now - at)}"
