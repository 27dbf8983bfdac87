"""A repository with a todo, and agents that work on it."""

import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from recursor.agents.workspace.acp_builder import AcpBuilder
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome, ProposeCommit
from recursor.domain.new_records import new_idea, new_stack, new_todo, new_workspace
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import StackKind
from recursor.domain.todo import Todo
from recursor.workspaces.directories import Workspaces
from recursor.workspaces.repository import Repository
from recursor.workspaces.sandbox import Sandbox
from tests.agents.model.conftest import (  # noqa: F401  # fixtures
    Books,
    RunMaker,
    books,
    exchange,
    make_run,
    nothing_stays_behind,
    stub,
)
from tests.agents.model.loop import agent_loop
from tests.model_stub.server import PATIENCE

NOW = 1_000_000_000.0
AGENT = Path(__file__).with_name("scripted_agent.py")


def scripted(behaviour: str) -> str:
    """The command of an agent that behaves so."""
    return shlex.join([sys.executable, str(AGENT), behaviour])


@dataclass
class Job:
    """A todo of a stack, and who works on it."""

    workspaces: Workspaces
    repository: Repository
    snapshot: Snapshot
    base: Run
    """A run of the tests of models."""
    said: list[str] = field(default_factory=list)
    _heard: threading.Condition = field(default_factory=threading.Condition)

    def say(self, text: str) -> None:
        """Hear what a run shows."""
        with self._heard:
            self.said.append(text)
            self._heard.notify_all()

    def wait_for(self, text: str) -> str:
        """Wait until a run shows this; return all that it shows then."""
        with self._heard:
            assert self._heard.wait_for(lambda: any(text in each for each in self.said), PATIENCE)
        return next(each for each in self.said if text in each)

    @property
    def todo(self) -> Todo:
        return self.snapshot.todos[0]

    def run_of(self, **settings: Any) -> Run:
        """A run with these settings, by section."""
        given = {"model": {"name": "scripted"}, "limits": {"node_seconds": 200}}
        return replace(
            self.base,
            role="builder",
            todo_id=self.todo.id,
            workspaces=self.workspaces,
            settings=Settings().overridden({**given, **settings}),
            say=self.say,
        )

    def done(
        self,
        behaviour: str,
        *,
        command: str | None = None,
        granted: tuple[str, ...] = (),
        start_seconds: float = 100.0,
        **settings: Any,
    ) -> Outcome:
        """What comes of it."""
        agent = AcpBuilder(command or scripted(behaviour), start_seconds)
        run = replace(self.run_of(**settings), granted=granted)
        return agent_loop().run(agent.run(self.snapshot, run))

    def file(self, outcome: Outcome, path: str) -> str:
        """A file of the proposed commit."""
        (proposal,) = outcome.effects
        assert isinstance(proposal, ProposeCommit), outcome
        return self.repository.file(proposal.commit, path, 10**6).decode()

    @property
    def left_behind(self) -> list[Path]:
        """What is left of runs."""
        runs = self.workspaces.repository_path(self.snapshot.stack.id).parent / "runs"
        return list(runs.iterdir()) if runs.exists() else []


@pytest.fixture(scope="session")
def _why_no_sandbox() -> str | None:
    return Sandbox("bwrap").unavailable()


@pytest.fixture
def origin(tmp_path: Path, _why_no_sandbox: str | None) -> Path:
    """A person's repository, where there is a sandbox to work on it in."""
    if _why_no_sandbox is not None:
        pytest.skip(_why_no_sandbox)
    made = tmp_path / "origin"
    made.mkdir()
    (made / "README").write_text("reader\nof this\n")
    git = ["git", "-c", "user.name=user", "-c", "user.email=user@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "Begin"]):
        subprocess.run([*git, *words], cwd=made, check=True)
    return made


@pytest.fixture
def job(tmp_path: Path, make_run: RunMaker, origin: Path) -> Iterator[Job]:  # noqa: F811
    """A todo that nobody works on."""
    stack = new_stack("shop", NOW, {}, StackKind.WORKSPACE)
    workspaces = Workspaces(tmp_path / "workspaces")
    path = workspaces.repository_path(stack.id)
    path.parent.mkdir(parents=True)
    tip = Repository.clone(path, str(origin), None, lambda _: None)
    snapshot = Snapshot(
        stack=stack,
        taken_at=NOW,
        idea=new_idea(stack.id, "a friendly shop", NOW),
        todos=(new_todo(stack.id, "Greet the reader", 3, NOW),),
        workspace=new_workspace(stack, str(origin), NOW).but(tip=tip),
        states={},
    )
    made = Job(workspaces, workspaces.open(stack.id), snapshot, make_run())
    yield made
    assert made.left_behind == []


@pytest.fixture
def opencode(monkeypatch: pytest.MonkeyPatch) -> str:
    """OpenCode by its name, found as on a user's machine; `scripts/setup test` installs it."""
    directory = Path(sys.prefix) / "opencode" / "node_modules" / ".bin"
    if shutil.which("opencode", path=str(directory)) is not None:
        monkeypatch.setenv("PATH", str(directory), prepend=":")
    elif shutil.which("opencode") is None:
        pytest.skip("needs OpenCode: install npm, then ./scripts/setup test")
    return "opencode"
