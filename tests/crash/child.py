"""The process that is killed: an orchestrator on a real disk.

    python -m tests.crash.child DIRECTORY JOURNAL [--die POINT:COUNT] [...]

It says `opening` before it touches the store, `ready` when the orchestrator runs, and answers every message
when what was asked for is on disk. It reads pickled pairs (number, message) from its standard input, and
writes lines of JSON.
"""

import argparse
import json
import logging
import os
import pickle
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recursor.actors.messages import ControlStack, CreateStack, DeleteStack, Shutdown
from recursor.actors.orchestrator import Orchestrator
from recursor.domain.agent import Run
from recursor.domain.commands import Command
from recursor.domain.effect import Effect
from recursor.domain.errors import RecursorError
from recursor.domain.settings import RunnerSettings
from recursor.domain.snapshot import Snapshot
from recursor.runtime.clock import SystemClock
from recursor.runtime.future import DispatchedFuture
from recursor.storage.commit import Commit
from recursor.storage.data_directory import DataDirectoryLock
from recursor.storage.lmdb_environment import INITIAL_MAP_BYTES
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.opening import MIGRATIONS
from recursor.storage.rollups import MERGES
from recursor.storage.store import Done, Reader
from recursor.storage.tables import STACKS, TABLES
from tests.crash.journal import JournalFile
from tests.crash.orders import BackUp, LimitFiles
from tests.simulation.disk import fields
from tests.simulation.journal import Begun, Journal, Key, written
from tests.simulation.team import make_team
from tests.simulation.world import SETTINGS as SIMULATED

# The team is that of the simulation, in whose time a hundred seconds are one.
SPEED = 0.01
SETTINGS = SIMULATED.overridden(
    {
        "pause": {
            "after_work": 0.01,
            "first_backoff": 0.02,
            "longest_backoff": 0.2,
            "failures_allowed": 1_000_000,
        },
        "limits": {"node_seconds": 1.0, "child_deaths": 1_000_000, "outcome_bytes": 1_000_000},
    }
)
RUNNER = RunnerSettings(agents=2, passivate_after=0.05, storage_retry=0.05)


def say(**what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


class Fate:
    """Kills this process when it passes some point for the n-th time."""

    def __init__(self, fate: str | None) -> None:
        """Read `POINT:COUNT`; None: never."""
        self._point, _, count = (fate or "none:0").partition(":")
        self._left = int(count)
        self._lock = threading.Lock()

    def passing(self, point: str) -> None:
        if point == self._point:
            with self._lock:
                self._left -= 1
                if self._left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)


class MortalStore:
    """A store in which the process may die in a transaction, or after one that nobody knows of yet."""

    def __init__(self, path: Path, fate: Fate, map_bytes: int) -> None:
        """Open or make the store in `path`."""

        def mortal(merge: Callable[..., bytes]) -> Callable[..., bytes]:
            def merging(*args: Any) -> bytes:
                fate.passing("write")
                return merge(*args)

            return merging

        merges = {table: mortal(merge) for table, merge in MERGES.items()}
        self._store = LmdbStore(
            path, TABLES, merges=merges, migrations=MIGRATIONS, initial_map_bytes=map_bytes
        )
        self._fate = fate
        self.write = self._store.write
        self.backup = self._store.backup
        self.close = self._store.close

    def read(self) -> AbstractContextManager[Reader]:
        return self._store.read()

    def commit(self, commit: Commit, done: Done) -> None:
        def mortal(error: BaseException | None) -> object:
            self._fate.passing("commit")
            return done(error)

        self._store.commit(commit, mortal)


class Surroundings:
    """What agents see of this process: see `tests.simulation.team.Surroundings`."""

    spends = 0

    def __init__(
        self, journal: JournalFile, fate: Fate, stacks: dict[str, str], slow: int, moods: dict[str, int]
    ) -> None:
        """Begin with stacks in these states; of a hundred runs, `slow` take some time."""
        self.slow = slow
        self.moods = moods
        self.stacks = list(stacks)
        self.uncertain: set[str] = set()
        """Stacks that were to be created, and may not be there yet."""
        self.halted = {stack_id: 0.0 for stack_id, state in stacks.items() if state != "running"}
        """When a stack was stopped or paused, on disk: seconds since the epoch, UTC."""
        self._journal = journal
        self._fate = fate
        self._clock = SystemClock()

    def look(self, stack_id: str) -> None:
        """Let every look succeed."""

    def begin(self, snapshot: Snapshot, run: Run) -> Key:
        key, stack_id = (run.execution_id, run.role, run.attempt), snapshot.stack.id
        self._journal.note(Begun(stack_id, key, None, os.getpid()))
        begun, halted = run.deadline - run.settings.limits.node_seconds, self.halted.get(stack_id)
        if halted is not None and begun > halted:
            late = 1000 * (begun - halted)
            self._journal.note(f"run {written(key)} of {stack_id} began {late:.1f} ms after it was halted")
        self._fate.passing("start")
        return key

    def returns(self, stack_id: str, key: Key, effects: tuple[Effect, ...]) -> None:
        journal = Journal()
        journal.note_returned(stack_id, key, effects, self.uncertain)
        self._journal.note(journal.returned[key])
        self._fate.passing("done")

    def sleep(self, seconds: float) -> DispatchedFuture[None]:
        future: DispatchedFuture[None] = DispatchedFuture()
        self._clock.call_at(self.now() + seconds * SPEED, lambda: future.set(None))
        return future

    def elapsed(self) -> float:
        return time.monotonic() / SPEED

    def now(self) -> float:
        return time.time()

    def other_stack(self, _stack_id: str, draw: int) -> str | None:
        return self.stacks[draw % len(self.stacks)] if draw % 7 else None

    async def call_model(self, *_: object) -> None:
        """Nobody asks a model."""


class Child:
    """Asks the orchestrator, and answers."""

    def __init__(self, store: MortalStore, orchestrator: Any, fate: Fate, surroundings: Surroundings) -> None:
        self._store = store
        self._orchestrator = orchestrator
        self._fate = fate
        self._surroundings = surroundings
        self._moved: dict[str, int] = {}
        """The number of the newest command after which agents of a stack may begin."""

    def do(self, number: int, message: object) -> None:
        """Do what is asked for; it is answered when it is done."""
        match message:
            case LimitFiles(size=size):
                _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
                resource.setrlimit(resource.RLIMIT_FSIZE, (hard if size is None else size, hard))
                say(n=number)
                return
            case BackUp(target=target):
                self._store.backup(target)
                say(n=number)
                return
            case CreateStack(stack=stack):
                self._surroundings.uncertain.add(stack.id)
                self._surroundings.stacks.append(stack.id)
            case ControlStack(stack_id=stack_id, command=Command.START | Command.RESUME):
                self._moved[stack_id] = number
                self._surroundings.halted.pop(stack_id, None)
        future: Any = self._orchestrator.ask(message, block=False)
        future.add_done_callback(lambda done: self._answer(number, message, done.exception()))

    def _answer(self, number: int, message: object, error: BaseException | None) -> None:
        if error is None:
            match message:
                case CreateStack(stack=stack):
                    self._surroundings.uncertain.discard(stack.id)
                case (
                    ControlStack(stack_id=stack_id, command=Command.STOP | Command.PAUSE)
                    | DeleteStack(stack_id=stack_id)
                ) if self._moved.get(stack_id, -1) < number:
                    self._surroundings.halted[stack_id] = time.time()
            say(n=number)
        else:
            say(n=number, error=f"{type(error).__name__}: {error}", refused=isinstance(error, RecursorError))
        # On the thread that commits: nothing that follows from it has been written yet.
        self._fate.passing("answer")


def run(options: argparse.Namespace, held: ExitStack) -> None:
    """Run the stacks of the directory until SIGTERM, or until nobody is there to ask for anything."""
    directory: Path = options.directory
    fate = Fate(options.die)
    say(opening=True)
    held.enter_context(DataDirectoryLock(directory, started_at=datetime.now(UTC)))
    store = MortalStore(directory / "store", fate, options.map_bytes)
    held.callback(store.close)
    with store.read() as reader:
        stacks = {key.decode(): fields(value)["state"] for key, value in _readable(reader)}
    moods = dict(mood.split(":") for mood in options.moods)
    surroundings = Surroundings(
        JournalFile(options.journal), fate, stacks, options.slow, {mood: int(moods[mood]) for mood in moods}
    )
    orchestrator = Orchestrator.start(
        store=store, roles=make_team(surroundings, os.getpid()), settings=SETTINGS, runner=RUNNER
    )
    child = Child(store, orchestrator, fate, surroundings)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        say(ready=True)
        while True:
            child.do(*pickle.load(sys.stdin.buffer))
    finally:
        in_time = orchestrator.ask(Shutdown(grace=options.grace))
        say(shut_down=in_time)


def _readable(reader: Reader) -> list[tuple[bytes, bytes]]:
    return [(key, value) for key, value in reader.scan(STACKS.name) if not value.startswith(b"\xc1")]


def _terminate(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run; an error is one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("journal", type=Path)
    parser.add_argument("--die", help="POINT:COUNT, where POINT is start, done, write, commit or answer")
    parser.add_argument("--user", type=int, help="the id of the user to run as; only root may say so")
    parser.add_argument("--slow", type=int, default=50, help="how many runs of a hundred take some time")
    parser.add_argument("--moods", nargs="*", default=(), help="MOOD:PERCENT of what else agents do")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds that agents have in the end")
    parser.add_argument("--map-bytes", type=int, default=INITIAL_MAP_BYTES)
    options = parser.parse_args()
    # Errors only: that a stack has to wait for a full disk, say, is no defect.
    logging.basicConfig(level=logging.ERROR)
    # A SIGTERM waits until there is something to shut down.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    signal.signal(signal.SIGTERM, _terminate)
    if options.user is not None:
        # Here, because such a user may not be able to read this program.
        os.setgroups([])
        os.setgid(options.user)
        os.setuid(options.user)
    with ExitStack() as held:
        try:
            run(options, held)
        except (KeyboardInterrupt, EOFError):
            return 0
        except RecursorError as error:
            print(error, file=sys.stderr)  # noqa: T201
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
