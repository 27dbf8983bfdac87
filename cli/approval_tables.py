"""Requests for approval on a terminal."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from recursor.cli.output import one_line
from recursor.cli.stack_tables import styled
from recursor.cli.wording import ago, span
from recursor.domain.approval import Approval, ApprovalStatus

# Lines of the arguments or the difference that are shown.
_SHOWN_LINES = 20


def approvals_view(asked: Iterable[tuple[str, Approval]], now: float) -> RenderableType:
    """Return the requests, each as a paragraph: what, why, until when, and the commands that answer it.

    Args:
        asked: the name of the stack and the request.
        now: seconds since the epoch, UTC.
    """
    return Group(*(_paragraph(stack, approval, now) for stack, approval in asked))


def _paragraph(stack: str, approval: Approval, now: float) -> Text:
    digits = approval.id[-8:]
    text = Text()
    text.append(digits, "bright_black").append("  ").append(one_line(stack), "bold").append("  ")
    text.append(styled(approval.status)).append(f"  {one_line(approval.subject)}\n")
    text.append(f"  asked by {approval.role} {ago(approval.created_at, now)}", "bright_black")
    if approval.has_expired(now):
        text.append(", expired\n", "yellow")
    elif approval.status is ApprovalStatus.PENDING:
        text.append(f", expires in {span(approval.expires_at - now)}\n", "bright_black")
    else:
        by = f", answered by {approval.answered_by}" if approval.answered_by else ""
        text.append(f"{by}\n", "bright_black")
    if approval.why:
        text.append(f"  why: {one_line(approval.why)}\n")
    if approval.note:
        text.append(f"  note: {one_line(approval.note)}\n")
    lines = approval.detail.splitlines()
    for line in lines[:_SHOWN_LINES]:
        text.append(f"  | {one_line(line)}\n", "bright_black")
    if lines[_SHOWN_LINES:]:
        text.append(f"  | {len(lines) - _SHOWN_LINES:,} more lines: --json shows them\n", "bright_black")
    if approval.status is ApprovalStatus.PENDING and not approval.has_expired(now):
        text.append(f"  recursor approve {digits}   recursor reject {digits} --note TEXT\n", "cyan")
    return text
