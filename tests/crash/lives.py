"""Kills a runner under load, again and again on one directory, and holds what is left to the invariants."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from recursor.storage.data_directory import DataDirectoryLock
from recursor.storage.errors import DirectoryInUseError
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.tables import TABLES
from tests.crash.evidence import gather
from tests.crash.invariants import at_any_time, at_rest, unrest
from tests.crash.journal import Journal, read_journal
from tests.crash.ledger import Ledger
from tests.crash.load import Load
from tests.crash.process import PATIENCE, BrokenInvariantError, Child
from tests.crash.team import make_team

_KINDS = (
    "opening", "ready", *("answer",) * 3, *("any",) * 2, "start", "done", *("write",) * 2, *("commit",) * 2,
)  # fmt: skip
_OPS_TO_DIE_AT = ("pause", "pause", "resume", "stop", "start", "visit", "todo", "message", "delete")


@dataclass
class Lives:
    """The lives of one directory."""

    directory: Path
    random: Random
    ledger: Ledger = field(default_factory=Ledger)
    kinds: Counter[str] = field(default_factory=Counter)
    """How often it was killed, by the kind of moment."""

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._load = Load(self.random, self.ledger)

    @property
    def kills(self) -> int:
        """How often it was killed."""
        return self.kinds.total()

    def begin(self) -> None:
        """Create the stacks that stay."""
        child = self._child()
        self._load.create_permanent(child)
        self._await_answers(child)
        child.kill()
        self._check("begin")

    def live_and_die(self) -> None:
        """Live for a while under load, be killed at some moment, and look at what is left."""
        kind = self.random.choice(_KINDS)
        if kind in ("opening", "ready"):
            # Twice in a row, the second time before the first has been dealt with.
            for _ in range(self.random.choice((1, 1, 2))):
                self._die_early(kind)
        elif kind == "answer":
            self._die_at_an_answer()
        else:
            self._die_under_load(kind)
        self._check(kind)

    def end(self) -> None:
        """Let everything be done that can be, stop, and hold what is left to all invariants."""
        child = self._child()
        self._load.set_going(
            child, {stack: min(states) for stack, states in self.ledger.possible_states().items()}
        )
        self._await_answers(child)
        self._await_rest(child)
        code = child.terminate()
        if code != 0:
            raise BrokenInvariantError(f"the last life ended with exit code {code}: {self._errors()}")
        self._check("rest", resting=True)

    def _die_early(self, word: str) -> None:
        child = self._child()
        child.await_word(word)
        if word == "opening":
            # Anywhere in opening the store and taking up what was interrupted.
            child.await_death(self.random.uniform(0, 0.08))
        child.kill()
        self.kinds[word] += 1

    def _die_at_an_answer(self) -> None:
        child = self._child()
        if child.await_word("ready"):
            self._load.give(child, self.random.uniform(0, 0.3))
        asked = self._load.command(child, self.random.choice(_OPS_TO_DIE_AT))
        if asked is not None:
            child.kill_at(asked.number)
            child.await_that(lambda: asked.answered_at is not None)
        child.kill()
        self.kinds["answer"] += 1
        if self.random.random() < 0.4:
            self._check("answer")
            self._live_quietly()

    def _live_quietly(self) -> None:
        """See that what was acknowledged is dealt with, though nothing more happens to bring it up."""
        child = self._child()
        child.await_word("ready")
        self._await_rest(child)
        child.kill()
        self.kinds["quiet"] += 1

    def _die_under_load(self, kind: str) -> None:
        options = () if kind == "any" else ("--die", f"{kind}:{self.random.randrange(1, 60)}")
        beside = self.random.random() < 0.25
        child = self._child(*options)
        if child.await_word("ready"):
            if self.random.random() < 0.2:
                self._refuse_second(child)
            seconds = self.random.uniform(0.05, 0.6)
            self._load.give(child, seconds, self.directory / "store" if beside else None)
        child.kill()
        self.kinds[kind] += 1

    def _refuse_second(self, child: Child) -> None:
        try:
            DataDirectoryLock(self.directory, started_at=datetime.now(UTC)).release()
        except DirectoryInUseError as error:
            if f"process {child.process.pid} " not in str(error):
                raise BrokenInvariantError(f"a second runner was refused, but not by name: {error}") from None
        else:
            if child.process.poll() is None:
                raise BrokenInvariantError("a second runner was let in")

    def _child(self, *options: str) -> Child:
        return Child(self.directory, self.ledger, *options)

    @contextmanager
    def _store(self) -> Iterator[LmdbStore]:
        with closing(LmdbStore(self.directory / "store", TABLES, read_only=True)) as store:
            yield store

    def _await_answers(self, child: Child) -> None:
        if not child.await_that(lambda: child.open_commands == 0):
            raise BrokenInvariantError(f"the process ended by itself: {self._errors()}")

    def _await_rest(self, child: Child) -> None:
        roles = make_team(Journal(self.directory / "journal"))
        give_up = time.monotonic() + PATIENCE
        with self._store() as store:
            while True:
                with store.read() as reader:
                    left = list(unrest(reader, roles, time.time()))
                if not left:
                    return
                if child.ended:
                    raise BrokenInvariantError(f"the process ended by itself: {self._errors()}")
                if time.monotonic() > give_up:
                    raise BrokenInvariantError("nobody looks at it: " + "; ".join(left))
                child.await_death(0.02)

    def _check(self, kind: str, *, resting: bool = False) -> None:
        with self._store() as store:
            evidence = gather(store, read_journal(self.directory / "journal"), self.ledger)
        violations = at_rest(evidence) if resting else at_any_time(evidence)
        errors = self._errors()
        if errors:
            violations.append(f"errors were logged: {errors[-3000:]}")
        if violations:
            shown = "\n  ".join(violations[:20])
            raise BrokenInvariantError(
                f"after kill {self.kills} ({kind}), {len(violations)} violations:\n  {shown}"
            )

    def _errors(self) -> str:
        return (self.directory / "errors").read_text()


def kill_many(directory: Path, kills: int, seed: int, told: Callable[[Lives], None] | None = None) -> Lives:
    """Kill a runner on `directory` at least `kills` times and check what is left each time and at the end.

    Args:
        directory: a new one.
        kills: how many times.
        seed: of the choices; the timing is the machine's.
        told: called after each kill.

    Raises:
        BrokenInvariantError: an invariant does not hold; the text names the seed.
    """
    lives = Lives(directory, Random(seed))
    try:
        lives.begin()
        while lives.kills < kills:
            lives.live_and_die()
            if told is not None:
                told(lives)
        lives.end()
    except BrokenInvariantError as broken:
        raise BrokenInvariantError(f"seed {seed}, {directory}: {broken}") from None
    return lives
