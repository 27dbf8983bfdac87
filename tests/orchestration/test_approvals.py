"""What agents may do only when a person agrees: asked once, answered once, used once."""

from decimal import Decimal
from typing import Any

import pytest

from recursor.domain.approval import Approval, ApprovalStatus
from recursor.domain.commands import AnswerApproval, CancelTodo
from recursor.domain.effect import AskApproval, MoveTip, Outcome, ProposeCommit, PublishArtifact, UpdateTodo
from recursor.domain.errors import ConflictError, NotFoundError
from recursor.domain.graph import Node, Usage
from recursor.domain.node_result import NodeResult
from recursor.domain.settings import ApproveSettings, Settings
from recursor.domain.stack import ExecutionState, StackKind
from recursor.domain.todo import TodoStatus
from recursor.domain.workspace import ProposalStatus, Workspace
from recursor.orchestration import approvals
from recursor.orchestration.outcomes import EffectRefusedError, apply_outcome
from recursor.orchestration.stack_commands import answer_approval, cancel_todo
from recursor.orchestration.unattended import counted
from recursor.orchestration.workspace_detectors import detect_integrator, todos_to_build
from tests.making import NOW, STACK, make_node, make_stack, make_status, make_todo
from tests.orchestration.desk import Desk, make_records

TIP, NEXT, LAST = "a" * 40, "b" * 40, "c" * 40
DIGEST = "d" * 64
HOURS = 2.0
ASK = Settings(approve=ApproveSettings(merge="ask", publish="ask", hours=HOURS, spend_over=Decimal(1)))
PROPOSAL = ProposeCommit(
    todo_id=make_todo(1).id, commit=NEXT, base=TIP, tree=NEXT, title="Water them", files=1
)
CALL = AskApproval(action="run", subject="run `rm -r build`", digest=DIGEST, todo_id=make_todo(1).id)


@pytest.fixture
def desk() -> Desk:
    workspace = Workspace(stack_id=STACK, branch="main", tip=TIP, updated_at=NOW, updated_by="integrator")
    stack = make_stack(kind=StackKind.WORKSPACE, state=ExecutionState.RUNNING)
    return Desk(make_records(stack=stack, todos=[make_todo(1), make_todo(2)], workspace=workspace))


def apply(
    desk: Desk, *effects: Any, role: str = "builder", settings: Settings = ASK, now: float = NOW
) -> None:
    draft = desk.draft(now)
    apply_outcome(draft, role, "cycle", Outcome(effects=effects), desk.see(), settings)
    desk.keep(draft)


def answer(desk: Desk, *, approved: bool, note: str | None = None, now: float = NOW + 1) -> Approval:
    (asked,) = desk.records.approvals.items or desk.written(Approval)
    command = AnswerApproval(STACK, asked.id, approved=approved, note=note, by="alice")
    answered: Any = desk.do(answer_approval, command, now)
    return answered  # type: ignore[no-any-return]


class TestMerge:
    def test_waits_for_a_person_and_names_the_commit(self, desk: Desk) -> None:
        apply(desk, PROPOSAL)
        (asked,) = desk.records.approvals.items
        assert (asked.action, asked.digest, asked.subject) == ("merge", NEXT, "merge “Water them”")
        status = approvals.held_by_approval(detect_integrator(desk.see(), ASK, NOW), "integrator", desk.see())
        assert (status.has_work, status.waits, status.due_at) == (False, "approval", NOW + HOURS * 3600)

    def test_happens_once_it_is_approved(self, desk: Desk) -> None:
        apply(desk, PROPOSAL)
        answer(desk, approved=True)
        assert detect_integrator(desk.see(), ASK, NOW).has_work
        (proposal,) = desk.records.proposals.items
        apply(desk, MoveTip(tip=NEXT, onto=TIP, proposal_id=proposal.id), role="integrator")
        assert not desk.records.approvals
        assert desk.records.todos.get(PROPOSAL.todo_id).status is TodoStatus.COMPLETED  # type: ignore[union-attr]

    def test_without_approval_is_refused(self, desk: Desk) -> None:
        apply(desk, PROPOSAL)
        (proposal,) = desk.records.proposals.items
        with pytest.raises(EffectRefusedError, match="nobody approved"):
            apply(desk, MoveTip(tip=NEXT, onto=TIP, proposal_id=proposal.id), role="integrator")

    def test_that_is_rejected_goes_back_with_the_note(self, desk: Desk) -> None:
        apply(desk, PROPOSAL)
        answer(desk, approved=False, note="keep the old flag")
        todo = desk.records.todos.get(PROPOSAL.todo_id)
        assert todo is not None
        assert (todo.status, todo.problem) == (
            TodoStatus.PENDING,
            "a person rejected it: keep the old flag",
        )
        assert not desk.records.proposals

    def test_that_nobody_answers_goes_back_when_the_time_is_over(self, desk: Desk) -> None:
        apply(desk, PROPOSAL)
        for now, left in ((NOW + HOURS * 3600 - 1, 1), (NOW + HOURS * 3600, 0)):
            draft = desk.draft(now)
            approvals.expire(draft)
            desk.keep(draft)
            assert len(desk.records.proposals) == left
        todo = desk.records.todos.get(PROPOSAL.todo_id)
        assert todo is not None
        assert todo.problem == "nobody answered in time"

    def test_ends_with_its_todo(self, desk: Desk) -> None:
        apply(desk, PROPOSAL)
        desk.do(cancel_todo, CancelTodo(STACK, PROPOSAL.todo_id), NOW)
        assert not desk.records.approvals
        assert not desk.records.proposals

    def test_is_denied(self, desk: Desk) -> None:
        deny = Settings(approve=ApproveSettings(merge="deny"))
        with pytest.raises(EffectRefusedError, match=r"approve\.merge = deny"):
            apply(desk, PROPOSAL, settings=deny)


class TestCall:
    def test_is_asked_for_once_however_often_it_is_wanted(self, desk: Desk) -> None:
        apply(desk, CALL)
        apply(desk, CALL)
        assert len(desk.records.approvals) == 1

    def test_holds_its_todo_and_no_other(self, desk: Desk) -> None:
        settings = ASK.overridden({"workspace": {"builders": 4}})
        apply(desk, CALL)
        assert [todo.id for todo in todos_to_build(desk.see(), settings)] == [make_todo(2).id]

    def granted(self, desk: Desk) -> Node:
        node = make_node("builder", todo_id=CALL.todo_id, attempts=1)
        other = make_node("builder", todo_id=make_todo(2).id)
        found = approvals.grant(desk.draft(NOW), [node, other])
        assert set(found) == {node.key}
        return found[node.key]

    def test_is_granted_to_the_next_run_and_used_with_its_outcome(self, desk: Desk) -> None:
        apply(desk, CALL)
        answer(desk, approved=True)
        node = self.granted(desk)
        assert node.granted == (DIGEST,)
        draft = desk.draft(NOW)
        approvals.settle(draft, node, "cycle", Outcome(effects=(PROPOSAL,)))
        desk.keep(draft)
        (used,) = desk.written(Approval)
        assert (used.status, used.used_by) == (ApprovalStatus.USED, f"cycle/{node.key}/1")
        assert not approvals.grant(desk.draft(NOW), [node])

    def test_stays_granted_until_a_run_needs_nothing_more(self, desk: Desk) -> None:
        apply(desk, CALL)
        answer(desk, approved=True)
        another = CALL.but(digest="e" * 64, subject="run `pytest`")
        draft = desk.draft(NOW)
        approvals.settle(draft, self.granted(desk), "cycle", Outcome(effects=(another,)))
        desk.keep(draft)
        apply(desk, another)
        (pending,) = [each for each in desk.records.approvals if each.status is ApprovalStatus.PENDING]
        desk.do(answer_approval, AnswerApproval(STACK, pending.id, approved=True), NOW)
        assert set(self.granted(desk).granted) == {DIGEST, "e" * 64}

    def test_that_is_rejected_tells_the_next_run(self, desk: Desk) -> None:
        apply(desk, CALL)
        answer(desk, approved=False, note="too much")
        todo = desk.records.todos.get(CALL.todo_id or "")
        assert todo is not None
        assert (todo.problem, todo.attempts) == ("run `rm -r build`: a person rejected it: too much", 1)

    def test_of_a_role_without_todo_holds_the_role(self, desk: Desk) -> None:
        apply(desk, CALL.but(todo_id=None), role="planner")
        status = approvals.held_by_approval(make_status(9), "planner", desk.see())
        assert (status.has_work, status.waits) == (False, "approval")
        assert approvals.held_by_approval(make_status(9), "reviewer", desk.see()).has_work


class TestPage:
    def test_is_published_when_it_is_approved(self, desk: Desk) -> None:
        apply(desk, PublishArtifact(content="<p>"))
        assert desk.records.artifact is None
        answer(desk, approved=True)
        assert desk.records.artifact is not None
        assert desk.records.artifact.content == "<p>"

    def test_completes_its_todo_when_it_is_approved(self, desk: Desk) -> None:
        todo = make_todo(1)
        done = UpdateTodo(todo_id=todo.id, status=TodoStatus.COMPLETED)
        apply(desk, PublishArtifact(content="<p>", metadata={"todo": todo.id}), done)
        assert desk.records.todos.get(todo.id) == todo
        assert not approvals.held_by_approval(make_status(8), "builder", desk.see()).has_work
        answer(desk, approved=True)
        assert desk.records.todos.get(todo.id).status is TodoStatus.COMPLETED  # type: ignore[union-attr]

    def test_that_is_rejected_tells_its_todo_why(self, desk: Desk) -> None:
        todo = make_todo(1)
        apply(desk, PublishArtifact(content="<p>", metadata={"todo": todo.id}))
        answer(desk, approved=False, note="no title")
        changed = desk.records.todos.get(todo.id)
        assert changed is not None
        assert changed.status.open
        assert changed.content.endswith("was not published: a person rejected it: no title")

    def test_that_is_rejected_becomes_a_todo(self, desk: Desk) -> None:
        apply(desk, PublishArtifact(content="<p>"))
        answer(desk, approved=False, note="no title")
        assert desk.records.todos.items[-1].content.endswith("a person rejected it: no title")


class TestAnswer:
    def test_may_be_repeated(self, desk: Desk) -> None:
        apply(desk, CALL)
        first = answer(desk, approved=True)
        assert answer(desk, approved=True, now=NOW + 9) == first

    def test_cannot_be_taken_back(self, desk: Desk) -> None:
        apply(desk, CALL)
        answer(desk, approved=True)
        with pytest.raises(ConflictError, match="is approved already: it cannot be answered again"):
            answer(desk, approved=False)

    def test_comes_too_late(self, desk: Desk) -> None:
        apply(desk, CALL)
        with pytest.raises(ConflictError, match="expired"):
            answer(desk, approved=True, now=NOW + HOURS * 3600)

    def test_to_no_request(self, desk: Desk) -> None:
        with pytest.raises(NotFoundError, match="no approval 3f in stack"):
            desk.do(answer_approval, AnswerApproval(STACK, "3f", approved=True), NOW)


class TestSpending:
    @pytest.fixture
    def spent(self, desk: Desk) -> Desk:
        usage = Usage(model="m", input_tokens=1, cost=Decimal("1.25"))
        result = NodeResult("builder", 1, desk.see(), NOW, NOW, Outcome(usage=usage))
        draft = desk.draft(NOW)
        draft.put_stack(counted(draft.records.stack, [result]))
        approvals.ask_to_spend(draft, ASK, "cycle")
        approvals.ask_to_spend(draft, ASK, "later cycle")
        desk.keep(draft)
        return desk

    def test_holds_every_role(self, spent: Desk) -> None:
        (asked,) = spent.records.approvals.items
        assert asked.subject == "spend $1 more ($1.25 spent since the last approval)"
        for role in ("planner", "builder", "communicator"):
            assert approvals.held_by_approval(make_status(9), role, spent.see()).waits == "approval"

    def test_begins_anew_when_it_is_approved(self, spent: Desk) -> None:
        answer(spent, approved=True)
        assert spent.records.stack.dollars_since_approval == 0
        assert not spent.records.approvals

    def test_pauses_the_team_when_it_is_rejected(self, spent: Desk) -> None:
        answer(spent, approved=False, note="enough")
        assert spent.records.stack.state is ExecutionState.PAUSED
        assert (spent.records.stack.state_reason or "").endswith("a person rejected it: enough")


def test_a_proposal_is_returned_once(desk: Desk) -> None:
    apply(desk, PROPOSAL)
    (proposal,) = desk.records.proposals.items
    answer(desk, approved=False)
    (decided,) = [each for each in desk.written(type(proposal)) if each.id == proposal.id]
    assert decided.status is ProposalStatus.RETURNED


def test_a_proposal_that_was_withdrawn_in_the_same_wave_is_not_merged(desk: Desk) -> None:
    allow = Settings()
    apply(desk, PROPOSAL, settings=allow)
    (proposal,) = desk.records.proposals.items
    # As read from disk before the results of the wave were applied.
    desk.stored[type(proposal), proposal.id] = proposal
    seen = desk.see()
    desk.do(cancel_todo, CancelTodo(STACK, PROPOSAL.todo_id), NOW)
    draft = desk.draft(NOW)
    merge = MoveTip(tip=NEXT, onto=TIP, proposal_id=proposal.id)
    apply_outcome(draft, "integrator", "cycle", Outcome(effects=(merge,)), seen, allow)
    desk.keep(draft)
    assert desk.records.workspace is not None
    assert desk.records.workspace.tip == TIP


def test_a_merge_is_held_to_the_rules_as_they_are_when_it_is_applied(desk: Desk) -> None:
    apply(desk, PROPOSAL, settings=Settings())
    (proposal,) = desk.records.proposals.items
    move = MoveTip(tip=NEXT, onto=TIP, proposal_id=proposal.id)
    apply(desk, move, role="integrator", settings=Settings().overridden({"workspace": {"checks": ["make"]}}))
    apply(desk, move, role="integrator")
    assert desk.records.workspace is not None
    assert desk.records.workspace.tip == TIP
    (asked,) = desk.records.approvals.items
    assert (asked.action, asked.digest) == ("merge", NEXT)
    answer(desk, approved=True)
    apply(desk, move, role="integrator")
    assert desk.records.workspace.tip == NEXT
