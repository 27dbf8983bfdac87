"""A team that does much without new input is paused; a resume goes on."""

import pytest

from recursor.actors.messages import ConfigureStack, SendUserMessage
from recursor.domain.commands import Command
from recursor.domain.effect import CreateTodo, Outcome, PublishArtifact
from recursor.domain.graph import Usage
from recursor.domain.new_records import new_user_message
from recursor.domain.spending import AgentFailedError
from recursor.domain.stack import ExecutionState
from tests.actors.stage import Cast, until


class Improver:
    """Proposes another step of the same work each time it runs."""

    def __init__(self, *, tokens=0, publishes=False):
        self.runs = 0
        self._tokens = tokens
        self._publishes = publishes

    def __call__(self, _snapshot, _run):
        self.runs += 1
        step = f"first: make the header slightly nicer, step {self.runs}"
        effect = PublishArtifact(content=step) if self._publishes else CreateTodo(content=step, priority=3)
        usage = Usage(model="m", input_tokens=self._tokens) if self._tokens else None
        return Outcome(effects=(effect,), usage=usage)


def wait_paused(stage, stack_id):
    until(lambda: stage.stack(stack_id).state is ExecutionState.PAUSED, "it is paused")
    return stage.stack(stack_id).state_reason


@pytest.mark.parametrize(
    ("limits", "agent", "runs", "reason"),
    [
        ({"runs": 7}, {}, 7, "7 runs since the last input (loop.runs = 7)"),
        ({"tokens": 900}, {"tokens": 300}, 3, "900 tokens since the last input (loop.tokens = 900)"),
        (
            {"versions": 4},
            {"publishes": True},
            4,
            "4 versions of the work since the last input (loop.versions = 4)",
        ),
    ],
)
def test_a_team_that_makes_work_for_itself_is_paused(set_stage, limits, agent, runs, reason):
    improver = Improver(**agent)
    stage = set_stage(Cast(first=improver).roles())
    stack_id = stage.create("first: a", settings={"loop": limits})
    assert reason in wait_paused(stage, stack_id)
    assert improver.runs == runs


def test_what_may_be_paid_for_in_vain_counts_as_a_run(set_stage):
    def broken_off(_snapshot, _run):
        raise AgentFailedError("some:model broke off its answer", passes=True, counts=True)

    stage = set_stage(Cast(first=broken_off).roles())
    stack_id = stage.create("first: a", settings={"loop": {"runs": 3}, "pause": {"longest_backoff": 1}})
    for number in (1, 2):
        stage.wait_rest(stack_id, number)
        stage.clock.advance(6)
    assert "3 runs" in wait_paused(stage, stack_id)


def test_a_resume_lets_it_do_as_much_again(set_stage):
    improver = Improver()
    stage = set_stage(Cast(first=improver).roles())
    stack_id = stage.create("first: a", settings={"loop": {"runs": 5}})
    wait_paused(stage, stack_id)
    stage.tell(stack_id, Command.RESUME)
    until(lambda: improver.runs == 10, "five more runs")
    assert "5 runs" in wait_paused(stage, stack_id)


def test_what_it_did_before_a_restart_counts(set_stage):
    improver = Improver()
    stage = set_stage(Cast(first=improver).roles())
    stack_id = stage.create("first: a", settings={"loop": {"runs": 5}})
    wait_paused(stage, stack_id)
    stage.crash()
    stage.start()
    assert stage.stack(stack_id).runs_since_input == 5


def test_a_message_of_a_visitor_begins_the_count_anew(set_stage):
    improver = Improver()
    stage = set_stage(Cast(first=improver).roles())
    stack_id = stage.create("first: a", settings={"loop": {"runs": 5}})
    wait_paused(stage, stack_id)
    stage.ask(SendUserMessage(new_user_message(stack_id, "visitor", "hello", stage.clock.now())))
    assert stage.stack(stack_id).runs_since_input == 0


def test_without_limits_it_is_not_paused(set_stage):
    improver = Improver()
    stage = set_stage(Cast(first=improver).roles())
    stack_id = stage.create("first: a", settings={"loop": {"runs": 3}})
    wait_paused(stage, stack_id)
    stage.ask(ConfigureStack(stack_id, {"loop": {"runs": 0}}))
    stage.tell(stack_id, Command.RESUME)
    until(lambda: improver.runs > 20, "many runs")
    stage.tell(stack_id, Command.STOP)
