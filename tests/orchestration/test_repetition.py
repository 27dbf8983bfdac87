"""A team that goes in circles is found by what it proposes, and by nothing else."""

from typing import Any

import pytest

from recursor.domain.agent_state import Proposal, ShortTermMemory
from recursor.domain.effect import (
    AnswerUserMessage,
    CreateTodo,
    Outcome,
    PublishArtifact,
    Remember,
    ReviewArtifact,
    SetProject,
)
from recursor.domain.settings import LoopSettings
from recursor.domain.snapshot import Snapshot
from recursor.orchestration.repetition import circle, proposal_of
from tests.making import NOW, make_idea, make_snapshot, make_stack, make_state, make_todo, make_user_message


def outcome(*effects: Any) -> Outcome:
    return Outcome(effects=effects)


PLAN = outcome(CreateTodo(content="Add a pond"))
OTHER = outcome(CreateTodo(content="Add a path"))


def after(*before: Outcome, at: float = NOW, **fields: Any) -> Snapshot:
    """A stack whose planner has proposed these, a second apart from `at` on."""
    proposals = tuple(
        Proposal(fingerprint=proposal_of(each) or "", made_at=at + n) for n, each in enumerate(before)
    )
    state = make_state("planner").but(short_term=ShortTermMemory(proposals=proposals))
    return make_snapshot(state, **fields)


def found(snapshot: Snapshot, proposed: Outcome = PLAN, repetitions: int = 3) -> str | None:
    fingerprint = proposal_of(proposed)
    assert fingerprint is not None
    return circle(snapshot, "planner", fingerprint, proposed, LoopSettings(repetitions=repetitions))


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
        assert proposal_of(one) == proposal_of(another) is not None

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
        assert proposal_of(one) != proposal_of(another)

    @pytest.mark.parametrize(
        "effect",
        [
            Remember(facts=("x",)),
            AnswerUserMessage(message_id="m", answer="hello"),
        ],
    )
    def test_may_be_done_or_said_as_often_as_one_likes(self, effect: Any) -> None:
        assert proposal_of(outcome(effect)) is None


class TestACircle:
    def test_is_what_comes_once_more_than_it_may(self) -> None:
        assert found(after(PLAN, PLAN)) is None
        evidence = found(after(PLAN, PLAN, PLAN))
        assert evidence is not None
        assert "3 times already" in evidence
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

    @pytest.mark.parametrize(
        "fields",
        [
            {"user_messages": (make_user_message(created_at=NOW + 5),)},
            {"todos": (make_todo(updated_by="user", updated_at=NOW + 5),)},
            {"idea": make_idea(updated_by="user", updated_at=NOW + 5)},
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
