"""Collects the facts about stacks' git repositories on disk, and about the programs that they need."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from recursor.doctor.evidence import RepositoryEvidence, StackEvidence
from recursor.domain.errors import RecursorError
from recursor.domain.extras import ExtraMissingError
from recursor.storage.data_directory import workspaces_directory

# Stacks whose files are counted: for each, all names in its directory are read.
MEASURED = 200


def sandbox_problem() -> str | None:
    """Return why programs cannot be confined on this machine, with the remedy; None if they can."""
    try:
        from recursor.workspaces.sandbox import bubblewrap
    except ExtraMissingError as error:
        return str(error)
    return bubblewrap.unavailable()


def has_git() -> bool:
    """Return whether the program git is installed."""
    return shutil.which("git") is not None


def with_repositories(data: Path, stacks: Iterable[StackEvidence]) -> Iterator[StackEvidence]:
    """Yield the evidence of stacks with what is on disk of their repositories.

    Args:
        data: the data directory.
        stacks: the stacks.
    """
    measured = 0
    for found in stacks:
        if found.workspace is None:
            yield found
            continue
        measured += 1
        yield found.but(
            repository=_look_at(data, found.id, found.workspace.tip, measure=measured <= MEASURED)
        )


def _look_at(data: Path, stack_id: str, tip: str | None, *, measure: bool) -> RepositoryEvidence:
    try:
        from recursor.workspaces.directories import Workspaces
    except ExtraMissingError as error:
        return RepositoryEvidence(path="", exists=False, problem=str(error))
    directories = Workspaces(workspaces_directory(data))
    path = directories.repository_path(stack_id)
    problem = None
    try:
        if tip is not None and not directories.open(stack_id).exists(tip):
            problem = f"{path}: has no commit {tip}, the tip in the records"
        used = directories.disk_use(stack_id) if measure else None
    except (RecursorError, OSError) as error:
        problem, used = str(error), None
    return RepositoryEvidence(path=str(path), exists=path.exists(), problem=problem, disk_bytes=used)
