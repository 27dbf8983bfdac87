"""Stacks that work on repositories: built by a command, without a model and without a sandbox."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from recursor.actors.messages import AddTodo, Command, ControlStack, CreateStack
from recursor.actors.orchestrator import Orchestrator
from recursor.agents.team import standard_agents
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome
from recursor.domain.new_records import new_stack, new_todo, new_workspace
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import StackKind
from recursor.domain.todo import Todo
from recursor.runner.data_paths import store_directory, workspaces_directory
from recursor.runner.team import standard_team
from recursor.storage.opening import open_store
from recursor.storage.store import Store
from recursor.storage.tables import TODOS
from recursor.workspaces.commit import Author
from recursor.workspaces.repository import Repository
from recursor.workspaces.upkeep import Upkeep
from tests.making import NOW
from tests.processes import wait_for

BUILD = (
    'case "$RECURSOR_TODO" in break*) echo oops > broken ;; '
    '*) mkdir -p notes && echo "$RECURSOR_TODO" > "notes/$RECURSOR_TODO.txt" ;; esac'
)
CHECK = "test ! -e broken || { echo it is broken; exit 3; }"
ADA = Author("Ada", "ada@example.org")


def make_origin(path: Path, **files: str) -> str:
    """Make a bare repository with one commit of a person, and return it."""
    start = Repository.make(path, NOW)
    return commit(path, start, **{"README": "read me\n", **files})


def commit(path: Path, parent: str, **files: str) -> str:
    """Commit files on `main`, and return the commit."""
    repository, tree = Repository.open(path), path.with_name(f"tree-{secrets.token_hex(4)}")
    repository.check_out(parent, tree)
    for name, content in files.items():
        (tree / name).write_text(content)
    made = repository.commit_directory(tree, parent, ADA, "Change some files\n", NOW)
    assert made is not None
    repository.set_branch("main", made.commit)
    return made.commit


class Idle:
    """Does nothing."""

    def run(self, _snapshot: Snapshot, _run: Run) -> Outcome:
        return Outcome()


@contextmanager
def orchestrated(data: Path) -> Iterator[tuple[Orchestrator, Store]]:
    """An orchestrator of a data directory, in this process, whose only agents are builder and integrator."""
    agents = {**standard_agents(), **dict.fromkeys(("planner", "communicator", "reviewer"), Idle())}
    upkeep = Upkeep(workspaces_directory(data))
    with closing(open_store(store_directory(data))) as store, closing(upkeep):
        orchestrator = Orchestrator.start(store=store, roles=standard_team(agents), upkeep=upkeep)
        try:
            yield orchestrator, store
        finally:
            orchestrator.stop()


@dataclass(frozen=True)
class Built:
    """A data directory whose stack `site` has merged two todos, and given up one."""

    data: Path
    origin: Path
    start: str
    """The commit that was cloned."""
    stack_id: str
    todos: tuple[str, ...]
    """The ids of the three todos: the last one fails its check."""


def build(directory: Path) -> Built:
    """Build what `Built` tells of."""
    data, origin = directory / "data", directory / "origin.git"
    start = make_origin(origin)
    settings = {
        "workspace": {"checks": [CHECK], "attempts": 1, "sandbox": "off", "builders": 2},
        "agent": {"name": f"command:{BUILD}"},
    }
    stack = new_stack("site", NOW, settings, StackKind.WORKSPACE)
    first = new_todo(stack.id, "one", 3, NOW, paths=["notes"])
    second = new_todo(stack.id, "two", 3, NOW, needs=[first.id])
    bad = new_todo(stack.id, "break it", 3, NOW)
    with orchestrated(data) as (orchestrator, store):

        def over() -> bool:
            with store.read() as reader:
                found: list[Todo] = list(TODOS.scan(reader, stack.id))
            return all(not todo.status.open or (todo.attempts == 1 and todo.id == bad.id) for todo in found)

        orchestrator.ask(CreateStack(stack, None, False, new_workspace(stack, str(origin), NOW)))
        for todo in (first, second, bad):
            orchestrator.ask(AddTodo(todo))
        orchestrator.ask(ControlStack(stack.id, Command.START))
        wait_for(over)
        # So that nothing runs when commands look at it.
        orchestrator.ask(ControlStack(stack.id, Command.PAUSE))
    return Built(data, origin, start, stack.id, (first.id, second.id, bad.id))
