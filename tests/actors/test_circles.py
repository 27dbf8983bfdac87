"""A team whose agents propose the same again and again is paused, with what shows it, also over restarts."""

import pytest

from recursor.actors.messages import CancelTodo, ConfigureStack, EditTodo, SetIdea
from recursor.domain.agent_state import MAX_PROPOSALS
from recursor.domain.commands import Command
from recursor.domain.effect import Outcome, PublishArtifact, SetProject, UpdateTodo
from recursor.domain.graph import NodeStatus, Usage
from recursor.domain.new_records import new_idea
from recursor.domain.stack import ExecutionState
from recursor.storage.queries import agent_states
from recursor.storage.tables import ARTIFACTS, TODOS
from tests.actors.stage import Cast, Gate, until

REASON = "first: repeated 3 times without new input"
SPENT = Usage(model="m", input_tokens=5)


def repeat(_snapshot, _run):
    return Outcome(effects=(PublishArtifact(content="the same page"),), usage=SPENT)


def take_over(snapshot, run):
    """Propose the same again, and make one's own whatever people have written."""
    title = SetProject(idea="tea", title="Tea")
    moved = [
        UpdateTodo(todo_id=todo.id, priority=2 if todo.priority == 4 else 4) for todo in snapshot.open_todos
    ]
    return Outcome(effects=(*repeat(snapshot, run).effects, title, *moved))


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


def newest_todo(stage, stack_id):
    with stage.store.read() as reader:
        return next(iter(TODOS.newest(reader, stack_id, 1))).id


DEEDS = {
    "adds a todo": lambda stage, stack: stage.add_todo(stack, "first: stir"),
    "edits a todo": lambda stage, stack: stage.ask(EditTodo(stack, newest_todo(stage, stack), "first: pour")),
    "moves a todo": lambda stage, stack: stage.ask(EditTodo(stack, newest_todo(stage, stack), None, 1)),
    "cancels a todo": lambda stage, stack: stage.ask(CancelTodo(stack, newest_todo(stage, stack))),
    "gives another idea": lambda stage, stack: stage.ask(
        SetIdea(new_idea(stack, "coffee", stage.clock.now()))
    ),
    "writes to it": lambda stage, stack: stage.write_to(stack),
    "sets something": lambda stage, stack: stage.ask(ConfigureStack(stack, {"loop": {"repetitions": 3}})),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_a_person_does_begins_the_row_anew_whatever_the_team_makes_of_it(set_stage, deed):
    """Also while the agent is at what would have been one too many."""
    gate = Gate(take_over)

    def act(snapshot, run):
        # The first names the project, too, and is another proposal than those after it.
        return (gate if versions(stage, stack_id) == 4 else take_over)(snapshot, run)

    stage = set_stage(Cast(first=act).roles())
    stack_id = stage.create("first: brew", "first: water", start=False)
    stage.tell(stack_id, Command.START)
    gate.wait_entered()
    stage.clock.advance(1)
    DEEDS[deed](stage, stack_id)
    stage.clock.advance(1)
    gate.open()
    assert wait_paused(stage, stack_id).startswith(REASON)
    assert versions(stage, stack_id) == 7
