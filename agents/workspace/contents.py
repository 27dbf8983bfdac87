"""What a stack's repository holds, for agents: snapshots have only the hashes of its commits."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from recursor.agents.workspace.working_tree import workspaces_of
from recursor.domain.agent import Run
from recursor.domain.errors import NotFoundError
from recursor.domain.extras import needing
from recursor.domain.snapshot import Snapshot

with needing("workspaces", "A workspace"):
    from recursor.workspaces.differences import Difference
    from recursor.workspaces.errors import CommitMissingError, LimitExceededError
    from recursor.workspaces.history import CommitSummary
    from recursor.workspaces.outline import outline
    from recursor.workspaces.repository import Repository

T = TypeVar("T")

# Bytes of a file, and of a difference, unless the caller sets another limit.
MOST_BYTES = 200_000
# Commits that are searched for one that is not the team's own, and for one that was made for a todo.
MOST_SEARCHED, MOST_KEPT = 2_000, 10_000
# Ends the addresses of the team's own commits.
_TEAM = "@recursor.invalid"


class WorkspaceContents:
    """The commits and files of a stack's repository.

    Commits are named by their full hashes: `snapshot.workspace.tip` is the newest. The methods are coroutines
    that block no event loop.
    """

    def __init__(self, snapshot: Snapshot, run: Run) -> None:
        """Read the repository of the run's stack."""
        self._workspaces = workspaces_of(run)
        self._stack_id = snapshot.stack.id

    async def files(self, commit: str, path: str = "", most: int = 300) -> tuple[str, ...]:
        """Return a line for each file and directory below a path; those near the top, if not all fit.

        Args:
            commit: the version.
            path: a directory; empty: the root.
            most: lines.

        Raises:
            CommitMissingError: the repository does not have the commit.
            NotFoundError: it has no such directory.
        """
        return await self._read(
            lambda git: outline(lambda above, limit: git.tree(commit, above, limit=limit), path, most)
        )

    async def file(self, commit: str, path: str, most_bytes: int = MOST_BYTES) -> bytes:
        """Return a file's content.

        Raises:
            CommitMissingError: the repository does not have the commit.
            NotFoundError: it has no such file.
            LimitExceededError: the file is larger than `most_bytes`.
        """
        return await self._read(lambda git: git.file(commit, path, most_bytes))

    async def text(self, commit: str, path: str, most_bytes: int = MOST_BYTES) -> str | None:
        """Return a file's text, or None if there is no such file, it is too large, or no text."""
        with suppress(NotFoundError, LimitExceededError, UnicodeDecodeError):
            return (await self.file(commit, path, most_bytes)).decode()
        return None

    async def commits(self, commit: str, most: int = 20) -> tuple[CommitSummary, ...]:
        """Return a commit and those before it, the newest first.

        Raises:
            CommitMissingError: the repository does not have the commit.
        """
        return await self._read(lambda git: git.log(commit, most))

    async def difference(self, old: str, new: str, most_bytes: int = MOST_BYTES) -> Difference:
        """Return how two commits differ: the changed files, and the text as far as it fits.

        Raises:
            CommitMissingError: the repository does not have one of the commits.
        """
        return await self._read(lambda git: git.diff(old, new, most_bytes))

    async def before_the_team(self, tip: str) -> str:
        """Return the newest commit up to `tip` that is not the team's own, or else the oldest one found.

        Raises:
            CommitMissingError: the repository does not have the commit.
        """
        found = await self.commits(tip, MOST_SEARCHED)
        return next((each.commit for each in found if not each.email.endswith(_TEAM)), found[-1].commit)

    async def has(self, commit: str) -> bool:
        """Return whether the repository has a commit."""
        return await self._read(lambda git: git.exists(commit))

    async def attempt_at(self, todo_id: str) -> CommitSummary | None:
        """Return the newest commit that was proposed for a todo, or None."""

        def newest(git: Repository) -> CommitSummary | None:
            found: list[CommitSummary] = []
            for commit in list(git.kept().values())[:MOST_KEPT]:
                with suppress(CommitMissingError):
                    (summary,) = git.log(commit, 1)
                    if summary.trailers.get("Recursor-Todo") == todo_id:
                        found.append(summary)
            return max(found, key=lambda each: (each.at, each.commit), default=None)

        return await self._read(newest)

    async def _read(self, question: Callable[[Repository], T]) -> T:
        return await asyncio.to_thread(lambda: question(self._workspaces.open(self._stack_id)))
