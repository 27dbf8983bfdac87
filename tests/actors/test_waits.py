"""A role whose provider is away waits until it is back: nobody is paused, and nobody has to do anything."""

import pytest

from recursor.actors.messages import ConfigureStack
from recursor.domain.commands import Command
from recursor.domain.events import NodeFinished, StackChanged, UserMessageAnswered
from recursor.domain.execution import DecisionKind, ExecutionStatus
from recursor.domain.graph import NodeStatus
from recursor.domain.spending import AgentFailedError
from recursor.domain.stack import ExecutionState
from recursor.storage.opening import memory_store
from recursor.storage.queries import orchestration_stats
from recursor.storage.tables import STATES
from tests.actors.stage import Cast, finish_todo, until

HOUR = 3600.0


def about(at):
    """The stage's clock moves on by a microsecond with every look at it."""
    return pytest.approx(at, abs=0.01)


def skip_to_next_try(stage, stack_id):
    """Let the time come, and return how many seconds that took."""
    wait = wait_of(stage, stack_id)
    seconds = (stage.stack(stack_id).next_look_at if wait is None else wait.until) - stage.clock.now()
    stage.clock.advance(seconds + 0.001)
    return seconds


class Away:
    """An agent whose provider is away, until it is not."""

    def __init__(self, seconds=None):
        self.seconds = seconds
        self.is_back = False
        self.now = None

    def __call__(self, snapshot, run):
        if self.is_back:
            return finish_todo(snapshot, run)
        not_before = None if self.seconds is None else self.now() + self.seconds
        raise AgentFailedError("some:model is away", passes=True, not_before=not_before)


@pytest.fixture
def away_for(set_stage):
    """Sets a stage on which the provider of the role `first` is away for so many seconds, or nobody says."""

    def set_it(seconds=None, store=None):
        away = Away(seconds)
        cast = Cast(first=away)
        stage = set_stage(cast.roles(), **({} if store is None else {"store": store}))
        away.now = stage.clock.now
        return stage, cast, away

    return set_it


def wait_of(stage, stack_id, role="first"):
    with stage.store.read() as reader:
        return STATES.get(reader, stack_id, role).wait


def test_it_is_tried_again_when_the_provider_is_back(away_for):
    stage, cast, away = away_for(HOUR)
    stack_id = stage.create("first: a")
    began = stage.clock.now()
    decision = stage.wait_rest(stack_id).decision
    stack = stage.stack(stack_id)
    # The others are looked at as often as ever.
    assert (stack.state, stack.next_look_at) == (ExecutionState.RUNNING, about(began + 30))
    assert stack.failures_in_a_row == 0
    assert decision.kind is DecisionKind.PAUSE
    assert "some:model is away" in decision.reason
    assert stage.nodes(stack_id)["first"].waits_until == about(began + HOUR)
    assert wait_of(stage, stack_id).until == about(began + HOUR)

    stage.clock.advance(HOUR - 1)
    stage.wait_rest(stack_id, 2)
    assert len(cast.first.runs) == 1
    away.is_back = True
    stage.clock.advance(1.1)
    stage.wait_rest(stack_id, 3)
    assert len(cast.first.runs) == 2
    assert stage.nodes(stack_id)["first"].status is NodeStatus.COMPLETED
    assert wait_of(stage, stack_id) is None


def test_it_never_counts_as_a_failure_and_is_never_a_person_s_business(away_for):
    stage, cast, _ = away_for(HOUR)
    stack_id = stage.create("first: a")
    for number in range(1, 13):
        stage.wait_rest(stack_id, number)
        skip_to_next_try(stage, stack_id)
    stage.wait_rest(stack_id, 13)
    assert len(cast.first.runs) == 13
    assert stage.stack(stack_id).state is ExecutionState.RUNNING
    assert stage.stack(stack_id).failures_in_a_row == 0
    assert {cycle.status for cycle in stage.cycles(stack_id)} == {ExecutionStatus.WAITING}
    with stage.store.read() as reader:
        stats = orchestration_stats(reader, stack_id, 0, stage.clock.now())
    assert (stats.failed, stats.agents_failed, stats.success_rate) == (0, 0, None)
    assert (stats.waiting, stats.agents_waiting) == (13, 13)


def test_an_outage_of_unknown_length_is_looked_at_less_and_less_often(away_for):
    stage, _, _ = away_for(None)
    stack_id = stage.create("first: a")
    waits = []
    for number in range(1, 10):
        stage.wait_rest(stack_id, number)
        waits.append(skip_to_next_try(stage, stack_id))
    assert waits == pytest.approx([5, 10, 20, 40, 80, 160, 300, 300, 300], abs=0.01)
    assert stage.stack(stack_id).state is ExecutionState.RUNNING


def test_it_is_waited_for_over_a_restart(away_for):
    stage, cast, away = away_for(HOUR, memory_store())
    stack_id = stage.create("first: a")
    stage.wait_rest(stack_id)
    stage.crash()
    stage.start()
    stage.clock.advance(HOUR - 1)
    # Somebody asks for it, so it is awake.
    stage.add_todo(stack_id, "nobody: b")
    stage.wait_rest(stack_id, 2)
    assert len(cast.first.runs) == 1
    away.is_back = True
    stage.clock.advance(1.1)
    stage.wait_for(NodeFinished, stack_id, where=lambda event: event.status is NodeStatus.COMPLETED)
    assert len(cast.first.runs) == 2


def test_the_others_of_the_team_go_on(away_for):
    stage, cast, _ = away_for(HOUR)
    stack_id = stage.create("first: a", "third: b")
    stage.wait_rest(stack_id)
    # It waited for `first` in the same cycle, which failed.
    stage.clock.advance(1)
    stage.wait_rest(stack_id, 2)
    assert len(cast.third.runs) == 1
    stage.write_to(stack_id)
    stage.wait_for(UserMessageAnswered, stack_id)
    stage.wait_rest(stack_id, 3)
    assert len(cast.first.runs) == 1
    assert stage.stack(stack_id).next_look_at == about(stage.clock.now() + 30)


def test_a_person_who_resumes_or_takes_another_model_has_it_tried_at_once(away_for):
    stage, cast, away = away_for(HOUR)
    stack_id = stage.create("first: a")
    stage.wait_rest(stack_id)
    stage.clock.advance(1)
    stage.tell(stack_id, Command.PAUSE)
    stage.tell(stack_id, Command.RESUME)
    until(lambda: len(cast.first.runs) == 2, "a try after the resume")
    stage.wait_rest(stack_id, 2)
    away.is_back = True
    stage.ask(ConfigureStack(stack_id, {"model": {"name": "openai:another"}}))
    until(lambda: stage.nodes(stack_id)["first"].status is NodeStatus.COMPLETED, "a try of another model")


def test_failures_before_it_still_count_after_it(away_for):
    stage, cast, away = away_for(HOUR)

    def fails(snapshot, run):
        if len(cast.first.runs) % 2:
            raise ValueError("nonsense")
        return away(snapshot, run)

    cast.first.act = fails
    stack_id = stage.create("first: a")
    for number in range(1, 9):
        stage.wait_rest(stack_id, number)
        skip_to_next_try(stage, stack_id)
    stage.wait_for(StackChanged, stack_id, where=lambda event: event.state is ExecutionState.PAUSED)
    assert stage.stack(stack_id).state_reason.startswith("5 failed cycles in a row")


def test_failures_before_it_have_nobody_wait_longer_over_a_restart(away_for):
    stage, cast, away = away_for(HOUR, memory_store())

    def fails(snapshot, run):
        if len(cast.first.runs) <= 2:
            raise ValueError("nonsense")
        return away(snapshot, run)

    cast.first.act = fails
    stack_id = stage.create("first: a")
    for number in range(1, 3):
        stage.wait_rest(stack_id, number)
        skip_to_next_try(stage, stack_id)
    stage.wait_rest(stack_id, 3)
    stage.crash()
    stage.start()
    stage.write_to(stack_id)
    stage.wait_for(UserMessageAnswered, stack_id)
