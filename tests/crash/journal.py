"""What agents say of their runs, in a file: written before anything of a run can be committed."""

import os
import pickle
from base64 import b64decode, b64encode
from pathlib import Path

from tests.simulation.journal import Begun, Journal, Returned, written


class JournalFile:
    """Appends entries, from any thread and any life of the process. One is one line: it is there or not."""

    def __init__(self, path: Path) -> None:
        """Open or make the file."""
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, entry: Begun | Returned | str) -> None:
        """Append an entry; text is what is wrong."""
        # A line end first: should a line have been cut short after all, the next is not lost with it.
        os.write(self._file, b"\n%b\n" % b64encode(pickle.dumps(entry)))


def read_journal(path: Path) -> tuple[Journal, list[str]]:
    """Return what agents said in all lives, and what is wrong with it."""
    journal, problems = Journal(), []
    for line in path.read_bytes().split() if path.exists() else ():
        match pickle.loads(b64decode(line)):
            case Begun() as begun:
                if begun.key in journal.begun:
                    problems.append(f"run {written(begun.key)} began twice")
                journal.begun[begun.key] = begun
            case Returned() as returned:
                journal.returned[returned.key] = returned
            case str() as problem:
                problems.append(problem)
    return journal, problems
