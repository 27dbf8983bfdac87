"""What agents say of their runs, outside of the store: written before anything of a run is committed.

One line an entry, appended by one call and so whole after a kill of the process.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Started:
    """An agent was called."""

    stack: str
    execution: str
    role: str
    attempt: int
    begun: float
    """When its actor began with it: seconds since the epoch, UTC."""
    reason: str
    saw: dict[str, int]
    """What there was to do in the snapshot."""


@dataclass(frozen=True)
class Done:
    """An agent is about to return an outcome with these effects, each marked with the key of the run."""

    stack: str
    execution: str
    role: str
    attempt: int
    todos: int = 0
    artifacts: int = 0
    tokens: int = 0
    sent: tuple[str, ...] = ()
    """The stacks that are written to; "all" for a broadcast."""
    completed: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    """Ids of todos and messages."""


Entry = Started | Done


def run_key(entry: Entry) -> str:
    return f"{entry.execution}.{entry.role}.{entry.attempt}"


@dataclass
class Journal:
    """Appends entries to a file, from any thread and any life of the process."""

    path: Path
    _file: int = field(init=False)

    def __post_init__(self) -> None:
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, entry: Entry) -> None:
        # A line end first: should a line have been cut short after all, the next is not lost with it.
        os.write(self._file, b"\n%b\n" % json.dumps([type(entry).__name__, asdict(entry)]).encode())


def read_journal(path: Path) -> Iterator[Entry]:
    """Yield the entries in the order in which they were written."""
    for line in path.read_bytes().splitlines() if path.exists() else ():
        if line:
            kind, fields = json.loads(line)
            if kind == "Started":
                yield Started(**fields)
            else:
                lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
                yield Done(**{**fields, **lists})
