"""Kill -9 in the middle of work on a repository: after a restart it ends as if nothing had happened."""

import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pygit2
import pytest

from recursor.domain.stack import Phase, Stack
from recursor.domain.workspace import ProposalStatus
from recursor.storage.opening import open_store
from recursor.storage.queries import list_stacks
from recursor.storage.tables import PROPOSALS, TODOS, WORKSPACES

ROOT = Path(__file__).parents[2]
PATIENCE = 180
"""Seconds after which a life that takes a few is given up for lost."""

# As the repository is made; in a builder's run; between a commit or a merge and its record; in a check.
POINTS = ("clone:1", "run:2", "commit:1", "check:1", "commit:2", "check:2")


def live(directory: Path, fate: str = "") -> int:
    """Have one life of the process. Returns its exit status, negative if it was killed."""
    command = [sys.executable, "-m", "tests.crash.repository_child", str(directory), fate]
    done = subprocess.run(command, cwd=ROOT, timeout=PATIENCE, check=False, capture_output=True, text=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-3_000:]
    return done.returncode


def processes_in(directory: Path) -> list[str]:
    """Return the processes that have to do with a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            at = (process / "cwd").resolve()
        except OSError:
            continue
        if str(directory) in command or at.is_relative_to(directory):
            found.append(command)
    return found


@pytest.mark.crash
@pytest.mark.slow
def test_a_project_survives_kills_at_every_point(tmp_path: Path) -> None:
    killed = [live(tmp_path, fate) for fate in POINTS]
    assert killed == [-signal.SIGKILL] * len(POINTS)

    assert live(tmp_path) == 0

    with open_store(tmp_path / "store").read() as reader:
        (stack,) = list_stacks(reader)
        assert isinstance(stack, Stack)
        todos = list(TODOS.scan(reader, stack.id))
        proposals = list(PROPOSALS.scan(reader, stack.id))
        workspace = WORKSPACES.get(reader, stack.id)
    assert stack.phase is Phase.COMPLETE
    assert {str(todo.status) for todo in todos} == {"completed"}
    merged = [each for each in proposals if each.status is ProposalStatus.MERGED]
    assert Counter(each.todo_id for each in merged) == Counter(todo.id for todo in todos)
    assert not [each for each in proposals if each.status.open]
    assert workspace is not None
    assert workspace.tip is not None
    assert workspace.branch is not None
    assert workspace.number == len(merged)
    assert all(check.passed for each in merged for check in each.checks)

    git = pygit2.Repository(str(tmp_path / "workspaces" / stack.id / "repository.git"))
    assert str(git.branches[workspace.branch].target) == workspace.tip
    history = [commit.message for commit in git.walk(workspace.tip)]
    assert len(history) == len(merged) + 1
    trailers = Counter(found[1] for text in history if (found := re.search(r"Recursor-Todo: (\S+)", text)))
    assert trailers == Counter(todo.id for todo in todos)

    runs = tmp_path / "workspaces" / stack.id / "runs"
    assert not runs.exists() or list(runs.iterdir()) == []
    assert processes_in(tmp_path) == []
