"""Objects of a repository: trees as bytes, and new objects that appear all at once."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pygit2
from pygit2.enums import ObjectType

from recursor.workspaces import libgit2, removal

DIRECTORY = 0o040000
FILE = 0o100644
EXECUTABLE = 0o100755
LINK = 0o120000
SUBMODULE = 0o160000

QUARANTINE = "tmp_objdir-"
"""How names of directories for unfinished objects begin; git's own `gc` removes them, too."""

LARGEST_LOOSE = 100
"""How many new objects become files of their own, each with an `fsync`. More become one pack."""


class TreeEntry(NamedTuple):
    """One entry of a directory in a commit."""

    name: bytes
    mode: int
    id: pygit2.Oid

    @property
    def is_directory(self) -> bool:
        """Whether the entry is a directory."""
        return self.mode == DIRECTORY


def read_tree(git: pygit2.Repository, tree: pygit2.Oid) -> list[TreeEntry]:
    """Return the entries of a tree in their order there.

    pygit2 reads names as UTF-8 only, and makes an object of each entry.
    """
    _, data = git.odb.read(tree)
    entries = []
    position = 0
    while position < len(data):
        space = data.index(b" ", position)
        end = data.index(b"\0", space)
        mode = int(data[position:space], 8)
        entries.append(
            TreeEntry(data[space + 1 : end], _known(mode), pygit2.Oid(raw=data[end + 1 : end + 21]))
        )
        position = end + 21
    return entries


def _known(mode: int) -> int:
    """Return one of the modes above: old commits have others, such as 100664."""
    kind = mode & 0o170000
    if kind == 0o100000:
        return EXECUTABLE if mode & 0o100 else FILE
    return kind


def tree_bytes(entries: Iterable[TreeEntry]) -> bytes:
    """Return a tree with these entries, in git's order: directories sort as if their names ended in "/"."""
    ordered = sorted(entries, key=lambda entry: entry.name + b"/" if entry.is_directory else entry.name)
    return b"".join(b"%o %s\0%s" % (entry.mode, entry.name, entry.id.raw) for entry in ordered)


@contextmanager
def quarantine(path: Path) -> Iterator["Quarantine"]:
    """Write objects apart from those of the repository at `path`, and remove what is not adopted."""
    directory = path / "objects" / f"{QUARANTINE}{secrets.token_hex(8)}"
    (directory / "pack").mkdir(parents=True)
    try:
        yield Quarantine(path, directory)
    finally:
        removal.remove(directory)


class Quarantine:
    """New objects that the repository does not have yet."""

    def __init__(self, path: Path, directory: Path) -> None:
        """Use `quarantine`."""
        self._objects = path / "objects"
        self._directory = directory
        self.scratch = directory / "scratch"
        """A directory that does not exist yet, and is removed with the quarantine."""
        odb = pygit2.Odb()
        odb.add_backend(pygit2.OdbBackendLoose(str(directory), 1, False, 0, 0), 1)
        odb.add_disk_alternate(str(self._objects))
        self.git = libgit2.opened(path)
        """Reads all objects of the repository and of the quarantine; writes to the quarantine."""
        self.git.set_odb(odb)

    def write(self, kind: ObjectType, data: bytes) -> pygit2.Oid:
        """Write an object, unless the repository has it."""
        return self.git.odb.write(kind, data)

    def adopt(self) -> None:
        """Move the new objects into the repository; they are on disk when this returns. Call it once."""
        loose = [file for each in self._directory.iterdir() if len(each.name) == 2 for file in each.iterdir()]
        if len(loose) <= LARGEST_LOOSE:
            for file in loose:
                target = self._objects / file.parent.name / file.name
                target.parent.mkdir(exist_ok=True)
                _move(file, target)
            changed = {self._objects / file.parent.name for file in loose}
        else:
            builder = pygit2.PackBuilder(self.git)
            builder.set_threads(1)
            for file in loose:
                builder.add(pygit2.Oid(hex=file.parent.name + file.name))
            builder.write(str(self._directory / "pack"))
            # The index last: a pack without one is not looked at.
            for file in sorted((self._directory / "pack").iterdir(), key=lambda file: file.suffix == ".idx"):
                _move(file, self._objects / "pack" / file.name)
            changed = {self._objects / "pack"}
        for directory in (*changed, self._objects):
            sync(directory)


def _move(source: Path, target: Path) -> None:
    sync(source)
    source.rename(target)


def sync(path: Path) -> None:
    """Have the file or directory on disk before anything refers to it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
