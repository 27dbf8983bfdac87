"""Applies an agent's outcome: all of its effects, or none if one is impossible.

An effect on a record that has vanished since the agent's snapshot (a cancelled todo, a pruned message, a
deleted stack) is dropped with a note in the trace, and the rest is applied: the agent could not know. An
effect on a record that never existed is the agent's own mistake, and refused.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import nextafter
from typing import Any

from recursor.domain.agent_state import (
    LONGEST_THOUGHT,
    MAX_FACTS,
    MAX_LEARNINGS,
    MAX_PROPOSALS,
    MAX_THOUGHTS,
    AgentExecutionState,
    LongTermMemory,
    Proposal,
)
from recursor.domain.approval import Approval, ApprovalStatus
from recursor.domain.core_record import AnyRecord
from recursor.domain.effect import (
    AnswerUserMessage,
    AskApproval,
    CreateTodo,
    Effect,
    FailTodo,
    MoveTip,
    Outcome,
    PlanUserMessages,
    ProposeCommit,
    PublishArtifact,
    ReadMessages,
    RefusePull,
    Remember,
    ReturnProposal,
    ReviewArtifact,
    SendMessage,
    SetFocus,
    SetPhase,
    SetProject,
    TakeRecommendations,
    UpdateTodo,
)
from recursor.domain.errors import RecursorError
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.trace import Trace
from recursor.domain.workspace import CommitProposal, Workspace
from recursor.orchestration import approvals, merge_queue
from recursor.orchestration.draft import Draft

REVIEWER = "reviewer"
# An id invented by an agent can be as long as its outcome, and the reason is part of several records.
_LONGEST_REASON = 200


class EffectRefusedError(RecursorError):
    """An effect names something that does not exist, or is impossible: none of its outcome is applied."""


class _Vanished(Exception):  # noqa: N818  # not an error
    """The record that an effect names has vanished since the agent's snapshot."""


@dataclass(slots=True)
class _Applying:
    """An outcome being applied."""

    draft: Draft
    role: str
    saw: Snapshot
    settings: Settings
    execution_id: str
    labels: dict[str, str] = field(default_factory=dict)
    """Ids of the outcome's new todos, by label."""
    dropped: list[str] = field(default_factory=list)
    """Dropped effects, with reasons."""

    @property
    def now(self) -> float:
        return self.draft.now

    def has_seen(self, idea: ProjectIdea) -> bool:
        """Whether the agent has read or written this text of the idea."""
        return idea.updated_by == self.role or (self.saw.idea is not None and self.saw.idea.idea == idea.idea)

    def missing(self, effect: Effect, why: str, *, seen: bool) -> Exception:
        """Return the error for a missing record: vanished, or invented by the agent."""
        return _Vanished(f"{effect.kind}: {cut(why)}") if seen else self.refused(effect, why)

    def refused(self, effect: Effect, why: str) -> EffectRefusedError:
        return EffectRefusedError(
            f"{self.role} proposed {effect.kind}: {cut(why)}; nothing of its outcome was applied"
        )


def apply_outcome(
    draft: Draft,
    role: str,
    execution_id: str,
    outcome: Outcome,
    saw: Snapshot,
    settings: Settings,
    *,
    proposal: str | None = None,
) -> None:
    """Apply an outcome to a draft: its effects, the role's state, the trace.

    Args:
        draft: the records; discard them if this raises.
        role: the role whose outcome it is.
        execution_id: the cycle in which it ran.
        outcome: the outcome.
        saw: the snapshot from which the agent made it.
        settings: the stack's.
        proposal: the fingerprint of the plan, artifact or review in it, to record.

    Raises:
        EffectRefusedError: an effect cannot be applied.
    """
    applying = _Applying(draft, role, saw, settings, execution_id)
    for effect in outcome.effects:
        try:
            _APPLY[type(effect)](applying, effect)
        except _Vanished as vanished:
            applying.dropped.append(str(vanished))
    _note_run(applying, outcome, proposal)
    if outcome.effects or outcome.summary or outcome.thoughts:
        draft.put_trace(_trace(applying, outcome, execution_id))


def named_by(outcome: Outcome) -> list[tuple[type[AnyRecord], str]]:
    """Return the records that an outcome names, by type and id; the owner collects them before applying it.

    Receiving stacks are among them: only their existence matters.
    """
    named: list[tuple[type[AnyRecord], str]] = []
    for effect in outcome.effects:
        match effect:
            case UpdateTodo(todo_id=todo_id, needs=needs):
                named += [(Todo, each) for each in (todo_id, *(needs or ()))]
            case ProposeCommit() | FailTodo():
                named.append((Todo, effect.todo_id))
            case AskApproval(todo_id=str() as todo_id):
                named.append((Todo, todo_id))
            case CreateTodo():
                named += [(Todo, todo_id) for todo_id in effect.needs]
            case MoveTip(proposal_id=str() as proposal_id) | ReturnProposal(proposal_id=proposal_id):
                named.append((CommitProposal, proposal_id))
            case AnswerUserMessage():
                named.append((UserMessage, effect.message_id))
            case PlanUserMessages():
                named += [(UserMessage, message_id) for message_id in effect.message_ids]
            case ReadMessages():
                named += [(Message, message_id) for message_id in effect.message_ids]
            case SendMessage(to_stack_id=str() as receiver):
                named.append((Stack, receiver))
            case _:
                pass
    return named


def cut(text: str, longest: int = _LONGEST_REASON) -> str:
    """Return `text` on one line of limited length, with a mark where it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _note_run(applying: _Applying, outcome: Outcome, proposal: str | None) -> None:
    draft = applying.draft
    state = draft.records.state_of(applying.role)
    short_term = state.short_term
    if outcome.thoughts:
        new = tuple([_cut_thought(thought) for thought in outcome.thoughts[-MAX_THOUGHTS:]])
        short_term = short_term.but(recent_thoughts=(*short_term.recent_thoughts, *new)[-MAX_THOUGHTS:])
    if proposal is not None:
        made = Proposal(fingerprint=proposal, made_at=draft.now)
        short_term = short_term.but(proposals=(*short_term.proposals, made)[-MAX_PROPOSALS:])
    draft.put_state(
        state.but(
            execution_state=AgentExecutionState.IDLE,
            last_run_at=_looked_at(applying),
            last_error=None,
            wait=None,
            short_term=short_term,
            updated_at=draft.now,
        )
    )


def _looked_at(applying: _Applying) -> float:
    """Return the time of the agent's snapshot, or just before any idea that it has missed."""
    idea, saw = applying.draft.records.idea, applying.saw
    if idea is None or applying.has_seen(idea):
        return saw.taken_at
    return min(saw.taken_at, nextafter(idea.updated_at, 0.0))


def _trace(applying: _Applying, outcome: Outcome, execution_id: str) -> Trace:
    draft = applying.draft
    metadata = outcome.metadata
    if applying.dropped:
        metadata = {**metadata, "dropped": list(applying.dropped)}
    return Trace(
        id=draft.new_id(),
        stack_id=draft.records.stack.id,
        execution_id=execution_id,
        role=applying.role,
        created_at=draft.now,
        summary=outcome.summary,
        thoughts=outcome.thoughts,
        effects=tuple([effect.kind for effect in outcome.effects]),
        metadata=metadata,
    )


def _cut_thought(thought: str) -> str:
    return thought if len(thought) <= LONGEST_THOUGHT else thought[: LONGEST_THOUGHT - 1] + "…"


# -- The effects ---------------------------------------------------------------------------------------------


def _set_project(a: _Applying, effect: SetProject) -> None:
    idea = a.draft.records.idea
    if idea is None:
        if effect.idea is None:
            raise a.refused(effect, "there is no idea yet and the effect gives none")
        at, whose = a.now, a.role
        idea = ProjectIdea(
            stack_id=a.draft.records.stack.id,
            idea=effect.idea,
            created_at=at,
            updated_at=at,
            updated_by=whose,
        )
    elif a.has_seen(idea):
        at, whose = a.now, a.role
    else:
        # The idea came while the agent worked on the previous one: it stays new to the planner.
        at, whose = idea.updated_at, idea.updated_by
    changed = idea.but(
        title=effect.title,
        description=effect.description,
        features=effect.features,
        reading=effect.reading,
        updated_by=whose,
    )
    if changed != a.draft.records.idea:
        a.draft.put_idea(changed.but(updated_at=at))


def _set_phase(a: _Applying, effect: SetPhase) -> None:
    stack = a.draft.records.stack
    if effect.phase is not stack.phase:
        a.draft.put_stack(stack.but(phase=effect.phase))
        a.draft.changed()


def _create_todo(a: _Applying, effect: CreateTodo) -> None:
    needs = _needs(a, effect, effect.needs)
    todo_id = a.draft.new_id()
    if effect.label is not None:
        a.labels[effect.label] = todo_id
    a.draft.put_todo(
        Todo(
            id=todo_id,
            stack_id=a.draft.records.stack.id,
            content=effect.content,
            priority=effect.priority,
            assigned_by=a.role,
            created_at=a.now,
            updated_at=a.now,
            updated_by=a.role,
            metadata=effect.metadata,
            needs=needs,
            paths=effect.paths,
        )
    )


def _needs(a: _Applying, effect: Effect, named: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of the todos that another needs, without those that have vanished since."""
    found = (_needed_todo(a, effect, each) for each in named)
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _needed_todo(a: _Applying, effect: Effect, named: str) -> str | None:
    """Return the id of a todo that another needs; None if it has vanished since."""
    if named in a.labels:
        return a.labels[named]
    if a.draft.todo(named) is not None:
        return named
    if any(todo.id == named for todo in a.saw.todos):
        return None
    raise a.refused(effect, f"there is no todo {named} that it could need")


def _update_todo(a: _Applying, effect: UpdateTodo) -> None:
    todo = a.draft.todo(effect.todo_id)
    seen = next((each for each in a.saw.todos if each.id == effect.todo_id), None)
    if todo is None:
        raise a.missing(effect, f"there is no todo {effect.todo_id}", seen=seen is not None)
    if not todo.status.open and effect.status is not None and effect.status is not todo.status:
        closed_since = seen is not None and seen.status.open
        raise a.missing(effect, f"todo {todo.id} is {todo.status} already", seen=closed_since)
    wanted = {
        "status": effect.status,
        "priority": effect.priority,
        "content": effect.content,
        "needs": None if effect.needs is None else _needs(a, effect, effect.needs),
        "paths": effect.paths,
    }
    changed = todo.but(**{name: value for name, value in wanted.items() if value is not None})
    if changed == todo:
        return
    if changed.status is TodoStatus.COMPLETED and approvals.awaits_publication(a.draft, todo.id):
        # It is completed by the approval.
        return
    if changed.needs != todo.needs and merge_queue.needs_itself(a.draft, changed):
        raise a.refused(effect, f"todo {todo.id} would need itself")
    if changed.content != todo.content:
        # It is another task now.
        changed = changed.but(attempts=0, problem=None)
    if not changed.status.open:
        merge_queue.withdraw(a.draft, todo.id, f"its todo is {changed.status}")
        approvals.withdraw(a.draft, todo.id)
    closed_at = todo.closed_at if changed.status is todo.status or changed.status.open else a.now
    a.draft.put_todo(changed.but(closed_at=closed_at, updated_at=a.now, updated_by=a.role))


def _publish_artifact(a: _Applying, effect: PublishArtifact) -> None:
    if a.settings.approve.publish == "deny":
        raise a.refused(effect, "approve.publish = deny")
    if a.settings.approve.publish == "ask":
        approvals.ask(
            a.draft,
            a.settings,
            action="publish",
            subject=_published(a, effect),
            digest=approvals.digest_of(effect.content),
            role=a.role,
            execution_id=a.execution_id,
            todo_id=_todo_of(a, effect),
            content=effect.content,
            metadata=effect.metadata,
        )
        return
    newest = a.draft.records.artifact
    a.draft.put_artifact(
        Artifact(
            id=a.draft.new_id(),
            stack_id=a.draft.records.stack.id,
            number=1 + (0 if newest is None else newest.number),
            content=effect.content,
            author=a.role,
            created_at=a.now,
            metadata=effect.metadata,
        )
    )


def _propose_commit(a: _Applying, effect: ProposeCommit) -> None:
    _workspace(a, effect)
    todo = _open_todo(a, effect)
    proposal = CommitProposal(
        id=a.draft.new_id(),
        stack_id=todo.stack_id,
        execution_id=a.execution_id,
        role=a.role,
        todo_id=todo.id,
        commit=effect.commit,
        base=effect.base,
        title=effect.title,
        paths=effect.paths,
        files=effect.files,
        insertions=effect.insertions,
        deletions=effect.deletions,
        created_at=a.now,
    )
    rule = a.settings.approve.merge
    if rule == "deny":
        raise a.refused(effect, "approve.merge = deny")
    if rule == "ask":
        proposal = proposal.but(approval_id=_ask_to_merge(a, proposal, todo.content).id)
    merge_queue.queue(a.draft, proposal)


def _move_tip(a: _Applying, effect: MoveTip) -> None:
    workspace = _workspace(a, effect)
    # First, since one that never was is refused, also on a tip that has moved.
    proposal = None if effect.proposal_id is None else _proposal(a, effect, effect.proposal_id)
    if workspace.tip != effect.onto:
        raise _Vanished(f"{effect.kind}: the tip is no longer {(effect.onto or 'none')[:12]}")
    if effect.onto is not None:
        _check_rules(a, effect, proposal)
    moved = workspace.but(
        tip=effect.tip,
        start=workspace.start or effect.tip,
        branch=effect.branch or workspace.branch,
        number=workspace.number + (workspace.tip is not None),
        checks=effect.checks,
        pulls=merge_queue.without_pull(workspace, effect.pull_id),
        problem=None,
        updated_at=a.now,
        updated_by=a.role if effect.pull_id is None else "user",
    )
    if proposal is None:
        a.draft.put_workspace(moved)
    else:
        approval = approvals.approval_of(a.draft, proposal)
        if proposal.approval_id is not None:
            if approval is None or approval.status is not ApprovalStatus.APPROVED:
                raise a.refused(effect, f"nobody approved the merge of {proposal.commit[:12]}")
            approvals.use(a.draft, approval, f"{a.execution_id}/{a.role}")
        merge_queue.merge(a.draft, proposal, moved, a.role)


def _check_rules(a: _Applying, effect: MoveTip, proposal: CommitProposal | None) -> None:
    """Drop a move that does not follow the rules as they are now: they may have changed while it was made."""
    missing = set(a.settings.workspace.checks) - {each.command for each in effect.checks if each.passed}
    if missing:
        raise _Vanished(f"{effect.kind}: it was not checked with {cut(min(missing))}")
    if proposal is None or proposal.approval_id is not None or a.settings.approve.merge == "allow":
        return
    if a.settings.approve.merge == "deny":
        merge_queue.give_back(a.draft, proposal, "approve.merge = deny", a.role)
        raise _Vanished(f"{effect.kind}: approve.merge = deny")
    approval = _ask_to_merge(a, proposal, why="")
    a.draft.put_proposal(proposal.but(approval_id=approval.id))
    raise _Vanished(f"{effect.kind}: it waits for approval")


def _ask_to_merge(a: _Applying, proposal: CommitProposal, why: str) -> Approval:
    return approvals.ask(
        a.draft,
        a.settings,
        action="merge",
        subject=f"merge “{proposal.title}”",
        detail=_summary_of(proposal),
        digest=proposal.commit,
        why=why,
        role=proposal.role,
        execution_id=a.execution_id,
        todo_id=proposal.todo_id,
    )


def _summary_of(proposal: CommitProposal) -> str:
    return "\n".join(
        [
            f"{proposal.files:,} files, {proposal.insertions:,} insertions, {proposal.deletions:,} deletions",
            *proposal.paths,
        ]
    )


def _ask_approval(a: _Applying, effect: AskApproval) -> None:
    if effect.todo_id is not None:
        _open_todo(a, effect)
    approvals.ask(
        a.draft,
        a.settings,
        action=effect.action,
        subject=effect.subject,
        detail=effect.detail,
        digest=effect.digest,
        why=effect.why,
        role=a.role,
        execution_id=a.execution_id,
        todo_id=effect.todo_id,
    )


def _fail_todo(a: _Applying, effect: FailTodo) -> None:
    merge_queue.count_attempt(a.draft, _open_todo(a, effect), effect.problem, a.role)


def _return_proposal(a: _Applying, effect: ReturnProposal) -> None:
    proposal = _proposal(a, effect, effect.proposal_id).but(checks=effect.checks)
    merge_queue.give_back(a.draft, proposal, effect.reason, a.role)


def _refuse_pull(a: _Applying, effect: RefusePull) -> None:
    workspace = _workspace(a, effect)
    left = merge_queue.without_pull(workspace, effect.pull_id)
    if left == workspace.pulls:
        raise _Vanished(f"{effect.kind}: there is no pull {cut(effect.pull_id)}")
    a.draft.put_workspace(workspace.but(pulls=left, problem=effect.reason, updated_at=a.now))


def _open_todo(a: _Applying, effect: ProposeCommit | FailTodo | AskApproval) -> Todo:
    """Return the open todo that a run worked on."""
    todo = a.draft.todo(effect.todo_id or "")
    if todo is not None and todo.status.open:
        return todo
    seen = any(each.id == effect.todo_id and each.status.open for each in a.saw.todos)
    if todo is None:
        raise a.missing(effect, f"there is no todo {effect.todo_id}", seen=seen)
    raise a.missing(effect, f"todo {todo.id} is {todo.status} already", seen=seen)


def _workspace(a: _Applying, effect: Effect) -> Workspace:
    workspace = a.draft.records.workspace
    if workspace is None:
        raise a.refused(effect, "the stack has no workspace")
    return workspace


def _proposal(a: _Applying, effect: Effect, proposal_id: str) -> CommitProposal:
    """Return a proposal that waits to be merged."""
    proposal = a.draft.proposal(proposal_id)
    if proposal is None or not proposal.status.open:
        seen = proposal is not None or any(each.id == proposal_id for each in a.saw.proposals)
        state = "there is no proposed commit" if proposal is None else f"it is {proposal.status} already:"
        raise a.missing(effect, f"{state} {proposal_id}", seen=seen)
    return proposal


def _todo_of(a: _Applying, effect: PublishArtifact) -> str | None:
    """Return the open todo that a version is for, if the agent names one."""
    todo = a.draft.todo(str(effect.metadata.get("todo", "")))
    return todo.id if todo is not None and todo.status.open else None


def _published(a: _Applying, effect: PublishArtifact) -> str:
    todo = a.draft.todo(_todo_of(a, effect) or "")
    what = f"a version of {len(effect.content):,} characters"
    return f"publish {what}" if todo is None else f"publish {what}: {cut(todo.content, 120)}"


def _answer_user_message(a: _Applying, effect: AnswerUserMessage) -> None:
    message = _user_message(a, effect, effect.message_id)
    if message.answered_at is None:
        a.draft.put_user_message(
            message.but(answer=effect.answer, answered_at=a.now, needs_planning=effect.needs_planning)
        )


def _plan_user_messages(a: _Applying, effect: PlanUserMessages) -> None:
    for message_id in effect.message_ids:
        try:
            message = _user_message(a, effect, message_id)
        except _Vanished as vanished:
            a.dropped.append(str(vanished))
            continue
        if message.planned_at is None:
            a.draft.put_user_message(message.but(planned_at=a.now))


def _read_messages(a: _Applying, effect: ReadMessages) -> None:
    seen = {message.id: message for message in a.saw.messages}
    for message_id in effect.message_ids:
        message = a.draft.message(message_id)
        if message is not None and message.to_stack_id is not None:
            if message.read_at is None:
                a.draft.put_message(message.but(read_at=a.now))
        elif message is not None or message_id in a.draft.records.broadcasts:
            if message_id > a.draft.records.stack.broadcasts_read:
                a.draft.read_broadcasts(message_id)
        elif message_id not in seen:
            raise a.refused(effect, f"there is no message {message_id} to this stack")
        elif seen[message_id].to_stack_id is None:
            # A broadcast that was pruned since counts as read, so that it is not offered again.
            if message_id > a.draft.records.stack.broadcasts_read:
                a.draft.read_broadcasts(message_id)
        else:
            a.dropped.append(f"{effect.kind}: message {cut(message_id)} no longer exists")


def _send_message(a: _Applying, effect: SendMessage) -> None:
    receiver = effect.to_stack_id
    if receiver is not None and (Stack, receiver) not in a.draft.found:
        # Whether it ever existed is unknown: an agent may remember it from long ago.
        raise a.missing(effect, f"there is no stack {receiver}", seen=True)
    stack = a.draft.records.stack
    a.draft.send(
        Message(
            id=a.draft.new_id(),
            from_stack_id=stack.id,
            from_name=stack.name,
            to_stack_id=receiver,
            content=effect.content,
            created_at=a.now,
        )
    )


def _review_artifact(a: _Applying, effect: ReviewArtifact) -> None:
    records, saw = a.draft.records, a.saw.workspace
    newest = records.artifact if records.workspace is None else records.workspace
    if effect.number > (0 if newest is None else newest.number):
        raise a.refused(effect, f"there is no version {effect.number} of the artifact")
    long_term = records.state_of(a.role).long_term
    reviewed = max(effect.number, long_term.reviewed_artifact)
    changed = long_term.but(reviewed_artifact=reviewed, recommendations=effect.recommendations)
    if saw is not None and effect.number == saw.number:
        changed = changed.but(reviewed_commit=saw.tip)
    _put_review(a, a.role, changed)


def _take_recommendations(a: _Applying, effect: TakeRecommendations) -> None:
    long_term = a.draft.records.state_of(REVIEWER).long_term
    left = tuple(r for r in long_term.recommendations if r not in effect.recommendations)
    _put_review(a, REVIEWER, long_term.but(recommendations=left))


def _put_review(a: _Applying, role: str, long_term: LongTermMemory) -> None:
    state = a.draft.records.state_of(role)
    if long_term != state.long_term:
        a.draft.put_state(state.but(long_term=long_term), seen_by_others=True)


def _remember(a: _Applying, effect: Remember) -> None:
    state = a.draft.records.state_of(a.role)
    long_term = state.long_term.but(
        facts=_newest_distinct(state.long_term.facts, effect.facts, MAX_FACTS),
        learnings=_newest_distinct(state.long_term.learnings, effect.learnings, MAX_LEARNINGS),
    )
    a.draft.put_state(state.but(long_term=long_term))


def _set_focus(a: _Applying, effect: SetFocus) -> None:
    state = a.draft.records.state_of(a.role)
    short_term = state.short_term.but(active_task=effect.active_task, focus=effect.focus)
    a.draft.put_state(state.but(short_term=short_term))


_APPLY: dict[type[AnyRecord], Callable[[_Applying, Any], None]] = {
    SetProject: _set_project,
    SetPhase: _set_phase,
    CreateTodo: _create_todo,
    UpdateTodo: _update_todo,
    PublishArtifact: _publish_artifact,
    ProposeCommit: _propose_commit,
    FailTodo: _fail_todo,
    AskApproval: _ask_approval,
    MoveTip: _move_tip,
    ReturnProposal: _return_proposal,
    RefusePull: _refuse_pull,
    AnswerUserMessage: _answer_user_message,
    PlanUserMessages: _plan_user_messages,
    ReadMessages: _read_messages,
    SendMessage: _send_message,
    ReviewArtifact: _review_artifact,
    TakeRecommendations: _take_recommendations,
    Remember: _remember,
    SetFocus: _set_focus,
}


def _user_message(a: _Applying, effect: Effect, message_id: str) -> UserMessage:
    message = a.draft.user_message(message_id)
    if message is None:
        seen = any(each.id == message_id for each in a.saw.user_messages)
        raise a.missing(effect, f"there is no visitor message {message_id}", seen=seen)
    return message


def _newest_distinct(old: tuple[str, ...], new: tuple[str, ...], most: int) -> tuple[str, ...]:
    """Append new entries, and keep the newest `most`."""
    return tuple(dict.fromkeys((*old, *new)))[-most:]
