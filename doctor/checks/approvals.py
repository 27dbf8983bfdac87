"""Whether people answer what agents ask them for."""

from pydantic import JsonValue

from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity
from recursor.domain.approval import Approval
from recursor.domain.wording import plural, span

# A person who looks once in this share of the time that there is answers soon enough.
SHARE = 0.5

SHOWN = 3
_LONGEST_SUBJECT = 80


def approvals_are_answered(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """Requests for approval have waited for long, or were rejected because nobody answered them."""
    now = evidence.now
    late = [
        each for each in found.pending if now - each.created_at > SHARE * (each.expires_at - each.created_at)
    ]
    expired = found.expired
    if not late and not expired:
        return None
    told: list[str] = []
    if late:
        left = span(min(each.expires_at for each in late) - now)
        told.append(
            f"{plural(len(late), 'request')} unanswered for over half of their time; {left} is left: "
            f"{_named(late)}"
        )
    if expired:
        told.append(
            f"{plural(len(expired), 'request')} rejected in the last 24 hours, as nobody answered: "
            f"{_named(expired)}"
        )
    return Observation(
        severity=Severity.WARNING if late else Severity.PAST,
        symptom="Agents wait for approval" if late else "Nobody answered agents that asked for approval",
        since=min(each.created_at for each in late or expired),
        until=None if late else max(each.expired_at(now) or now for each in expired),
        evidence="; ".join(told),
        figures={
            "late": len(late),
            "expired": len(expired),
            "ids": list[JsonValue]([each.id for each in (*late, *expired)]),
        },
        cause="The stack's rules under approve ask a person, and nobody has answered.",
        fix="Approve or reject them: what is not answered in time is rejected."
        if late
        else "Nothing if they were not needed: agents ask again for what they still need. Otherwise give "
        "people more time with approve.hours, or change the rule under approve.",
        commands=(
            evidence.command("approvals", found.id, *(() if late else ("--all",))),
            *(evidence.command(answer, each.id) for each in late[:SHOWN] for answer in ("approve", "reject")),
        ),
    )


def _named(approvals: list[Approval] | tuple[Approval, ...]) -> str:
    more = len(approvals) - SHOWN
    named = ", ".join(f"{each.role} asks to {each.subject[:_LONGEST_SUBJECT]}" for each in approvals[:SHOWN])
    return named + (f", and {more:,} more" if more > 0 else "")
