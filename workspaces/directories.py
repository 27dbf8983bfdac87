"""Where the repositories and working trees of stacks are in the data directory."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recursor.domain.errors import NotFoundError
from recursor.domain.extras import needing

with needing("workspaces", "A workspace"):
    from recursor.workspaces import creation, removal
    from recursor.workspaces.names import as_file_name, from_file_name
    from recursor.workspaces.repository import Repository

_REMOVED = ".removed-"
_REPOSITORY = "repository.git"


class Workspaces:
    """The directory with a directory for each stack: `<root>/<stack>/{repository.git, runs/<key>}`.

    Ids and keys may be any text; as names of directories they are percent-encoded where needed. It holds no
    state: several threads may use one.
    """

    def __init__(self, root: Path) -> None:
        """Use `root`, which need not exist."""
        # Programs in the sandbox start in another directory.
        self._root = root.absolute()

    def repository_path(self, stack_id: str) -> Path:
        """Return where the stack's repository is, or is to be made."""
        return self._directory(stack_id) / _REPOSITORY

    def open(self, stack_id: str) -> Repository:
        """Open the stack's repository; threads need one each.

        Raises:
            NotFoundError: the stack has no repository.
            RepositoryError: it cannot be read.
        """
        path = self.repository_path(stack_id)
        if not path.exists():
            raise NotFoundError(f"stack {stack_id} has no repository at {path}")
        return Repository.open(path)

    def stacks(self) -> tuple[str, ...]:
        """Return the ids of the stacks that have a directory."""
        return tuple(sorted(from_file_name(directory.name) for directory in self._directories()))

    @contextmanager
    def run_directory(self, stack_id: str, key: str) -> Iterator[Path]:
        """Give a run an empty directory, and remove it with all that it holds at the end.

        Args:
            stack_id: the stack.
            key: the run's; runs at the same time have different ones.
        """
        directory = self._runs(stack_id) / as_file_name(key)
        # A process that ended may have left one.
        removal.remove(directory)
        directory.mkdir(parents=True, mode=0o700)
        try:
            yield directory
        finally:
            removal.remove(directory)

    def remove_abandoned_runs(self, stack_id: str | None = None) -> int:
        """Remove what processes that ended have left; none of the stack's runs must be under way.

        Args:
            stack_id: the stack; None: all.

        Returns:
            How many run directories were removed.
        """
        removed = 0
        for directory in self._directories() if stack_id is None else [self._directory(stack_id)]:
            runs = directory / "runs"
            if runs.is_dir():
                for run in list(runs.iterdir()):
                    removal.remove(run)
                    removed += 1
            creation.remove_unfinished(directory)
            creation.remove_unfinished_objects(directory / _REPOSITORY)
        if stack_id is None and self._root.is_dir():
            for directory in list(self._root.glob(f"{_REMOVED}*")):
                removal.remove(directory)
        return removed

    def runs(self, stack_id: str) -> tuple[str, ...]:
        """Return the keys of the stack's runs that have a directory, sorted."""
        runs = self._runs(stack_id)
        if not runs.is_dir():
            return ()
        return tuple(sorted(from_file_name(run.name) for run in runs.iterdir()))

    def remove_run(self, stack_id: str, key: str) -> None:
        """Remove the directory of a run that has ended, if it exists."""
        removal.remove(self._runs(stack_id) / as_file_name(key))

    def disk_use(self, stack_id: str) -> int:
        """Return the bytes that the stack's repository and working trees take on the disk."""
        return removal.bytes_on_disk(self._directory(stack_id))

    def delete(self, stack_id: str) -> None:
        """Delete the stack's directory, if it exists; none of its runs must be under way."""
        directory = self._directory(stack_id)
        removed = self._root / f"{_REMOVED}{secrets.token_hex(8)}"
        try:
            # In one step: a process that is killed meanwhile leaves no half of a repository.
            directory.rename(removed)
        except FileNotFoundError:
            return
        removal.remove(removed)

    def _directory(self, stack_id: str) -> Path:
        return self._root / as_file_name(stack_id)

    def _runs(self, stack_id: str) -> Path:
        return self._directory(stack_id) / "runs"

    def _directories(self) -> list[Path]:
        if not self._root.is_dir():
            return []
        return [each for each in self._root.iterdir() if each.is_dir() and not each.name.startswith(".")]
