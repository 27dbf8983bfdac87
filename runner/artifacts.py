"""Writes stacks' pages to files for people to open."""

import os
import re
import tempfile
import unicodedata
from pathlib import Path

from recursor.domain.project import Artifact
from recursor.domain.stack import Stack
from recursor.storage.errors import StorageError

_LONGEST_SLUG = 40


def write_page(directory: Path, stack: Stack, artifact: Artifact) -> Path:
    """Write a stack's page; an existing file is replaced in one step.

    Args:
        directory: the target; it is created if necessary.
        stack: the stack.
        artifact: the page.

    Returns:
        the file's absolute path.

    Raises:
        StorageError: it cannot be written.
    """
    target = directory.absolute() / f"{slug(stack.name)}-{stack.id[:8]}.html"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(prefix=".", suffix=".unfinished", dir=directory)
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(artifact.content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, target)
        except BaseException:
            os.unlink(unfinished)
            raise
    except OSError as error:
        raise StorageError(f"{target}: cannot be written: {error.strerror}: make room, or let us") from error
    return target


def slug(name: str) -> str:
    """Return a name as part of a file name that every system and shell accepts."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(words) > _LONGEST_SLUG:
        words = words[: _LONGEST_SLUG + 1].rpartition("-")[0] or words[:_LONGEST_SLUG]
    return words or "stack"
