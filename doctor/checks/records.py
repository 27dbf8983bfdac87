"""Whether a stack's records are readable, and its settings valid."""

from pydantic import JsonValue

from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity
from recursor.domain.stack import ExecutionState
from recursor.domain.wording import plural
from recursor.storage.tables import ACCOUNTS


def records_can_be_read(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """Damaged records, or records of another version of Recursor."""
    if not found.unreadable:
        return None
    count = len(found.unreadable)
    hidden = found.stack is None
    return Observation(
        severity=Severity.PROBLEM,
        symptom="The stack cannot be shown or run: its record is unreadable"
        if hidden
        else "Some of the stack's records are unreadable",
        evidence=plural(count, "record") + f": {found.unreadable[0]}",
        figures={"records": count, "texts": [*found.unreadable]},
        cause="A newer Recursor wrote them, or the file is damaged.",
        fix="If a newer Recursor ran here, use it. Otherwise restore a backup (recursor restore). If "
        "there is none, the stack can only be deleted."
        if hidden
        else "If a newer Recursor ran here, use it. Otherwise restore a backup (recursor restore). If "
        "there is none, let the stack continue without these records, except the accounts of its budgets.",
        commands=_commands(evidence, found),
    )


def _commands(evidence: Evidence, found: StackEvidence) -> tuple[str, ...]:
    if found.stack is None:
        return (evidence.command("delete", found.id),)
    if all(each.startswith(f"{ACCOUNTS.name} ") for each in found.unreadable):
        # Without the account of a budget nobody knows what was spent: only a backup helps.
        return (evidence.command("budget", found.id),)
    state, in_cycle = found.stack.state, found.stack.current_execution_id is not None
    repair = evidence.command("repair", found.id)
    if in_cycle and (found.cycle is None or found.graph is None):
        # A stop discards an unreadable cycle.
        return (evidence.command("stop", found.id), repair, evidence.command("start", found.id))
    if state not in (ExecutionState.RUNNING, ExecutionState.PAUSED):
        return (repair,)
    going_on = (repair, evidence.command("resume", found.id))
    return going_on if state is ExecutionState.PAUSED else (evidence.command("pause", found.id), *going_on)


def settings_can_be_used(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A stack's own settings that this version of Recursor does not know or accept."""
    if found.settings_problem is None or found.stack is None:
        return None
    overridden: list[JsonValue] = [
        f"{section}.{key}" for section, values in found.stack.settings.items() for key in values
    ]
    return Observation(
        severity=Severity.PROBLEM,
        symptom="The stack cannot run with its settings",
        evidence=f"{plural(len(overridden), 'setting')} of its own: {', '.join(map(str, overridden))}",
        figures={"settings": overridden},
        cause=found.settings_problem,
        fix="Unset these settings, then set valid ones. The stack's contents stay.",
        commands=(
            evidence.command(
                "configure", found.id, *(word for key in overridden for word in ("--unset", str(key)))
            ),
            *_going_on(evidence, found),
        ),
    )


def _going_on(evidence: Evidence, found: StackEvidence) -> tuple[str, ...]:
    assert found.stack is not None
    paused = found.stack.state is ExecutionState.PAUSED
    return (evidence.command("resume", found.id),) if paused else ()
