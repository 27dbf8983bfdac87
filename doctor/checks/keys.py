"""Whether a stack's models can be asked at all."""

from pydantic import JsonValue

from recursor.agents.model.model_checks import WithoutKey, models_without_key
from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity
from recursor.domain.stack import ExecutionState


def models_have_keys(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A model without a key is skipped, or, without a fallback, keeps its roles from working."""
    stack, missing = found.stack, _missing(evidence, found)
    if stack is None or not missing:
        return None
    paused = is_paused_for_want_of_key(evidence, found)
    named = sorted({each.model for each in missing})
    stands = [each for each in missing if not each.has_other]
    return Observation(
        severity=Severity.PROBLEM if stands else Severity.WARNING,
        symptom="A model has no key"
        + (
            ": the stack is paused"
            if paused
            else ": its roles cannot work"
            if stands
            else ", and a fallback is used"
        ),
        since=stack.paused_at if paused else None,
        evidence="; ".join(f"{each.setting} is {each.model}" for each in missing),
        figures={"models": list[JsonValue](named)},
        cause=(
            stack.state_reason or ""
            if paused
            else "There is no fallback: the stack is paused as soon as one of these roles has work."
            if stands
            else "A fallback model is used while it can answer."
        ),
        fix=f"Give the runner the key: {'; '.join(sorted({each.remedy for each in missing}))}."
        + (" Then resume the stack." if paused else ""),
        commands=(
            *evidence.new_runner(),
            *((evidence.command("resume", found.id),) if paused else ()),
        ),
    )


def is_paused_for_want_of_key(evidence: Evidence, found: StackEvidence) -> bool:
    """Whether a stack is paused because a model has no key, and still has none."""
    stack = found.stack
    return (
        stack is not None
        and stack.state is ExecutionState.PAUSED
        and any(each.remedy in (stack.state_reason or "") for each in _missing(evidence, found))
    )


def _missing(evidence: Evidence, found: StackEvidence) -> list[WithoutKey]:
    if evidence.keyed is None or found.stack is None or found.settings_problem is not None:
        return []
    return list(models_without_key(found.settings, evidence.keyed))
