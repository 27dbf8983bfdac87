"""The merge queue's records: what happens to todos, proposals and the tip, in whatever order it comes."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recursor.domain.commands import CancelTodo, EditTodo, TakePull
from recursor.domain.effect import (
    CreateTodo,
    FailTodo,
    MoveTip,
    Outcome,
    ProposeCommit,
    RefusePull,
    ReturnProposal,
    UpdateTodo,
)
from recursor.domain.errors import ConflictError, NotFoundError
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, StackKind
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.trace import Trace
from recursor.domain.workspace import CommitProposal, ProposalStatus, Pull, Workspace
from recursor.orchestration.outcomes import EffectRefusedError, apply_outcome
from recursor.orchestration.stack_commands import cancel_todo, edit_todo, take_pull
from recursor.orchestration.workspace_detectors import detect_integrator, overlap, todos_to_build
from tests.making import NOW, STACK, make_stack, make_todo
from tests.orchestration.desk import Desk, make_records

ROLES = ("planner", "builder", "integrator")


def commit(number: int) -> str:
    return f"{number:040x}"


TIP = commit(0)


def make_desk(*todos: Todo, tip: str | None = TIP) -> Desk:
    workspace = Workspace(stack_id=STACK, branch="main", tip=tip, updated_at=NOW, updated_by="integrator")
    stack = make_stack(kind=StackKind.WORKSPACE, state=ExecutionState.RUNNING)
    return Desk(make_records(stack=stack, todos=list(todos), workspace=workspace))


@pytest.fixture
def desk() -> Desk:
    return make_desk(make_todo(1), make_todo(2))


def apply(desk: Desk, *effects: Any, role: str = "builder", saw: Any = None) -> None:
    draft = desk.draft()
    apply_outcome(draft, role, "cycle", Outcome(effects=effects), saw or desk.see(ROLES), Settings())
    desk.keep(draft)


def proposal_of(number: int, made: int = 1) -> ProposeCommit:
    return ProposeCommit(
        todo_id=make_todo(number).id, commit=commit(made), base=TIP, tree=commit(made), title="It", files=1
    )


def queued(desk: Desk) -> list[CommitProposal]:
    return list(desk.records.proposals.items)


def todo_of(desk: Desk, number: int) -> Todo:
    todo = desk.records.todos.get(make_todo(number).id)
    assert todo is not None
    return todo


def dropped(desk: Desk) -> str:
    """Return what the trace of the last outcome says of effects that were dropped."""
    return repr(desk.written(Trace))


class TestProposals:
    def test_a_todo_is_in_progress_while_its_commit_waits(self, desk: Desk) -> None:
        apply(desk, proposal_of(1))

        assert [each.commit for each in queued(desk)] == [commit(1)]
        assert todo_of(desk, 1).status is TodoStatus.IN_PROGRESS
        assert [todo.id for todo in todos_to_build(desk.see(), Settings())] == [make_todo(2).id]

    def test_a_merge_moves_the_tip_and_completes_the_todo(self, desk: Desk) -> None:
        apply(desk, proposal_of(1))
        (waiting,) = queued(desk)

        apply(desk, MoveTip(tip=commit(9), onto=TIP, proposal_id=waiting.id), role="integrator")

        workspace = desk.records.workspace
        assert workspace is not None
        assert (workspace.tip, workspace.number, queued(desk)) == (commit(9), 1, [])
        assert todo_of(desk, 1).status is TodoStatus.COMPLETED
        (merged,) = desk.written(CommitProposal)
        assert (merged.status, merged.merged_as) == (ProposalStatus.MERGED, commit(9))

    def test_a_merge_onto_an_earlier_tip_is_dropped_with_all_that_follows_from_it(self, desk: Desk) -> None:
        apply(desk, proposal_of(1), proposal_of(2, 2))
        first, second = queued(desk)

        moves = (
            MoveTip(tip=commit(9), onto=commit(5), proposal_id=first.id),
            MoveTip(tip=commit(10), onto=commit(9), proposal_id=second.id),
        )
        apply(desk, *moves, role="integrator")

        assert desk.records.workspace is not None
        assert desk.records.workspace.tip == TIP
        assert queued(desk) == [first, second]
        assert dropped(desk).count("the tip is no longer") == 2

    def test_the_same_merge_counts_once(self, desk: Desk) -> None:
        apply(desk, proposal_of(1))
        move = MoveTip(tip=commit(9), onto=TIP, proposal_id=queued(desk)[0].id)
        saw = desk.see(ROLES)
        apply(desk, move, role="integrator", saw=saw)

        apply(desk, move, role="integrator", saw=saw)

        assert desk.records.workspace is not None
        assert desk.records.workspace.number == 1

    def test_a_returned_commit_is_tried_again_until_a_person_is_needed(self, desk: Desk) -> None:
        most = Settings().workspace.attempts
        for attempt in range(most):
            apply(desk, proposal_of(1, attempt + 1))
            (waiting,) = queued(desk)
            apply(desk, ReturnProposal(proposal_id=waiting.id, reason="it conflicts"), role="integrator")
            assert (todo_of(desk, 1).attempts, todo_of(desk, 1).problem) == (attempt + 1, "it conflicts")

        assert make_todo(1).id not in [todo.id for todo in todos_to_build(desk.see(), Settings())]
        desk.do(edit_todo, EditTodo(STACK, make_todo(1).id, content="plant a smaller tree"))
        assert make_todo(1).id in [todo.id for todo in todos_to_build(desk.see(), Settings())]

    def test_a_failed_attempt_without_a_commit_counts(self, desk: Desk) -> None:
        apply(desk, FailTodo(todo_id=make_todo(1).id, problem="status 1"))

        assert (todo_of(desk, 1).attempts, todo_of(desk, 1).status) == (1, TodoStatus.PENDING)

    def test_a_later_commit_replaces_the_one_that_waits(self, desk: Desk) -> None:
        apply(desk, proposal_of(1))
        apply(desk, proposal_of(1, 2))

        assert [each.commit for each in queued(desk)] == [commit(2)]

    @pytest.mark.parametrize("how", ["cancelled by a person", "cancelled by a role", "completed by a role"])
    def test_the_commit_of_a_closed_todo_is_withdrawn(self, desk: Desk, how: str) -> None:
        apply(desk, proposal_of(1))
        (waiting,) = queued(desk)
        saw = desk.see(ROLES)
        if how == "cancelled by a person":
            desk.do(cancel_todo, CancelTodo(STACK, make_todo(1).id))
        else:
            status = TodoStatus.CANCELLED if "cancelled" in how else TodoStatus.COMPLETED
            apply(desk, UpdateTodo(todo_id=make_todo(1).id, status=status), role="planner")

        assert queued(desk) == []
        (withdrawn,) = desk.written(CommitProposal)
        assert withdrawn.status is ProposalStatus.WITHDRAWN
        desk.stored[CommitProposal, withdrawn.id] = withdrawn
        merge = MoveTip(tip=commit(9), onto=TIP, proposal_id=waiting.id)
        apply(desk, merge, role="integrator", saw=saw)
        assert desk.records.workspace is not None
        assert desk.records.workspace.tip == TIP

    def test_a_commit_for_a_todo_that_was_closed_meanwhile_is_dropped(self, desk: Desk) -> None:
        saw = desk.see(ROLES)
        desk.do(cancel_todo, CancelTodo(STACK, make_todo(1).id))

        apply(desk, proposal_of(1), saw=saw)

        assert queued(desk) == []
        assert "is cancelled already" in dropped(desk)

    @pytest.mark.parametrize(
        "effect",
        [
            MoveTip(tip=commit(9), onto=TIP, proposal_id="made up"),
            ReturnProposal(proposal_id="made up", reason="why"),
            FailTodo(todo_id="made up", problem="why"),
            proposal_of(7),
            CreateTodo(content="more", needs=("made up",)),
        ],
        ids=lambda effect: effect.kind,
    )
    def test_what_an_agent_made_up_is_refused_with_all_else(self, desk: Desk, effect: Any) -> None:
        with pytest.raises(EffectRefusedError):
            apply(desk, proposal_of(1), effect)
        assert queued(desk) == []

    def test_a_stack_without_a_repository_takes_none(self) -> None:
        desk = Desk(make_records(todos=[make_todo(1)]))

        with pytest.raises(EffectRefusedError, match="no workspace"):
            apply(desk, proposal_of(1))


class TestPulls:
    PULL = Pull(id="p", commit=commit(3), source="origin main", asked_at=NOW)

    def test_are_noted_once_and_merged_first(self, desk: Desk) -> None:
        apply(desk, proposal_of(1))
        desk.do(take_pull, TakePull(STACK, self.PULL))
        desk.do(take_pull, TakePull(STACK, self.PULL.but(id="q")))

        workspace = desk.records.workspace
        assert workspace is not None
        assert workspace.pulls == (self.PULL,)
        assert "pull of a person" in detect_integrator(desk.see(), Settings(), NOW).reason
        apply(desk, MoveTip(tip=commit(9), onto=TIP, pull_id="p"), role="integrator")
        assert desk.records.workspace is not None
        assert (desk.records.workspace.pulls, desk.records.workspace.updated_by) == ((), "user")

    def test_are_given_up_with_the_reason(self, desk: Desk) -> None:
        desk.do(take_pull, TakePull(STACK, self.PULL))

        apply(desk, RefusePull(pull_id="p", reason="it conflicts"), role="integrator")

        assert desk.records.workspace is not None
        assert (desk.records.workspace.pulls, desk.records.workspace.problem) == ((), "it conflicts")

    def test_of_the_tip_itself_are_nothing_new(self, desk: Desk) -> None:
        desk.do(take_pull, TakePull(STACK, self.PULL.but(commit=TIP)))

        assert desk.records.workspace is not None
        assert desk.records.workspace.pulls == ()

    @pytest.mark.parametrize("desk", [make_desk(tip=None), Desk(make_records())], ids=["not made", "a page"])
    def test_need_a_repository(self, desk: Desk) -> None:
        with pytest.raises(ConflictError, match="repository"):
            desk.do(take_pull, TakePull(STACK, self.PULL))


class TestNeeds:
    def test_in_a_circle_are_refused(self) -> None:
        desk = make_desk(
            make_todo(1, needs=(make_todo(2).id,)), make_todo(2, needs=(make_todo(3).id,)), make_todo(3)
        )

        with pytest.raises(ConflictError, match="would need itself"):
            desk.do(edit_todo, EditTodo(STACK, make_todo(3).id, needs=(make_todo(1).id,)))
        with pytest.raises(ConflictError, match="would need itself"):
            desk.do(edit_todo, EditTodo(STACK, make_todo(3).id, needs=(make_todo(3).id,)))

    def test_of_unknown_todos_are_refused(self, desk: Desk) -> None:
        with pytest.raises(NotFoundError, match="no todo nobody"):
            desk.do(edit_todo, EditTodo(STACK, make_todo(1).id, needs=("nobody",)))

    def test_by_label_are_the_ids_of_new_todos(self, desk: Desk) -> None:
        first = CreateTodo(content="first", label="one")
        apply(desk, first, CreateTodo(content="second", needs=("one", make_todo(1).id)), role="planner")

        new = {todo.content: todo for todo in desk.written(Todo)}
        assert new["second"].needs == (new["first"].id, make_todo(1).id)

    def test_are_waited_for(self) -> None:
        desk = make_desk(make_todo(1, needs=(make_todo(2).id,)), make_todo(2, needs=("gone",)))
        eight = Settings().overridden({"workspace": {"builders": 8}})

        assert [todo.id for todo in todos_to_build(desk.see(), eight)] == [make_todo(2).id]


@pytest.mark.parametrize(
    ("paths", "others", "is_overlap"),
    [
        (("a",), ("a",), True),
        (("a/b",), ("a",), True),
        (("a",), ("a/b/c",), True),
        (("./a//b",), ("a/b/",), True),
        ((".",), ("z",), True),
        (("a/b",), ("a/bc",), False),
        (("a", "b"), ("c", "b/d"), True),
        ((), ("a",), False),
        ((), (), False),
    ],
)
def test_paths_overlap_if_one_contains_the_other(
    paths: tuple[str, ...], others: tuple[str, ...], is_overlap: bool
) -> None:
    assert overlap(paths, others) is overlap(others, paths) is is_overlap


# -- Whatever happens, in whatever order ---------------------------------------------------------------------

_PATHS = st.lists(st.sampled_from(["a", "a/b", "a/c", "d", "d/e", "."]), max_size=2).map(tuple)
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["build", "merge", "merge stale", "return", "fail", "cancel", "edit", "pull"]),
        st.integers(0, 5),
    ),
    max_size=40,
)


@given(paths=st.lists(_PATHS, min_size=6, max_size=6), builders=st.integers(1, 8), steps=_STEPS)
@settings(max_examples=150, deadline=None)
def test_records_agree_after_every_step(
    paths: list[tuple[str, ...]], builders: int, steps: list[tuple[str, int]]
) -> None:
    desk = make_desk(*(make_todo(number, paths=each) for number, each in enumerate(paths)))
    own = Settings().overridden({"workspace": {"builders": builders, "attempts": 3}})
    decided: dict[str, CommitProposal] = {}
    tips, made = [TIP], 100

    def build(_number: int) -> None:
        nonlocal made
        for todo in todos_to_build(desk.see(ROLES), own):
            made += 1
            apply(desk, proposal_of(int(todo.id), made))

    def merge(number: int, onto: int = -1) -> None:
        nonlocal made
        waiting = queued(desk)
        if waiting:
            made += 1
            proposal = waiting[number % len(waiting)]
            apply(
                desk, MoveTip(tip=commit(made), onto=tips[onto], proposal_id=proposal.id), role="integrator"
            )
            if tips[onto] == tips[-1]:
                tips.append(commit(made))

    def give_back(number: int) -> None:
        waiting = queued(desk)
        if waiting:
            effect = ReturnProposal(proposal_id=waiting[number % len(waiting)].id, reason="no")
            apply(desk, effect, role="integrator")

    def fail(number: int) -> None:
        if todo_of(desk, number).status is TodoStatus.PENDING:
            apply(desk, FailTodo(todo_id=make_todo(number).id, problem="no"))

    def cancel(number: int) -> None:
        if todo_of(desk, number).status.open:
            desk.do(cancel_todo, CancelTodo(STACK, make_todo(number).id))

    def edit(number: int) -> None:
        if todo_of(desk, number).status.open:
            desk.do(edit_todo, EditTodo(STACK, make_todo(number).id, priority=5, paths=("d",)))

    def pull(number: int) -> None:
        desk.do(
            take_pull,
            TakePull(STACK, Pull(id=f"p{number}", commit=commit(50 + number), source="x", asked_at=NOW)),
        )

    happens: dict[str, Callable[[int], None]] = {
        "build": build,
        "merge": merge,
        "merge stale": lambda number: merge(number, 0),
        "return": give_back,
        "fail": fail,
        "cancel": cancel,
        "edit": edit,
        "pull": pull,
    }
    for what, number in steps:
        happens[what](number)
        for proposal in desk.written(CommitProposal):
            if not proposal.status.open:
                assert proposal.id not in decided, "decided twice"
                decided[proposal.id] = proposal
        desk.writes = type(desk.writes)()
        _agree(desk, own, tips, decided)


def _agree(desk: Desk, own: Settings, tips: list[str], decided: dict[str, CommitProposal]) -> None:
    workspace, waiting = desk.records.workspace, queued(desk)
    assert workspace is not None
    assert (workspace.tip, workspace.number) == (tips[-1], len(tips) - 1)
    merged = [each for each in decided.values() if each.status is ProposalStatus.MERGED]
    assert [each.merged_as for each in merged] == tips[1:]
    assert len({each.todo_id for each in waiting}) == len(waiting)
    for todo in desk.records.todos:
        is_waiting = any(each.todo_id == todo.id for each in waiting)
        assert is_waiting == (todo.status is TodoStatus.IN_PROGRESS)
        assert (todo.status is TodoStatus.COMPLETED) == any(each.todo_id == todo.id for each in merged)
    chosen = todos_to_build(desk.see(ROLES), own)
    busy = [*chosen, *(todo for todo in desk.records.todos if todo.status is TodoStatus.IN_PROGRESS)]
    assert len(chosen) <= own.workspace.builders
    for index, todo in enumerate(chosen):
        assert todo.attempts < own.workspace.attempts
        assert not any(overlap(todo.paths, other.paths) for other in [*busy[:index], *busy[len(chosen) :]])
