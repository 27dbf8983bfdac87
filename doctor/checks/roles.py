"""Whether the team has the roles that a stack has worked with."""

from pydantic import JsonValue

from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity


def roles_are_in_team(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A role that has run in the stack but that the runner's team lacks."""
    load = evidence.runner.load
    if load is None or not load.roles:
        return None
    missing = [role for role in found.roles if role not in load.roles]
    if not missing:
        return None
    return Observation(
        severity=Severity.WARNING,
        symptom="A role is missing: nobody does its work",
        evidence=f"{', '.join(missing)} ran in this stack; the team has {', '.join(load.roles)}",
        figures={"roles": list[JsonValue](missing)},
        cause="The runner was started without the team that has the role, or the role was removed.",
        fix="Start the runner with the --team that has it: todos and the role's memory are kept. If the role "
        "was removed on purpose, do nothing.",
        commands=(evidence.command("work", found.id),),
    )
