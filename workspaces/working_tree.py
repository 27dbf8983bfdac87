"""The files of a commit in a directory of their own, for an agent to work on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pygit2

from recursor.workspaces.errors import LimitExceededError, RepositoryError
from recursor.workspaces.names import is_name, shown
from recursor.workspaces.objects import DIRECTORY, EXECUTABLE, LINK, SUBMODULE, read_tree

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeLimits:
    """How large working trees and their changes may be."""

    files: int = 500_000
    """Files of a commit that is checked out."""

    bytes: int = 8 * 1024**3
    """Bytes of a commit that is checked out."""

    file_bytes: int = 50 * 1024**2
    """Bytes of a new or changed file."""

    changed_files: int = 10_000
    """Files that one commit adds, changes or removes."""

    changed_bytes: int = 200 * 1024**2
    """Bytes of all new and changed files of one commit."""


@contextmanager
def directory_below(root: int, path: bytes) -> Iterator[int]:
    """Open a directory by its path below an open one; no part of the path may be a link.

    Args:
        root: a descriptor.
        path: the names, each followed by "/"; empty for the root itself.

    Raises:
        OSError: some part is missing, or is no directory.
    """
    descriptor = os.dup(root)
    try:
        for name in path.split(b"/")[:-1]:
            inner = os.open(name, _DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def root_of(directory: Path) -> Iterator[int]:
    """Open the directory of a working tree."""
    descriptor = os.open(directory, _DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def check_out(git: pygit2.Repository, commit: pygit2.Commit, directory: Path, limits: TreeLimits) -> None:
    """Write the files of a commit into a directory that is empty or does not exist.

    Links stay what they are, and directories of submodules are empty. No hook, filter or attribute of the
    repository has an effect. A `.git` of the directory's own, which reads objects from the repository and
    writes its own, lets git's commands work inside; nothing reads it afterwards.

    Raises:
        LimitExceededError: the commit is too large.
        RepositoryError: a name in the commit cannot be a file's, or the directory is not empty.
    """
    files, size = _extent(git, commit.tree_id, {})
    if files > limits.files:
        raise LimitExceededError(f"commit {commit.short_id}: {files:,} files, more than {limits.files:,}")
    if size > limits.bytes:
        raise LimitExceededError(
            f"commit {commit.short_id}: {size:,} bytes of files, more than {limits.bytes:,}"
        )
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise RepositoryError(
            f"{directory} is not empty: a commit is checked out into a directory of its own"
        )
    with root_of(directory) as root:
        pending = [(b"", commit.tree_id)]
        while pending:
            path, tree = pending.pop()
            with directory_below(root, path) as descriptor:
                for entry in read_tree(git, tree):
                    inner = path + entry.name
                    if not is_name(entry.name):
                        raise RepositoryError(
                            f"commit {commit.short_id}: no file can be named {shown(inner)}"
                        )
                    try:
                        if entry.mode in {DIRECTORY, SUBMODULE}:
                            os.mkdir(entry.name, dir_fd=descriptor)
                            if entry.mode == DIRECTORY:
                                pending.append((inner + b"/", entry.id))
                        elif entry.mode == LINK:
                            os.symlink(git.odb.read(entry.id)[1], entry.name, dir_fd=descriptor)
                        else:
                            _write(
                                descriptor, entry.name, git.odb.read(entry.id)[1], entry.mode == EXECUTABLE
                            )
                    except FileExistsError:
                        raise RepositoryError(
                            f"commit {commit.short_id}: {shown(inner)} is there twice"
                        ) from None
    _give_git(git, commit, directory)


def _write(directory: int, name: bytes, content: bytes, executable: bool) -> None:
    descriptor = os.open(name, _NEW_FILE, 0o755 if executable else 0o644, dir_fd=directory)
    with open(descriptor, "wb") as file:
        file.write(content)


def _give_git(git: pygit2.Repository, commit: pygit2.Commit, directory: Path) -> None:
    own = pygit2.init_repository(str(directory), initial_head="work")
    alternates = directory / ".git" / "objects" / "info" / "alternates"
    alternates.parent.mkdir(exist_ok=True)
    alternates.write_bytes(os.fsencode(Path(git.path).resolve() / "objects") + b"\n")
    # Without a name and an address, git refuses to commit.
    own.config["user.name"] = "agent"
    own.config["user.email"] = "agent@recursor.invalid"
    own.config["gc.auto"] = 0
    own = pygit2.Repository(str(directory))
    own.references.create("refs/heads/work", commit.id)
    own.index.read_tree(commit.tree_id)
    own.index.write()


def _extent(
    git: pygit2.Repository, tree: pygit2.Oid, known: dict[pygit2.Oid, tuple[int, int]]
) -> tuple[int, int]:
    """Return how many files a tree has, and their bytes.

    A tree that names one subtree many times is counted in the time of its few objects, however many files
    it stands for.
    """
    if tree in known:
        return known[tree]
    pending = [tree]
    while pending:
        top = pending[-1]
        entries = read_tree(git, top)
        missing = [entry.id for entry in entries if entry.mode == DIRECTORY and entry.id not in known]
        if missing:
            pending.extend(missing)
            continue
        pending.pop()
        files = size = 0
        for entry in entries:
            if entry.mode == DIRECTORY:
                inner_files, inner_size = known[entry.id]
                files += inner_files
                size += inner_size
            elif entry.mode != SUBMODULE:
                files += 1
                size += git.odb.read_header(entry.id)[1]
        known[top] = files, size
    return known[tree]
