"""The references of a repository, on disk before they are relied on.

libgit2 does not wait for the disk, unless told to for all repositories of the process; and a process that is
killed while it changes a reference leaves a lock behind, which refuses every later change.
"""

import os
import secrets
from pathlib import Path

import pygit2

from recursor.domain.errors import InvalidInputError
from recursor.workspaces.names import as_file_name, from_file_name
from recursor.workspaces.objects import sync

_KEPT = "refs/recursor/"


def branch_reference(branch: str) -> str:
    """Return the full name of a branch.

    Raises:
        InvalidInputError: no branch can have this name.
    """
    name = f"refs/heads/{branch}"
    if branch.startswith("-") or not pygit2.reference_is_valid_name(name):
        raise InvalidInputError(f"branch {branch!r}: git allows no such name")
    return name


def kept_reference(name: str) -> str:
    """Return the full name of a reference that keeps a commit for the runner."""
    return _KEPT + "/".join(as_file_name(part) for part in name.split("/"))


def write(repository: Path, reference: str, commit: pygit2.Oid) -> None:
    """Set a reference; it is on disk when this returns. The last of several writers at once decides."""
    target = repository / reference
    missing = [parent for parent in target.parents if not parent.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    # Git takes no file whose name ends in ".lock" for a reference.
    written = target.with_name(f"{secrets.token_hex(8)}.lock")
    with open(written, "xb") as file:
        file.write(b"%s\n" % str(commit).encode())
        file.flush()
        os.fsync(file.fileno())
    written.rename(target)
    for directory in (target.parent, *(made.parent for made in missing)):
        sync(directory)


def remove(git: pygit2.Repository, reference: str) -> None:
    """Remove a reference, if it exists."""
    target = Path(git.path) / reference
    target.unlink(missing_ok=True)
    if target.parent.is_dir():
        sync(target.parent)
    # A person's `git gc` packs references.
    if (packed := git.references.get(reference)) is not None:
        packed.delete()


def kept(git: pygit2.Repository) -> dict[str, str]:
    """Return the commits that are kept for the runner, by their names."""
    found = {}
    for reference in git.references.iterator():
        if reference.name.startswith(_KEPT):
            parts = reference.name.removeprefix(_KEPT).split("/")
            found["/".join(from_file_name(part) for part in parts)] = str(reference.target)
    return found
