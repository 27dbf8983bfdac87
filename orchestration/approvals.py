"""Approvals: asking a person, taking the answer, and using it once.

A request names exactly one thing by its digest. A run is told what is approved for it when it begins, and the
commit that applies its outcome notes what it has used: so an approval is neither lost nor used twice.
"""

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal

from pydantic import JsonValue

from recursor.domain.approval import APPROVAL_DETAIL, Approval, ApprovalAction, ApprovalStatus
from recursor.domain.effect import AskApproval, Outcome
from recursor.domain.errors import ConflictError, NotFoundError
from recursor.domain.graph import Node
from recursor.domain.project import Artifact
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import ExecutionState
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.work import WorkStatus
from recursor.domain.workspace import CommitProposal
from recursor.orchestration.draft import Draft
from recursor.orchestration.merge_queue import count_attempt, give_back

INTEGRATOR = "integrator"
SPENDER = "all"
"""Asks in the name of the whole team."""
NOBODY_ANSWERED = "nobody answered in time"


def digest_of(content: str) -> str:
    """Return the digest of a page, or of a call with its arguments."""
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def ask(
    draft: Draft,
    settings: Settings,
    *,
    action: ApprovalAction,
    subject: str,
    digest: str,
    role: str,
    execution_id: str,
    detail: str = "",
    why: str = "",
    todo_id: str | None = None,
    content: str | None = None,
    metadata: Mapping[str, JsonValue] | None = None,
) -> Approval:
    """Ask a person; a pending request for the same thing is returned instead.

    Args:
        draft: the records.
        settings: the stack's.
        action: the kind of thing.
        subject: the thing, in one line.
        digest: identifies the thing.
        role: who asks.
        execution_id: the cycle.
        detail: the arguments or the difference.
        why: the reason.
        todo_id: the todo that waits for it.
        content: the page that is published by the approval.
        metadata: the page's.
    """
    for known in draft.records.approvals.items:
        if (known.action, known.digest, known.todo_id) == (action, digest, todo_id) or (
            # However much is spent meanwhile, it is one question.
            known.action == action == "spend"
        ):
            return known
    approval = Approval(
        id=draft.new_id(),
        stack_id=draft.records.stack.id,
        action=action,
        subject=_line(subject),
        detail=detail[:APPROVAL_DETAIL],
        digest=digest,
        why=why[:APPROVAL_DETAIL],
        role=role,
        todo_id=todo_id,
        execution_id=execution_id,
        created_at=draft.now,
        expires_at=draft.now + settings.approve.hours * 3600.0,
        content=content,
        metadata=metadata or {},
    )
    draft.put_approval(approval)
    return approval


def answer(draft: Draft, approval_id: str, *, approved: bool, note: str | None, by: str) -> Approval:
    """Take a person's answer. The same answer again changes nothing.

    Raises:
        NotFoundError: there is no such request.
        ConflictError: it is answered otherwise already, or no longer needed.
    """
    approval = draft.approval(approval_id)
    if approval is None:
        raise NotFoundError(
            f"no approval {approval_id} in stack {draft.records.stack.id}: `recursor approvals` lists them"
        )
    wanted = ApprovalStatus.APPROVED if approved else ApprovalStatus.REJECTED
    if approval.status is not ApprovalStatus.PENDING:
        if approval.status is wanted or (approved and approval.status is ApprovalStatus.USED):
            return approval
        raise ConflictError(
            f"approval {approval.id} is {approval.status} already: it cannot be answered again"
        )
    if approved and approval.has_expired(draft.now):
        raise ConflictError(f"approval {approval.id} expired: the agent asks again if it still needs it")
    approval = approval.but(status=wanted, answered_at=draft.now, answered_by=by, note=note)
    draft.put_approval(approval)
    if not approved:
        _reject(draft, approval, f"a person rejected it{': ' + note if note else ''}", by)
    elif approval.action == "publish":
        _publish(draft, approval)
    elif approval.action == "spend":
        draft.put_stack(draft.records.stack.but(dollars_since_approval=Decimal(0)))
        use(draft, approval, by)
    written = draft.writes.records[Approval, approval_id]
    assert isinstance(written, Approval)
    return written


def expire(draft: Draft) -> None:
    """Reject the requests that nobody answered in time."""
    for approval in draft.records.approvals.items:
        if approval.has_expired(draft.now):
            draft.put_approval(
                approval.but(status=ApprovalStatus.REJECTED, answered_at=draft.now, note=NOBODY_ANSWERED)
            )
            _reject(draft, approval, NOBODY_ANSWERED, approval.role)


def ask_to_spend(draft: Draft, settings: Settings, execution_id: str) -> None:
    """Ask whether the team may go on, if it has spent as much as it may without asking."""
    spent, most = draft.records.stack.dollars_since_approval, settings.approve.spend_over
    if most is not None and spent >= most:
        ask(
            draft,
            settings,
            action="spend",
            subject=f"spend ${most:f} more (${spent:f} spent since the last approval)",
            digest=digest_of(f"{draft.records.stack.id} {execution_id}"),
            role=SPENDER,
            execution_id=execution_id,
        )


def withdraw(draft: Draft, todo_id: str) -> None:
    """Withdraw the open requests of a todo that is closed."""
    for approval in draft.records.approvals.items:
        if approval.todo_id == todo_id:
            draft.put_approval(approval.but(status=ApprovalStatus.WITHDRAWN, answered_at=draft.now))


def awaits_publication(draft: Draft, todo_id: str) -> bool:
    """Return whether a version for a todo waits for a person's answer."""
    return any(
        each.action == "publish" and each.todo_id == todo_id and each.status is ApprovalStatus.PENDING
        for each in draft.records.approvals.items
    )


def use(draft: Draft, approval: Approval, by: str) -> None:
    """Note what has used an approval."""
    draft.put_approval(approval.but(status=ApprovalStatus.USED, used_by=by))


def grant(draft: Draft, nodes: Iterable[Node]) -> dict[str, Node]:
    """Tell the runs that begin what a person has approved for them.

    Args:
        draft: the records.
        nodes: the nodes that begin.

    Returns:
        The nodes for which anything is approved, by key.
    """
    return {
        node.key: node.but(granted=tuple([each.digest for each in own]))
        for node in nodes
        if (own := _approved_for(draft, node.role, node.todo_id))
    }


def settle(draft: Draft, node: Node, execution_id: str, outcome: Outcome) -> None:
    """Note the approvals that a run has used: those that it was granted, once its outcome is applied.

    A run that failed, or asks for something else as well, has thrown its working tree away and used none: the
    next one needs them again.

    Args:
        draft: the records.
        node: the node of the run.
        execution_id: the cycle.
        outcome: its outcome.
    """
    if any(isinstance(effect, AskApproval) for effect in outcome.effects):
        return
    for approval in _approved_for(draft, node.role, node.todo_id):
        if approval.digest in node.granted:
            use(draft, approval, f"{execution_id}/{node.key}/{node.attempts}")


def _approved_for(draft: Draft, role: str, todo_id: str | None) -> list[Approval]:
    return [
        each
        for each in draft.records.approvals.items
        if each.status is ApprovalStatus.APPROVED
        and (each.role, each.todo_id) == (role, todo_id)
        and each.action not in ("merge", "publish")
    ]


def held_by_approval(status: WorkStatus, role: str, snapshot: Snapshot) -> WorkStatus:
    """Return a role's work status while it waits for a person's answer.

    A role that asked for itself, and not for a todo, has no work until the answer; nor has one whose version
    of the page waits, since the next version builds on it.

    Args:
        status: its detector's result.
        role: the role.
        snapshot: the stack.
    """
    own = [
        each
        for each in snapshot.approvals
        if each.status is ApprovalStatus.PENDING
        and (each.action == "spend" or role == (INTEGRATOR if each.action == "merge" else each.role))
    ]
    if not own:
        return status
    due = min([each.expires_at for each in own] + ([] if status.due_at is None else [status.due_at]))
    stands_still = any(
        each.action == "publish" or (each.todo_id is None and each.action != "merge") for each in own
    )
    if status.has_work and not stands_still:
        return status
    reason = f"waiting for approval: {own[0].subject}" + (f", and {len(own) - 1} more" if own[1:] else "")
    return WorkStatus(has_work=False, reason=reason, due_at=due, waits="approval")


def _reject(draft: Draft, approval: Approval, reason: str, by: str) -> None:
    """Tell the agents, in their next run."""
    todo = None if approval.todo_id is None else draft.todo(approval.todo_id)
    if todo is not None and not todo.status.open:
        todo = None
    match approval.action:
        case "merge":
            for proposal in draft.records.proposals.items:
                if proposal.approval_id == approval.id:
                    give_back(draft, proposal, reason, by)
        case "spend":
            stack = draft.records.stack
            if stack.state is ExecutionState.RUNNING:
                draft.put_stack(
                    stack.but(
                        state=ExecutionState.PAUSED,
                        state_reason=f"{approval.subject}: {reason}",
                        paused_at=draft.now,
                        next_look_at=None,
                    )
                )
        case "publish":
            if todo is None:
                draft.put_todo(_todo_of(draft, approval, reason))
            else:
                said = f"{todo.content}\nThe last version for it was not published: {reason}"
                draft.put_todo(todo.but(content=said[-2_000:], updated_at=draft.now, updated_by=by))
        case _:
            if todo is not None:
                # It counts as an attempt: else the same would be asked for without end.
                count_attempt(draft, todo, f"{approval.subject}: {reason}", by)
    draft.changed()


def _publish(draft: Draft, approval: Approval) -> None:
    newest = draft.records.artifact
    draft.put_artifact(
        Artifact(
            id=draft.new_id(),
            stack_id=approval.stack_id,
            number=1 + (0 if newest is None else newest.number),
            content=approval.content or "",
            author=approval.role,
            created_at=draft.now,
            metadata=approval.metadata,
        )
    )
    todo = None if approval.todo_id is None else draft.todo(approval.todo_id)
    if todo is not None and todo.status.open:
        done = todo.but(status=TodoStatus.COMPLETED, closed_at=draft.now)
        draft.put_todo(done.but(updated_at=draft.now, updated_by=approval.role))
    use(draft, approval, approval.execution_id)


def _todo_of(draft: Draft, approval: Approval, reason: str) -> Todo:
    return Todo(
        id=draft.new_id(),
        stack_id=approval.stack_id,
        content=f"{approval.subject}: {reason}"[:2_000],
        status=TodoStatus.PENDING,
        priority=4,
        assigned_by="user",
        created_at=draft.now,
        updated_at=draft.now,
        updated_by="user",
    )


def approval_of(draft: Draft, proposal: CommitProposal) -> Approval | None:
    """Return the approval that a proposed commit needs, or None."""
    return None if proposal.approval_id is None else draft.approval(proposal.approval_id)


def _line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:199] or "?"
