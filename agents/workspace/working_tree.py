"""A run's working tree: the files of a commit in a directory of its own, and the commit made of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from recursor.domain.agent import Run
from recursor.domain.effect import ProposeCommit
from recursor.domain.extras import needing
from recursor.domain.settings import WorkspaceSettings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.domain.workspace import MAX_PATHS

with needing("workspaces", "A workspace"):
    from recursor.workspaces.commit import Author
    from recursor.workspaces.directories import Workspaces
    from recursor.workspaces.repository import Committed, Repository
    from recursor.workspaces.sandbox import SandboxLimits
    from recursor.workspaces.upkeep import kept_for_todo
    from recursor.workspaces.working_tree import TreeLimits

_LONGEST_TITLE, _LONGEST_MESSAGE = 120, 20_000


def _title(text: str) -> str:
    line = " ".join(text.split()) or "Change the files"
    return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1] + "…"


def workspaces_of(run: Run) -> Workspaces:
    """Return where the repositories are.

    Raises:
        AgentFailedError: the program keeps no repositories.
    """
    if isinstance(run.workspaces, Workspaces):
        return run.workspaces
    raise AgentFailedError(
        "this program keeps no repositories: give the orchestrator an Upkeep", suspend=True
    )


def author_of(stack: Stack, role: str) -> Author:
    """Return the author of a role's commits."""
    return Author(f"{role} of {stack.name}", f"{role}@recursor.invalid")


def tree_limits(settings: WorkspaceSettings) -> TreeLimits:
    """Return the limits of a commit."""
    return TreeLimits(
        bytes=settings.disk_bytes,
        file_bytes=settings.file_bytes,
        changed_files=settings.change_files,
        changed_bytes=settings.change_bytes,
    )


def sandbox_limits(settings: WorkspaceSettings, seconds: float) -> SandboxLimits:
    """Return the limits of a program.

    Args:
        settings: the stack's.
        seconds: how long it may run.
    """
    return SandboxLimits(
        seconds=seconds,
        memory_bytes=settings.memory_bytes,
        processes=settings.processes,
        output_bytes=settings.output_bytes,
        disk_bytes=settings.disk_bytes,
    )


@dataclass(frozen=True, slots=True)
class RunTree:
    """The working tree of one run."""

    stack: Stack
    run: Run
    repository_path: Path
    commit: str
    """The commit that was checked out."""
    directory: Path
    taken_at: float
    """When the run's snapshot was taken: seconds since the epoch, UTC."""

    @property
    def objects(self) -> Path:
        """The repository's objects, which git needs to read inside the tree."""
        return self.repository_path / "objects"

    async def propose(self, todo: Todo, title: str, why: str) -> ProposeCommit | None:
        """Commit the files, and return the proposal; None if nothing has changed.

        Args:
            todo: the todo that is done.
            title: one line that says what was done.
            why: the rest of the message.

        Raises:
            LimitExceededError: a changed file, or all of them together, are too large.
        """
        return await asyncio.to_thread(self.propose_blocking, todo, title, why)

    def propose_blocking(self, todo: Todo, title: str, why: str) -> ProposeCommit | None:
        """Do what `propose` does, on a thread."""
        title = _title(title)
        settings = self.run.settings.workspace
        repository = Repository.open(self.repository_path)
        made: Committed | None = repository.commit_directory(
            self.directory,
            self.commit,
            author_of(self.stack, self.run.role),
            f"{title}\n\n{why.strip()[:_LONGEST_MESSAGE]}".strip() + "\n",
            # The same run with the same result makes the same commit.
            self.taken_at,
            tree_limits(settings),
            {"Recursor-Cycle": self.run.execution_id, "Recursor-Todo": todo.id},
        )
        if made is None:
            return None
        # Until its record is stored, nothing else refers to it.
        repository.keep(kept_for_todo(todo.id, made.commit), made.commit)
        return ProposeCommit(
            todo_id=todo.id,
            commit=made.commit,
            base=self.commit,
            tree=made.tree,
            title=title,
            paths=made.paths[:MAX_PATHS],
            files=made.files,
            insertions=made.insertions,
            deletions=made.deletions,
        )


@asynccontextmanager
async def working_tree(snapshot: Snapshot, run: Run, commit: str, part: str = "") -> AsyncIterator[RunTree]:
    """Check a commit out into a directory that is removed at the end of the block.

    Args:
        snapshot: the stack's.
        run: the run.
        commit: the commit.
        part: distinguishes several trees of one run.

    Raises:
        RepositoryError: the repository or the commit cannot be read, or is too large.
        OSError: the directory cannot be written.
    """
    workspaces, stack = workspaces_of(run), snapshot.stack
    key = "-".join(filter(None, (run.execution_id, run.role, run.todo_id, str(run.attempt), part)))
    path = workspaces.repository_path(stack.id)
    context = workspaces.run_directory(stack.id, key)

    def begin() -> Path:
        directory = context.__enter__() / "tree"
        try:
            limits = tree_limits(run.settings.workspace)
            workspaces.open(stack.id).check_out(commit, directory, limits)
        except BaseException:
            context.__exit__(None, None, None)
            raise
        return directory

    directory = await asyncio.to_thread(begin)
    try:
        yield RunTree(stack, run, path, commit, directory, snapshot.taken_at)
    finally:
        await asyncio.shield(asyncio.to_thread(context.__exit__, None, None, None))
