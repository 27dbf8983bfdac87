"""Finds processes of this machine by a word of their command line."""

import os
from contextlib import suppress
from pathlib import Path


def processes_named(word: str) -> list[int]:
    """Return the processes with this word in their command line, except this one."""
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdecimal() and int(directory.name) != os.getpid():
            with suppress(OSError):
                if word.encode() in (directory / "cmdline").read_bytes():
                    found.append(int(directory.name))
    return found
