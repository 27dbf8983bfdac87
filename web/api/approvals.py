"""Approvals: what agents ask people for, and the answers."""

from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Path, Query

from recursor.actors.messages import AnswerApproval
from recursor.domain.approval import Approval
from recursor.storage.approval_listing import OpenApproval, approvals_before, find_approval, open_approvals
from recursor.storage.stack_names import find_stack
from recursor.web.api.answers import ON_ONE, WRITING
from recursor.web.api.bodies import NewAnswer
from recursor.web.api.models import Page
from recursor.web.api.parameters import USUAL_PAGE, After, Limit, StackId, page_of
from recursor.web.audit import REQUESTER
from recursor.web.engine import TheEngine

router = APIRouter(tags=["approvals"])


class ApprovalPage(Page[Approval]):
    """Some of a stack's requests for approval, newest first."""


@router.get("/api/approvals", responses=ON_ONE)
async def list_open_approvals(
    engine: TheEngine,
    stack: Annotated[
        str, Query(description="Only of this stack: its id, the id's first digits, or its name")
    ] = "",
) -> list[OpenApproval]:
    """List what agents ask people for, and what is approved and not used yet."""
    with engine.read() as reader:
        stack_id = find_stack(reader, unquote(stack)) if stack else None
        return open_approvals(reader, stack_id)


@router.get("/api/stacks/{stack_id}/approvals", responses=ON_ONE)
async def list_approvals(
    stack_id: StackId, engine: TheEngine, limit: Limit = USUAL_PAGE, cursor: After = ""
) -> ApprovalPage:
    """List a stack's requests for approval with their answers, newest first."""
    with engine.read() as reader:
        items, after = page_of(approvals_before(reader, stack_id, cursor), limit)
    return ApprovalPage(items=items, next=after)


@router.post("/api/approvals/{approval_id}/answer", responses=WRITING)
async def answer_approval(
    approval_id: Annotated[
        str, Path(description="The approval's id, or the last digits of the id of an open one")
    ],
    body: NewAnswer,
    engine: TheEngine,
) -> Approval:
    """Approve or reject what an agent asks for; the same answer again changes nothing."""
    with engine.read() as reader:
        asked = find_approval(reader, approval_id)
    answered: Approval = await engine.ask(
        AnswerApproval(asked.stack_id, asked.id, body.approved, body.note, REQUESTER.get())
    )
    return answered
