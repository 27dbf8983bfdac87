"""Whether a stack's models can be asked at all."""

from pydantic import JsonValue

from recursor.agents.model.model_checks import models_without_key
from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity


def models_have_keys(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A model without a key is skipped, or, without a fallback, keeps its roles from working."""
    if evidence.keyed is None or found.stack is None or found.settings_problem is not None:
        return None
    missing = list(models_without_key(found.settings, evidence.keyed))
    if not missing:
        return None
    named = sorted({each.model for each in missing})
    stands = [each for each in missing if not each.has_other]
    return Observation(
        severity=Severity.PROBLEM if stands else Severity.WARNING,
        symptom="A model has no key" + (": its roles cannot work" if stands else ", and a fallback is used"),
        evidence="; ".join(f"{each.setting} is {each.model}" for each in missing),
        figures={"models": list[JsonValue](named)},
        cause=(
            "There is no fallback: the stack is paused as soon as one of these roles has work."
            if stands
            else "A fallback model is used while it can answer."
        ),
        fix=f"Give the runner the key: {'; '.join(sorted({each.remedy for each in missing}))}.",
        commands=evidence.new_runner(),
    )
