"""Whether a run may do something: by the stack's rules, and by what a person has approved for this run."""

from dataclasses import dataclass

from recursor.domain.agent import Run
from recursor.domain.approval import ApprovalAction, ApprovalRule
from recursor.domain.effect import AskApproval
from recursor.orchestration.approvals import digest_of


class ApprovalNeededError(Exception):
    """A person must agree first. The run ends with the request, and the todo waits for the answer."""

    def __init__(self, request: AskApproval) -> None:
        """Carry the request."""
        super().__init__(request.subject)
        self.request = request


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that a run wants to do."""

    action: ApprovalAction
    subject: str
    """In one line, for people."""
    detail: str
    """The arguments in full: the approval holds for exactly these."""
    why: str = ""


def check(run: Run, wish: Wish, rule: ApprovalRule) -> str | None:
    """Return why a run may not do something; None if it may.

    Args:
        run: the run.
        wish: the thing.
        rule: the stack's rule for it.

    Raises:
        ApprovalNeededError: a person must agree first.
    """
    if rule == "allow":
        return None
    if rule == "deny":
        return f"not allowed in this team: {wish.subject}"
    digest = digest_of(f"{wish.action}\n{run.todo_id}\n{wish.detail}")
    if digest in run.granted:
        return None
    raise ApprovalNeededError(
        AskApproval(
            action=wish.action,
            subject=_line(wish.subject),
            digest=digest,
            detail=wish.detail,
            why=wish.why,
            todo_id=run.todo_id,
        )
    )


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:199] or "?"
