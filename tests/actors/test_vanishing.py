"""What an agent looks at may vanish while it thinks: the rest of what it proposes holds."""

from recursor.actors.messages import CancelTodo, Prune
from recursor.domain.commands import Command
from recursor.domain.effect import PublishArtifact, ReviewArtifact
from recursor.domain.events import CycleFinished
from recursor.domain.graph import NodeStatus
from recursor.domain.settings import RetentionSettings
from recursor.domain.todo import TodoStatus
from recursor.storage.tables import ARTIFACTS, STATES
from tests.actors.stage import Cast, Gate, finish_todo, outcome


def test_a_todo_that_is_cancelled_meanwhile_stays_cancelled(set_stage):
    def finish_all(snapshot, run):
        todos = [todo for todo in snapshot.open_todos if todo.content.startswith("first: ")]
        effects = [finish_todo(snapshot.but(todos=(todo,)), run).effects[0] for todo in todos]
        return outcome(*effects, summary="finished all")

    gate = Gate(finish_all)
    stage = set_stage(Cast(first=gate).roles())
    stack_id = stage.create("first: a", start=False)
    todo = stage.add_todo(stack_id, "first: b")
    stage.tell(stack_id, Command.START)
    gate.wait_entered()
    stage.ask(CancelTodo(stack_id, todo.id))
    gate.open()
    stage.wait_for(CycleFinished, stack_id)

    assert stage.nodes(stack_id)["first"].status is NodeStatus.COMPLETED
    assert stage.todos(stack_id) == {"first: a": TodoStatus.COMPLETED, "first: b": TodoStatus.CANCELLED}
    (trace,) = stage.traces(stack_id)
    assert trace.metadata["dropped"] == [f"update_todo: todo {todo.id} is cancelled already"]


def test_a_version_that_is_pruned_meanwhile_is_reviewed(set_stage):
    def publish(snapshot, run):
        versions = [PublishArtifact(content=f"version {number}") for number in (1, 2, 3)]
        return outcome(*versions, *finish_todo(snapshot, run).effects)

    def review(snapshot, run):
        return outcome(ReviewArtifact(number=1), *finish_todo(snapshot, run).effects)

    gate = Gate(review)
    stage = set_stage(Cast(first=publish, second=gate).roles())
    stack_id = stage.create("first: a", "second: b")
    gate.wait_entered()
    assert stage.ask(Prune(stack_id, RetentionSettings(artifacts=1))).records == {ARTIFACTS.name: 2}
    gate.open()
    stage.wait_for(CycleFinished, stack_id)

    assert stage.nodes(stack_id)["second"].status is NodeStatus.COMPLETED
    with stage.store.read() as reader:
        assert STATES.get(reader, stack_id, "second").long_term.reviewed_artifact == 1
        assert [artifact.number for artifact in ARTIFACTS.scan(reader, stack_id)] == [3]
