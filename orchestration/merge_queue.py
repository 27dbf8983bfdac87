"""The merge queue of a workspace: what happens to the records when a commit is proposed, merged or returned.

The integrator merges the proposals and runs the checks; the owner applies what it proposes. A todo is in
progress while its commit waits, completed when that is merged, and pending again when it is returned.
"""

from recursor.domain.approval import ApprovalStatus
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.workspace import CommitProposal, ProposalStatus, Pull, Workspace
from recursor.orchestration.draft import Draft


def queue(draft: Draft, proposal: CommitProposal) -> None:
    """Add a proposal; an earlier one for the same todo is withdrawn."""
    withdraw(draft, proposal.todo_id, "replaced by a later commit")
    draft.put_proposal(proposal)
    todo = draft.todo(proposal.todo_id)
    if todo is not None and todo.status is TodoStatus.PENDING:
        _put_todo(draft, todo.but(status=TodoStatus.IN_PROGRESS), proposal.role)


def merge(draft: Draft, proposal: CommitProposal, workspace: Workspace, role: str) -> None:
    """Move the tip to the merge of a proposal, and complete its todo.

    Args:
        draft: the records.
        proposal: the proposal.
        workspace: the workspace after the move.
        role: the role that merged it.
    """
    draft.put_workspace(workspace)
    draft.put_proposal(
        proposal.but(
            status=ProposalStatus.MERGED,
            ended_at=draft.now,
            merged_as=workspace.tip,
            checks=workspace.checks,
        )
    )
    todo = draft.todo(proposal.todo_id)
    if todo is not None and todo.status.open:
        done = todo.but(status=TodoStatus.COMPLETED, closed_at=draft.now, problem=None)
        _put_todo(draft, done, role)


def give_back(draft: Draft, proposal: CommitProposal, reason: str, role: str) -> None:
    """Return a proposal to its todo, which counts one more failed attempt.

    Args:
        draft: the records.
        proposal: the proposal, with the results of its checks.
        reason: why, for the next attempt.
        role: who returns it: a role, or "user".
    """
    draft.put_proposal(proposal.but(status=ProposalStatus.RETURNED, ended_at=draft.now, note=reason))
    _withdraw_approval(draft, proposal)
    todo = draft.todo(proposal.todo_id)
    if todo is not None and todo.status.open:
        count_attempt(draft, todo, reason, role)


def count_attempt(draft: Draft, todo: Todo, problem: str, role: str) -> None:
    """Note that an attempt at a todo failed: it is pending again."""
    again = todo.but(status=TodoStatus.PENDING, attempts=todo.attempts + 1, problem=problem)
    _put_todo(draft, again, role)


def withdraw(draft: Draft, todo_id: str, why: str) -> None:
    """Withdraw the waiting proposals of a todo."""
    for proposal in draft.records.proposals.items:
        if proposal.todo_id == todo_id:
            draft.put_proposal(proposal.but(status=ProposalStatus.WITHDRAWN, ended_at=draft.now, note=why))
            _withdraw_approval(draft, proposal)


def _withdraw_approval(draft: Draft, proposal: CommitProposal) -> None:
    """Withdraw the approval of a commit that is not merged: it holds for no other."""
    approval = draft.records.approvals.get(proposal.approval_id or "")
    if approval is not None:
        draft.put_approval(approval.but(status=ApprovalStatus.WITHDRAWN))


def needs_itself(draft: Draft, todo: Todo) -> bool:
    """Return whether a todo would need itself, directly or in a circle."""
    left, seen = list(todo.needs), set[str]()
    while left:
        todo_id = left.pop()
        if todo_id == todo.id:
            return True
        if todo_id not in seen:
            seen.add(todo_id)
            needed = draft.todo(todo_id)
            left += () if needed is None else needed.needs
    return False


def without_pull(workspace: Workspace, pull_id: str | None) -> tuple[Pull, ...]:
    """Return the pulls that are left when one is done."""
    return tuple([pull for pull in workspace.pulls if pull.id != pull_id])


def _put_todo(draft: Draft, todo: Todo, role: str) -> None:
    draft.put_todo(todo.but(updated_at=draft.now, updated_by=role))
