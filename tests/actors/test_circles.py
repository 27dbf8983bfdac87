"""A team whose agents propose the same again and again is paused, with what shows it, also over restarts."""

from recursor.domain.agent_state import MAX_PROPOSALS
from recursor.domain.effect import Outcome, PublishArtifact
from recursor.domain.graph import NodeStatus, Usage
from recursor.domain.stack import ExecutionState
from recursor.orchestration.control import Command
from recursor.storage.queries import agent_states
from recursor.storage.tables import ARTIFACTS
from tests.actors.stage import Cast, Gate, until

REASON = "first: it goes in circles: 3 times already"
SPENT = Usage(model="m", input_tokens=5)


def repeat(_snapshot, _run):
    return Outcome(effects=(PublishArtifact(content="the same page"),), usage=SPENT)


def versions(stage, stack_id):
    with stage.store.read() as reader:
        return len(list(ARTIFACTS.keys(reader, stack_id)))


def wait_paused(stage, stack_id):
    until(lambda: stage.stack(stack_id).state is ExecutionState.PAUSED, "it is paused")
    return stage.stack(stack_id).state_reason


def test_a_circle_pauses_the_stack_and_what_was_spent_is_counted(set_stage):
    stage = set_stage(Cast(first=repeat).roles())
    stack_id = stage.create("first: a")
    assert wait_paused(stage, stack_id).startswith(REASON)
    assert versions(stage, stack_id) == 3
    node = stage.nodes(stack_id)["first"]
    assert (node.status, node.usage) == (NodeStatus.FAILED, SPENT)


def test_a_person_can_have_it_try_again(set_stage):
    stage = set_stage(Cast(first=repeat).roles())
    stack_id = stage.create("first: a")
    wait_paused(stage, stack_id)
    stage.clock.advance(1)
    stage.tell(stack_id, Command.RESUME)
    until(lambda: versions(stage, stack_id) == 6, "three more versions")
    assert wait_paused(stage, stack_id).startswith(REASON)
    with stage.store.read() as reader:
        kept = {s.role: s.short_term.proposals for s in agent_states(reader, stack_id)}["first"]
    assert len(kept) == 6 <= MAX_PROPOSALS


def test_what_came_before_is_known_after_a_restart(set_stage):
    gate = Gate(repeat)

    def twice(snapshot, run):
        return gate(snapshot, run) if versions(stage, stack_id) == 2 else repeat(snapshot, run)

    stage = set_stage(Cast(first=twice).roles())
    stack_id = stage.create("first: a", start=False)
    stage.tell(stack_id, Command.START)
    gate.wait_entered()
    stage.crash()
    gate.open()
    stage.start(Cast(first=repeat).roles())
    assert wait_paused(stage, stack_id).startswith(REASON)
    assert versions(stage, stack_id) == 3
