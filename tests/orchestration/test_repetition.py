"""A team that goes in circles is found by what it proposes, and by nothing else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recursor.domain.agent_state import Proposal, ShortTermMemory
from recursor.domain.effect import (
    AnswerUserMessage,
    CreateTodo,
    Outcome,
    PlanUserMessages,
    PublishArtifact,
    Remember,
    ReviewArtifact,
    SetPhase,
    SetProject,
    UpdateTodo,
)
from recursor.domain.settings import LoopSettings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase
from recursor.domain.todo import TodoStatus
from recursor.orchestration.repetition import circle, proposal_of
from tests.making import NOW, make_idea, make_snapshot, make_stack, make_state, make_todo, make_user_message


def outcome(*effects: Any) -> Outcome:
    return Outcome(effects=effects)


PLAN = outcome(CreateTodo(content="Add a pond"))
OTHER = outcome(CreateTodo(content="Add a path"))
EMPTY = make_snapshot()
PLANNED = make_snapshot(
    stack=make_stack(phase=Phase.BUILDING),
    idea=make_idea(title="Tea", description="All of it.", features=("a list",)),
    todos=(make_todo(1, content="brew"), make_todo(2, content="pour"), make_todo(3, content="Brew")),
)
"""A stack with a project, three open todos, two of them in the same words, and a phase."""


def fingerprint(proposed: Outcome, snapshot: Snapshot = EMPTY) -> str | None:
    return proposal_of(proposed, snapshot)


def change(number: int, **fields: Any) -> UpdateTodo:
    return UpdateTodo(todo_id=PLANNED.todos[number - 1].id, **fields)


def after(*before: Outcome, at: float = NOW, **fields: Any) -> Snapshot:
    """A stack whose planner has proposed these, a second apart from `at` on."""
    proposals = tuple(
        Proposal(fingerprint=fingerprint(each) or "", made_at=at + n) for n, each in enumerate(before)
    )
    state = make_state("planner").but(short_term=ShortTermMemory(proposals=proposals))
    return make_snapshot(state, **fields)


def found(snapshot: Snapshot, proposed: Outcome = PLAN, repetitions: int = 3) -> str | None:
    proposal = fingerprint(proposed)
    assert proposal is not None
    return circle(snapshot, "planner", proposal, proposed, LoopSettings(repetitions=repetitions))


class TestTheSame:
    @pytest.mark.parametrize(
        ("one", "another"),
        [
            (PLAN, outcome(CreateTodo(content="add  a pond", priority=5), Remember(facts=("x",)))),
            (
                outcome(CreateTodo(content="a"), CreateTodo(content="b")),
                outcome(CreateTodo(content="b"), CreateTodo(content="a")),
            ),
            (
                outcome(ReviewArtifact(number=1, recommendations=("a", "b"))),
                outcome(ReviewArtifact(number=2, recommendations=("B", "a"))),
            ),
            (outcome(PublishArtifact(content="x")), outcome(PublishArtifact(content="x", metadata={"n": 1}))),
        ],
    )
    def test_is_what_says_the_same(self, one: Outcome, another: Outcome) -> None:
        assert fingerprint(one) == fingerprint(another) is not None

    @pytest.mark.parametrize(
        ("one", "another"),
        [
            (PLAN, OTHER),
            (outcome(PublishArtifact(content="x")), outcome(PublishArtifact(content="X"))),
            (outcome(CreateTodo(content="x")), outcome(PublishArtifact(content="x"))),
            (
                outcome(SetProject(title="x", features=("y",))),
                outcome(SetProject(title="y", features=("x",))),
            ),
        ],
    )
    def test_is_nothing_else(self, one: Outcome, another: Outcome) -> None:
        assert fingerprint(one) != fingerprint(another)

    @pytest.mark.parametrize(
        "effect",
        [
            Remember(facts=("x",)),
            AnswerUserMessage(message_id="m", answer="hello"),
        ],
    )
    def test_may_be_done_or_said_as_often_as_one_likes(self, effect: Any) -> None:
        assert fingerprint(outcome(effect)) is None

    @pytest.mark.parametrize(
        "effects",
        [
            (SetProject(title="tea", description="all  of it.", features=("A list",)),),
            (change(1, priority=1), change(2, content="pour hot")),
            (SetPhase(phase=Phase.REVIEWING),),
            (change(1, status=TodoStatus.CANCELLED), SetPhase(phase=Phase.COMPLETE)),
        ],
    )
    def test_may_be_arranged_as_often_as_one_likes(self, effects: Any) -> None:
        """A planner that describes the project as before, and moves what others work on, repeats no plan."""
        assert fingerprint(outcome(*effects), PLANNED) is None

    def test_is_another_project_each_time_it_is_one(self) -> None:
        one, another = SetProject(title="Tea", features=("a pot",)), SetProject(title="Coffee")
        assert fingerprint(outcome(one), PLANNED) != fingerprint(outcome(another), PLANNED)
        assert fingerprint(outcome(one), PLANNED) is not None

    @pytest.mark.parametrize(
        ("one", "another"),
        [
            (change(1, priority=1), change(1, priority=2)),
            (change(1, priority=1), change(2, priority=1)),
            (change(1, content="brew it"), change(1, content="brew well")),
            (change(1, status=TodoStatus.CANCELLED), change(1, priority=1)),
            (SetPhase(phase=Phase.REVIEWING), SetPhase(phase=Phase.PLANNING)),
        ],
    )
    def test_is_not_what_comes_with_other_changes(self, one: Any, another: Any) -> None:
        todo = CreateTodo(content="Add a pond")
        assert fingerprint(outcome(todo, one), PLANNED) != fingerprint(outcome(todo, another), PLANNED)

    def test_is_what_comes_with_changes_that_are_none(self) -> None:
        nothing = (
            change(1, priority=3, content="brew", status=TodoStatus.PENDING),
            SetPhase(phase=Phase.BUILDING),
            SetProject(title="Tea", description="All of it.", features=("a list",)),
        )
        todo = CreateTodo(content="Add a pond")
        assert fingerprint(outcome(todo, *nothing), PLANNED) == fingerprint(outcome(todo), PLANNED)

    def test_is_a_list_that_is_cleared_and_planned_anew_in_the_same_words(self) -> None:
        """Though its todos have other ids each time."""
        first, second = change(1, status=TodoStatus.CANCELLED), change(3, status=TodoStatus.CANCELLED)
        todo = CreateTodo(content="brew")
        assert fingerprint(outcome(first, todo), PLANNED) == fingerprint(outcome(second, todo), PLANNED)

    def test_is_the_same_page_whichever_todo_it_completes(self) -> None:
        page = PublishArtifact(content="<p>tea")
        done = [outcome(page, change(number, status=TodoStatus.COMPLETED)) for number in (1, 2)]
        assert fingerprint(done[0], PLANNED) == fingerprint(done[1], PLANNED) == fingerprint(outcome(page))


UPDATES = st.builds(
    change, st.integers(1, 3), priority=st.integers(1, 5), content=st.sampled_from(("brew", "pour", "stir"))
)
PHASES = st.builds(SetPhase, phase=st.sampled_from(Phase))
TODOS = st.builds(CreateTodo, content=st.sampled_from(("sit", "Sit", "stand")))
PROJECTS = st.builds(SetProject, title=st.sampled_from(("Tea", "tea", "Coffee")))
PLANS = st.lists(UPDATES | PHASES | TODOS | PROJECTS, max_size=6).map(lambda effects: outcome(*effects))


class TestAnyPlan:
    @settings(deadline=None)
    @given(PLANS, st.randoms())
    def test_is_the_same_in_whatever_order(self, plan: Outcome, random: Any) -> None:
        shuffled = random.sample(plan.effects, len(plan.effects))
        assert fingerprint(outcome(*shuffled), PLANNED) == fingerprint(plan, PLANNED)

    @settings(deadline=None)
    @given(PLANS)
    def test_is_one_if_it_has_todos_or_another_project(self, plan: Outcome) -> None:
        has_news = any(isinstance(effect, CreateTodo | SetProject) for effect in plan.effects)
        assert (fingerprint(plan, PLANNED) is not None) == has_news

    @settings(deadline=None)
    @given(st.lists(PLANS, max_size=25), PLANS, st.integers(0, 10))
    def test_closes_a_circle_only_if_it_has_come_often_enough(
        self, before: list[Outcome], plan: Outcome, repetitions: int
    ) -> None:
        proposed = [each for each in before if fingerprint(each)]
        if (proposal := fingerprint(plan)) is None:
            return
        often = [fingerprint(each) for each in proposed][-2 * repetitions :].count(proposal)
        closed = found(after(*proposed), plan, repetitions) is not None
        assert closed == (0 < repetitions <= often)


class TestACircle:
    def test_is_what_comes_once_more_than_it_may(self) -> None:
        assert found(after(PLAN, PLAN)) is None
        evidence = found(after(PLAN, PLAN, PLAN))
        assert evidence is not None
        assert "repeated 3 times" in evidence
        assert "the todo “Add a pond”" in evidence
        assert "loop.repetitions = 3" in evidence

    def test_may_have_two_stations(self) -> None:
        assert found(after(PLAN, OTHER, PLAN, OTHER, PLAN, OTHER))

    def test_is_not_what_comes_now_and_then(self) -> None:
        other = [outcome(CreateTodo(content=str(n))) for n in range(9)]
        assert found(after(PLAN, *other[:3], PLAN, *other[3:6], PLAN, *other[6:])) is None

    def test_is_as_long_as_the_settings_say(self) -> None:
        assert found(after(*[PLAN] * 2), repetitions=2)
        assert found(after(*[PLAN] * 9), repetitions=10) is None
        assert found(after(*[PLAN] * 10), repetitions=10)

    def test_is_never_found_where_the_settings_say_so(self) -> None:
        assert found(after(*[PLAN] * 20), repetitions=0) is None

    @pytest.mark.parametrize(
        "fields",
        [
            {"user_messages": (make_user_message(created_at=NOW + 5),)},
            {"todos": (make_todo(updated_by="user", updated_at=NOW + 5),)},
            {"todos": (make_todo(assigned_by="user", created_at=NOW + 5, updated_by="builder"),)},
            {"idea": make_idea(updated_by="user", updated_at=NOW + 5)},
            {"stack": make_stack(last_input_at=NOW + 5)},
            {"stack": make_stack(resumed_at=NOW + 5)},
            {"stack": make_stack(started_at=NOW + 5)},
        ],
    )
    def test_begins_anew_when_a_person_has_done_something(self, fields: dict[str, Any]) -> None:
        assert found(after(PLAN, PLAN, PLAN, **fields)) is None
        assert found(after(PLAN, PLAN, PLAN, at=NOW + 6, **fields))

    def test_begins_anew_when_a_review_has_nothing_to_recommend(self) -> None:
        content = outcome(ReviewArtifact(number=1))
        review = outcome(ReviewArtifact(number=1, recommendations=("label it",)))
        assert found(after(review, review, review), review)
        assert found(after(review, review, review, content), review) is None
        assert found(after(review, content, review, review, review), review)
        assert found(after(*[content] * 9), content) is None

    def test_does_not_begin_anew_by_what_the_team_does(self) -> None:
        todo = make_todo(updated_by="builder", updated_at=NOW + 5)
        idea = make_idea(updated_by="planner", updated_at=NOW + 5)
        assert found(after(PLAN, PLAN, PLAN, todos=(todo,), idea=idea))


def test_the_same_plan_for_messages_nobody_had_planned_for_is_none() -> None:
    wishes = tuple(make_user_message(number) for number in range(1, 4))
    first = make_snapshot(user_messages=wishes)
    left = make_snapshot(user_messages=(wishes[0].but(planned_at=NOW), *wishes[1:]))
    plan = CreateTodo(content="Add a pond")

    def taking(number: int) -> Outcome:
        return outcome(plan, PlanUserMessages(message_ids=(wishes[number].id,)))

    assert fingerprint(taking(0), first) != fingerprint(taking(1), left)
    # One that was planned for already makes no plan new.
    assert fingerprint(taking(0), left) == fingerprint(outcome(plan), left)
