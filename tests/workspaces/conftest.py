"""A repository, and what its users do."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from recursor.workspaces.commit import Author
from recursor.workspaces.repository import Committed, Repository, TreeLimits

NOW = 1_000_000_000.0
BUILDER = Author("builder of shop", "builder@recursor.invalid")

Change = Callable[[Path], None]
Commit = Callable[..., str]


@pytest.fixture
def start(tmp_path: Path) -> str:
    return Repository.make(tmp_path / "repository.git", NOW)


@pytest.fixture
def repository(tmp_path: Path, start: str) -> Repository:
    return Repository.open(tmp_path / "repository.git")


class Builder:
    """Checks commits out, changes the files, and commits them."""

    def __init__(self, repository: Repository, directory: Path) -> None:
        self._repository = repository
        self._directory = directory
        self._number = 0

    def tree(self, commit: str) -> Path:
        """A new directory with the files of a commit."""
        self._number += 1
        tree = self._directory / f"tree-{self._number}"
        self._repository.check_out(commit, tree)
        return tree

    def committed(
        self, parent: str, change: Change, limits: TreeLimits | None = None, message: str = "Change"
    ) -> Committed | None:
        """What a commit of a changed directory gives."""
        tree = self.tree(parent)
        change(tree)
        return self._repository.commit_directory(tree, parent, BUILDER, message, NOW, limits or TreeLimits())

    def commit(self, parent: str, files: Mapping[str, str | bytes | None], message: str = "Change") -> str:
        """A commit with these files written, or removed if None."""

        def change(tree: Path) -> None:
            for name, content in files.items():
                path = tree / name
                if content is None:
                    path.unlink()
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content if isinstance(content, bytes) else content.encode())

        made = self.committed(parent, change, message=message)
        assert made is not None
        return made.commit


@pytest.fixture
def builder(repository: Repository, tmp_path: Path) -> Builder:
    return Builder(repository, tmp_path)


def git(directory: Path, *arguments: str) -> str:
    """Run the user's git, without the configuration of this machine."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "user",
        "GIT_AUTHOR_EMAIL": "user@example.org",
        "GIT_COMMITTER_NAME": "user",
        "GIT_COMMITTER_EMAIL": "user@example.org",
    }
    command = [
        "git",
        "-c",
        "init.defaultBranch=main",
        "-c",
        "safe.directory=*",
        "-C",
        str(directory),
        *arguments,
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
