"""Roles that ask a model about a repository: a stub answers what a test says, and tools change real files."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from recursor.agents.model.exchange import Exchange
from recursor.agents.workspace.team import workspace_agent
from recursor.domain.agent import Meter, Run, Unmetered
from recursor.domain.effect import Outcome, ProposeCommit
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.todo import Todo
from recursor.domain.workspace import Workspace
from recursor.workspaces.commit import Author
from recursor.workspaces.directories import Workspaces
from recursor.workspaces.repository import Repository
from recursor.workspaces.sandbox import Sandbox
from tests.agents.model.loop import agent_loop
from tests.making import NOW, STACK, make_snapshot, make_stack, make_todo
from tests.model_stub.answers import Answer, in_turn
from tests.model_stub.server import ModelStub

PERSON = Author("Ann", "ann@example.org")
FILES = {
    "README.md": "# Shop\n",
    "src/sums.py": "def total(prices):\n    return 0\n",
    "tests/check.sh": "grep -q 'sum(prices)' src/sums.py\n",
}

needs_sandbox = pytest.mark.skipif(
    (reason := Sandbox("bwrap").unavailable()) is not None, reason=f"no sandbox: {reason}"
)


def call(tool: str, **arguments: Any) -> Answer:
    """The model calls a tool."""
    return Answer(arguments=arguments, tool=tool)


def answer(**fields: Any) -> Answer:
    """The model gives its answer."""
    return Answer(arguments={"summary": "Done.", **fields}, tool="final_result")


DONE = answer(result="done", title="Add up the prices", why="The total was always 0.")


@dataclass
class Shop:
    """A stack with a repository, and the model that works on it."""

    stub: ModelStub
    exchange: Exchange
    workspaces: Workspaces
    tip: str
    told: list[str] = field(default_factory=list)
    meter: Meter = field(default_factory=Unmetered)

    @property
    def repository(self) -> Repository:
        return self.workspaces.open(STACK)

    def settings(self, **sections: Mapping[str, Any]) -> Settings:
        model = {"name": "openai:gpt-4o", "base_url": self.stub.url, **sections.pop("model", {})}
        return Settings().overridden({"model": model, **sections})

    def snapshot(self, *todos: Todo, states: Any = (), **fields: Any) -> Snapshot:
        workspace = Workspace(stack_id=STACK, tip=self.tip, branch="main", updated_at=NOW, updated_by="user")
        return make_snapshot(
            *states,
            **{
                "stack": make_stack(kind="workspace"),
                "todos": todos,
                "workspace": workspace.but(**fields.pop("workspace", {})),
                **fields,
            },
        )

    def run_of(
        self,
        role: str,
        todo: Todo | None = None,
        *,
        seconds: float = 20_000.0,
        granted: tuple[str, ...] = (),
        **sections: Any,
    ) -> Run:
        return Run(
            "e",
            role,
            1,
            "because",
            self.settings(**sections),
            self.exchange.clock.now() + seconds,
            meter=self.meter,
            models=self.exchange,
            workspaces=self.workspaces,
            say=self.told.append,
            todo_id=None if todo is None else todo.id,
            granted=granted,
        )

    def work(self, snapshot: Snapshot, run: Run) -> Coroutine[Any, Any, Outcome]:
        """What the role's agent does, to be run."""
        work = workspace_agent(run.role, run.settings).run(snapshot, run)
        assert isinstance(work, Coroutine)
        return work

    def build(self, *answers: Answer, todo: Todo | None = None, **sections: Any) -> Outcome:
        """Have the builder do a todo with these answers of the model."""
        self.stub.calls.clear()
        self.stub.script = in_turn(*answers)
        todo = todo or make_todo(1, content="Add up the prices")
        return agent_loop().run(self.work(self.snapshot(todo), self.run_of("builder", todo, **sections)))

    def result(self, number: int = 1) -> str:
        """What the model was told after its call with that number."""
        messages = self.stub.calls[number].body["messages"]
        return str(messages[-1]["content"])

    def file(self, outcome: Outcome, path: str) -> str:
        """A file of the proposed commit."""
        (commit,) = [each.commit for each in outcome.effects if isinstance(each, ProposeCommit)]
        return self.repository.file(commit, path, 1_000_000).decode()

    def commit(self, files: Mapping[str, str | bytes | None], directory: Path) -> str:
        """Commit files for a person; the commit is the tip from then on."""
        return self.change(directory, lambda tree: _write(tree, files))

    def change(self, directory: Path, change: Callable[[Path], object]) -> str:
        """Commit a change of a person."""
        self.repository.check_out(self.tip, directory)
        change(directory)
        made = self.repository.commit_directory(directory, self.tip, PERSON, "Change files", NOW)
        assert made is not None
        self.tip = made.commit
        return made.commit

    @property
    def left(self) -> list[Path]:
        """The directories of runs that are still there."""
        runs = self.workspaces.repository_path(STACK).parent / "runs"
        return list(runs.iterdir()) if runs.is_dir() else []


def _write(tree: Path, files: Mapping[str, str | bytes | None]) -> None:
    for name, content in files.items():
        path = tree / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def shop(stub: ModelStub, exchange: Exchange, tmp_path: Path) -> Shop:
    workspaces = Workspaces(tmp_path / "workspaces")
    path = workspaces.repository_path(STACK)
    path.parent.mkdir(parents=True)
    shop = Shop(stub, exchange, workspaces, Repository.make(path, NOW))
    shop.commit(FILES, tmp_path / "first")
    return shop
