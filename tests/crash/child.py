"""The process that is killed: a runner of stacks that does what it is told in lines of JSON.

    python -m tests.crash.child DIRECTORY JOURNAL [--die POINT:COUNT] [...]

It says `opening` before it touches the store, `ready` when the orchestrator runs, and answers every command
when what it did is on disk.
"""

import argparse
import json
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from pykka import ActorRef

from recursor.actors.messages import (
    AddTodo,
    CancelTodo,
    ControlStack,
    CreateStack,
    DeleteStack,
    SendMessage,
    SendUserMessage,
    SetIdea,
    Shutdown,
)
from recursor.actors.orchestrator import Orchestrator
from recursor.actors.supervisor import StackSupervisor
from recursor.domain.commands import Command
from recursor.domain.errors import RecursorError
from recursor.domain.new_records import new_idea, new_message, new_stack, new_todo, new_user_message
from recursor.domain.settings import RunnerSettings
from recursor.storage.data_directory import DataDirectoryLock
from recursor.storage.lmdb_environment import INITIAL_MAP_BYTES
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.opening import MIGRATIONS
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader, Writer
from recursor.storage.tables import TABLES
from tests.crash.journal import Journal
from tests.crash.ledger import UNEXPECTED
from tests.crash.team import SETTINGS, make_team

T = TypeVar("T")

RUNNER = RunnerSettings(agents=2, poll_seconds=0.3, passivate_after=0.05, storage_retry=0.05)


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
    """A store in which the process may die: before a commit, or after one that nobody knows of yet."""

    def __init__(self, store: LmdbStore, fate: Fate) -> None:
        self._store = store
        self._fate = fate

    def read(self) -> AbstractContextManager[Reader]:
        return self._store.read()

    def submit(self, work: Callable[[Writer], T]) -> Future[T]:
        def mortal(writer: Writer) -> T:
            result = work(writer)
            self._fate.passing("write")
            return result

        future = self._store.submit(mortal)
        future.add_done_callback(lambda _: self._fate.passing("commit"))
        return future

    def write(self, work: Callable[[Writer], T]) -> T:
        return self._store.write(work)

    def backup(self, target: Path) -> None:
        self._store.backup(target)

    def close(self) -> None:
        self._store.close()


class Child:
    """Does the commands."""

    def __init__(self, store: MortalStore, orchestrator: ActorRef[Orchestrator], fate: Fate) -> None:
        self._store = store
        self._fate = fate
        self._orchestrator = orchestrator

    def do(self, number: int, op: str, stack: str, **args: Any) -> None:
        """Do a command; its answer is said when it is there."""
        try:
            message = self._message(op, stack, args)
        except RecursorError as error:
            say(n=number, ok=False, at=time.time(), error=str(error))
            return
        if message is None:
            say(n=number, ok=True, at=time.time(), result=None)
            return
        future: Any = self._orchestrator.ask(message, block=False)
        future.add_done_callback(lambda done: self._answer(number, done))

    def _answer(self, number: int, done: Any) -> None:
        _answer(number, done)
        # On the thread that commits: nothing that follows from it has been written yet.
        self._fate.passing("answer")

    def _message(self, op: str, stack: str, args: dict[str, Any]) -> object:
        if op in set(Command):
            return ControlStack(stack, Command(op))
        if op == "backup":
            self._store.backup(Path(args["target"]))
            return None
        if op == "limit":
            _limit_files(args["bytes"])
            return None
        if op == "message":
            with self._store.read() as reader:
                sender = read_stack(reader, stack)
            return SendMessage(new_message(sender, args["to"], args["text"], time.time()))
        return _MESSAGES[op](stack, args, time.time())


def _limit_files(size: int | None) -> None:
    """Let no file grow beyond `size` bytes, as a full disk does; None: any size."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if size is None else size, hard))


def _create(stack: str, args: dict[str, Any], now: float) -> CreateStack:
    idea = None if args["idea"] is None else new_idea(stack, args["idea"], now)
    return CreateStack(new_stack(args["name"], now).but(id=stack), idea, start=True)


_MESSAGES: dict[str, Callable[[str, dict[str, Any], float], object]] = {
    "create": _create,
    "delete": lambda stack, *_: DeleteStack(stack),
    "idea": lambda stack, args, now: SetIdea(new_idea(stack, args["text"], now)),
    "visit": lambda stack, args, now: SendUserMessage(
        new_user_message(stack, "visitor", args["text"], now)
    ),
    "todo": lambda stack, args, now: AddTodo(
        new_todo(stack, args["text"], args["priority"], now)
    ),
    "cancel": lambda stack, args, _: CancelTodo(stack, args["todo"]),
}


def _answer(number: int, done: Any) -> None:
    error = done.exception()
    at = time.time()
    if error is not None:
        expected = isinstance(error, RecursorError)
        say(n=number, ok=False, at=at, error=str(error) if expected else f"{UNEXPECTED} {error!r}")
    else:
        say(n=number, ok=True, at=at, result=getattr(done.get(), "id", None))


def run(options: argparse.Namespace, stack: ExitStack) -> None:
    """Run the stacks of the directory until SIGTERM, or until nobody is there any more to command."""
    directory: Path = options.directory
    fate = Fate(options.die)
    say(opening=True)
    stack.enter_context(DataDirectoryLock(directory, started_at=datetime.now(UTC)))
    lmdb_store = LmdbStore(
        directory / "store", TABLES, migrations=MIGRATIONS, initial_map_bytes=options.map_bytes
    )
    stack.callback(lmdb_store.close)
    store = MortalStore(lmdb_store, fate)
    journal = Journal(options.journal)
    orchestrator = Orchestrator.start(
        store=store,
        roles=make_team(
            journal,
            seconds=options.seconds,
            fails=options.fails,
            hangs=options.hangs,
            passing=fate.passing,
        ),
        settings=SETTINGS,
        runner=RUNNER,
    )
    child = Child(store, orchestrator, fate)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        say(ready=True)
        for line in sys.stdin:
            child.do(**json.loads(line))
    finally:
        in_time = orchestrator.ask(Shutdown(grace=10))
        say(shut_down=in_time)


def _let_supervisors_die(chance: float) -> None:
    """Have what nobody foresaw happen in supervisors: any message may be the last."""
    random = Random()

    def deadly(handler: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def handle(supervisor: Any, message: Any) -> Any:
            result = handler(supervisor, message)
            if random.random() < chance:
                raise MemoryError("as if by chance")
            return result

        return handle

    handlers = {kind: deadly(handler) for kind, handler in StackSupervisor.handlers.items()}
    StackSupervisor.handlers = handlers


def _terminate(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run; an error is one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("journal", type=Path)
    parser.add_argument("--die", help="POINT:COUNT, where POINT is start, done, write, commit or answer")
    parser.add_argument("--deaths", type=float, default=0.0, help="how often a supervisor dies of a message")
    parser.add_argument("--user", type=int, help="the id of the user to run as; only root may say so")
    parser.add_argument("--seconds", type=float, default=0.06)
    parser.add_argument("--fails", type=float, default=0.08)
    parser.add_argument("--hangs", type=float, default=0.005)
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
    if options.deaths:
        _let_supervisors_die(options.deaths)
    with ExitStack() as stack:
        try:
            run(options, stack)
        except KeyboardInterrupt:
            return 0
        except RecursorError as error:
            print(error, file=sys.stderr)  # noqa: T201
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
