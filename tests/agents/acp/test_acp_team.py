"""A team whose builder is a coding agent, from a repository to a merged commit."""

from pathlib import Path

from recursor.actors.orchestrator import Orchestrator
from recursor.domain.commands import AddTodo, Command, ControlStack, CreateStack
from recursor.domain.new_records import new_idea, new_stack, new_todo, new_workspace
from recursor.domain.stack import StackKind
from recursor.runner.team import standard_team
from recursor.storage.opening import memory_store
from recursor.storage.tables import TODOS, WORKSPACES
from recursor.workspaces.repository import Repository
from recursor.workspaces.upkeep import Upkeep
from tests.agents.acp.conftest import NOW, scripted
from tests.processes import wait_for


def test_what_the_agent_has_made_is_merged(tmp_path: Path, origin: Path) -> None:
    store, upkeep = memory_store(), Upkeep(tmp_path / "workspaces")
    settings = {
        "agent": {"name": f"acp:{scripted('works')}"},
        "workspace": {"checks": ["grep -q 'hello reader' sub/hello.txt || ! test -e sub"]},
    }
    stack = new_stack("shop", NOW, settings, StackKind.WORKSPACE)
    todo = new_todo(stack.id, "Greet the reader", 3, NOW)
    orchestrator = Orchestrator.start(store=store, roles=standard_team(), upkeep=upkeep)
    try:
        idea, workspace = new_idea(stack.id, "a shop", NOW), new_workspace(stack, str(origin), NOW)
        orchestrator.ask(CreateStack(stack, idea, False, workspace))
        orchestrator.ask(AddTodo(todo))
        orchestrator.ask(ControlStack(stack.id, Command.START))

        def ended() -> bool:
            with store.read() as reader:
                return all(not each.status.open for each in TODOS.scan(reader, stack.id))

        wait_for(ended)
    finally:
        orchestrator.stop()
        upkeep.close()
    with store.read() as reader:
        made = WORKSPACES.get(reader, stack.id)
    store.close()
    assert made is not None
    assert made.tip is not None
    assert [check.passed for check in made.checks] == [True]
    repository = Repository.open(upkeep.workspaces.repository_path(stack.id))
    assert repository.file(made.tip, "sub/hello.txt", 1_000) == b"hello reader\n"
