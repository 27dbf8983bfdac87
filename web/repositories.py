"""The stacks' git repositories as the API reads them: by the hashes in the records, never by branches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError
from recursor.domain.extras import ExtraMissingError
from recursor.domain.stack import Stack
from recursor.domain.workspace import Workspace
from recursor.storage.data_directory import workspaces_directory
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader
from recursor.storage.tables import WORKSPACES
from recursor.web.engine import Engine

if TYPE_CHECKING:
    from recursor.workspaces.directories import Workspaces
    from recursor.workspaces.repository import Repository

T = TypeVar("T")

# Names of commits that `recursor pull` has fetched.
_PULLS = "pulls/"
# The longest time for packing a repository.
PACKING_SECONDS = 300.0

# A difference of large files takes some seconds of a core; other requests need threads meanwhile.
MOST_READERS = 4


def _readers(request: Request) -> CapacityLimiter:
    limiter = request.app.state.repository_readers
    assert isinstance(limiter, CapacityLimiter)
    return limiter


RepositoryReaders = Annotated[CapacityLimiter, Depends(_readers)]
"""Limits the requests that read repositories at once."""


async def in_thread(limiter: CapacityLimiter, work: Callable[[], T]) -> T:
    """Return what `work` returns, which reads repositories in one of few threads."""
    return await to_thread.run_sync(work, limiter=limiter)


def workspace_of(reader: Reader, stack_id: str) -> Workspace:
    """Return the record of a stack's workspace.

    Raises:
        NotFoundError: there is no such stack.
        ConflictError: the stack makes a page.
    """
    stack, workspace = read_stack(reader, stack_id), WORKSPACES.get(reader, stack_id)
    if workspace is None:
        raise ConflictError(f"stack {stack.name} makes a page and has no repository")
    return workspace


def directories_of(engine: Engine) -> "Workspaces":
    """Return where the repositories are.

    Raises:
        ConflictError: there is no data directory, or the extra `workspaces` is not installed.
    """
    if engine.data is None:
        raise ConflictError("repositories: the stacks are in memory only, and have no data directory")
    with understood():
        # libgit2 takes a tenth of a second to import, and few programs have stacks with repositories.
        from recursor.workspaces.directories import Workspaces

        return Workspaces(workspaces_directory(engine.data))


@contextmanager
def opened(engine: Engine, stack_id: str) -> Iterator[tuple[Workspace, str, "Repository"]]:
    """Open a stack's repository in the body, for this thread; errors of repositories become those of the API.

    Yields:
        the record, its tip, and the repository.

    Raises:
        NotFoundError: there is no such stack, commit or file, or the repository is missing.
        ConflictError: it has no repository, or none yet.
        InvalidInputError: what is asked for is too large.
    """
    with engine.read() as reader:
        workspace, name = workspace_of(reader, stack_id), read_stack(reader, stack_id).name
    if workspace.tip is None:
        raise ConflictError(f"stack {name} has no repository yet: its first run makes it")
    with understood():
        yield workspace, workspace.tip, directories_of(engine).open(stack_id)


def commit_named(workspace: Workspace, repository: "Repository", name: str) -> str:
    """Return the commit that a person names.

    Args:
        workspace: the record.
        repository: its repository.
        name: `tip`, `start`, or a hash or its first digits; each `^` after it stands for the first parent.

    Raises:
        CommitMissingError: there is no such commit.
    """
    digits = name.rstrip("^")
    known = {"tip": workspace.tip, "start": workspace.start or workspace.tip}.get(digits)
    return repository.find((digits if known is None else known) + name[len(digits) :])


def prune_repository(engine: Engine, stack_id: str, *, dry_run: bool) -> tuple[int, int]:
    """Remove the directories of runs that have ended, and pack the repository without what nobody needs.

    Agents may go on working meanwhile.

    Args:
        engine: the engine.
        stack_id: a stack with a workspace.
        dry_run: only count the directories.

    Returns:
        how many directories of runs were or would be removed, and how many bytes of the disk are free now.
    """
    directories = directories_of(engine)
    with understood():
        # In this order: a run that has a directory now, and is of another cycle than the one running then,
        # has ended.
        keys = directories.runs(stack_id)
        with engine.read() as reader:
            current = read_stack(reader, stack_id).current_execution_id
            workspace = workspace_of(reader, stack_id)
        ended = [key for key in keys if current is None or not key.startswith(current)]
        if dry_run:
            return len(ended), 0
        before = directories.disk_use(stack_id)
        for key in ended:
            directories.remove_run(stack_id, key)
        if workspace.tip is not None:
            _pack(directories.open(stack_id), {pull.commit for pull in workspace.pulls})
        return len(ended), max(before - directories.disk_use(stack_id), 0)


def _pack(repository: "Repository", pulls: set[str]) -> None:
    """Forget fetched commits of people that are merged or refused, and pack the rest."""
    kept = repository.kept()
    for name, commit in kept.items():
        if name.startswith(_PULLS) and commit not in pulls:
            repository.forget(name)
    for commit in pulls - set(kept.values()):
        repository.keep(_PULLS + commit, commit)
    repository.compact(PACKING_SECONDS)


def check_new_workspace(engine: Engine, stack: Stack, workspace: Workspace) -> None:
    """Check that a new stack can work on a repository here. Nothing is written.

    Args:
        engine: the engine.
        stack: the new stack.
        workspace: its workspace.

    Raises:
        InvalidInputError: there is no repository, or no branch, to clone.
        ConflictError: a package or program is missing on this machine.
    """
    with understood():
        from recursor.workspaces.repository import Repository
        from recursor.workspaces.sandbox import bubblewrap

        if workspace.origin is not None:
            Repository.check_source(workspace.origin, workspace.branch)
        elif workspace.branch is not None:
            raise InvalidInputError("branch: names what to clone: give repo, too")
    if engine.settings.overridden(stack.settings).workspace.sandbox == "bwrap":
        problem = bubblewrap.unavailable()
        if problem is not None:
            raise ConflictError(f'{problem}; or set workspace.sandbox to "off", which confines nothing')


@contextmanager
def understood() -> Iterator[None]:
    """Turn errors of repositories in the body into those that the API tells apart.

    Raises:
        NotFoundError: there is no such commit.
        InvalidInputError: a source cannot be cloned, or what is asked for is too large.
        ConflictError: the extra `workspaces` is not installed.
    """
    try:
        yield
    except ExtraMissingError as error:
        raise ConflictError(str(error)) from None
    except Exception as error:
        # The module is there if it raised one.
        if not type(error).__module__.startswith("recursor.workspaces"):
            raise
        from recursor.workspaces.errors import CloneError, CommitMissingError, LimitExceededError

        if isinstance(error, CommitMissingError):
            raise NotFoundError(str(error)) from None
        if isinstance(error, CloneError):
            raise InvalidInputError(f"repo: {error}") from None
        if isinstance(error, LimitExceededError):
            raise InvalidInputError(f"{error}: clone the repository with git to see it") from None
        raise
