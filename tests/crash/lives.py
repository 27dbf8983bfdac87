"""Kills a runner under load, again and again on one directory, and holds what is left to the invariants."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from recursor.storage.data_directory import DataDirectoryLock
from recursor.storage.errors import DirectoryInUseError
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.opening import open_store
from recursor.storage.tables import STACKS
from tests.crash.evidence import every, gather
from tests.crash.invariants import at_any_time, at_rest, unrest
from tests.crash.journal import Journal, Started, read_journal
from tests.crash.ledger import Ledger
from tests.crash.load import Load
from tests.crash.process import ERRORS, JOURNAL, PATIENCE, BrokenInvariantError, Child, wait_until
from tests.crash.team import make_team

_KINDS = (
    "opening", "ready", *("answer",) * 3, *("news",) * 3, *("beside",) * 2, *("any",) * 3, "start", "done",
    *("write",) * 2, *("commit",) * 2,
)  # fmt: skip
SMALLEST_MAP = 1 << 16

# What is acknowledged last, and what comes before.
_NEWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("visit", ()), ("todo", ()), ("message", ()), ("idea", ()), ("create", ()),
    ("resume", ("pause", "visit")), ("start", ("stop", "visit")),
)  # fmt: skip
_OPS_TO_DIE_AT = ("pause", "pause", "resume", "stop", "start", "visit", "todo", "message", "delete")


@dataclass
class Lives:
    """The lives of one directory."""

    directory: Path
    random: Random
    witnesses: Path = field(kw_only=True)
    """Where the journal and the log are: not where the store is, which may be full or forbidden."""
    ledger: Ledger = field(default_factory=Ledger)
    kinds: Counter[str] = field(default_factory=Counter)
    """How often it was killed, by the kind of moment."""

    def __post_init__(self) -> None:
        self._forgiven: list[str] = []
        self._child: Child | None = None
        self.load = Load(self.random, self.ledger)

    @property
    def kills(self) -> int:
        """How often it was killed."""
        return self.kinds.total()

    def begin(self, *options: str) -> None:
        """Create the stacks that stay, in a store that has to grow from the first."""
        child = self.start("--map-bytes", str(SMALLEST_MAP), *options)
        self.load.create_permanent(child)
        self.await_answers(child)
        child.kill()
        self.check("begin")

    def live_and_die(self) -> None:
        """Live for a while under load, be killed at some moment, and look at what is left."""
        kind = self.random.choice(_KINDS)
        if kind in ("opening", "ready"):
            # Twice in a row, the second time before the first has been dealt with.
            for _ in range(self.random.choice((1, 1, 2))):
                self._die_early(kind)
        elif kind == "answer":
            self._die_at_an_answer()
        elif kind == "news":
            self._die_of_news()
        elif kind == "beside":
            self._live_beside_another()
        else:
            self._die_under_load(kind)
        self.check(kind)
        if self.random.random() < 0.2:
            self._live_quietly()
            self.check("quiet")

    def end(self, *options: str) -> None:
        """Let everything be done that can be, stop, and hold what is left to all invariants."""
        self.bring_to_rest(self.start(*options))

    def bring_to_rest(self, child: Child) -> None:
        """The same with a process that runs already."""
        child.await_word("ready")
        self.await_answers(child)
        with self.store() as store, store.read() as reader:
            states = {stack.id: stack.state.value for stack in every(reader, STACKS)}
        self.load.set_going(child, states)
        self.await_answers(child)
        self.await_rest(child)
        code = child.terminate()
        if code != 0:
            raise BrokenInvariantError(f"the last life ended with exit code {code}: {self.errors()}")
        self.check("rest", resting=True)

    def _die_early(self, word: str) -> None:
        child = self.start()
        child.await_word(word)
        if word == "opening":
            # Anywhere in opening the store and taking up what was interrupted.
            child.await_death(self.random.uniform(0, 0.08))
        child.kill()
        self.kinds[word] += 1

    def _die_at_an_answer(self) -> None:
        child = self.start()
        if child.await_word("ready"):
            self.load.give(child, self.random.uniform(0, 0.3))
        asked = self.load.command(child, self.random.choice(_OPS_TO_DIE_AT))
        if asked is not None:
            child.kill_at(asked.number)
            child.await_that(lambda: asked.answered_at is not None)
        child.kill()
        self.kinds["answer"] += 1

    def _die_of_news(self) -> None:
        """What was acknowledged is dealt with, though nothing else ever happens to bring it up."""
        op, before = self.random.choice(_NEWS)
        child = self.start("--die", f"answer:{1 + len(before)}")
        child.await_word("ready")
        self.await_rest(child)
        stack_id = self.random.choice(self.load.steered())
        for prelude in before:
            self.load.command(child, prelude, stack_id)
            self.await_answers(child)
        if self.load.command(child, op, stack_id) is not None:
            child.await_that(lambda: False)
        child.kill()
        self.kinds["news"] += 1
        self.check("news")
        self._live_quietly()

    def _live_quietly(self) -> None:
        """See that what was interrupted is gone on with, though nothing happens that would bring it up."""
        child = self.start()
        child.await_word("ready")
        self.await_rest(child)
        child.kill()
        self.kinds["quiet"] += 1

    def _live_beside_another(self) -> None:
        """See that what another process writes is noticed, though nothing else happens to the stack."""
        child = self.start("--seconds", "0.3")
        child.await_word("ready")
        with closing(open_store(self.directory / "store")) as store:
            for op in ("start", "resume", "visit", "todo"):
                self.load.write_beside(store, op)
                self.await_rest(child, store=store)
            # A stop that finds agents at work: what they return afterwards is too late.
            before = self._starts()
            for op in ("todo", "visit"):
                self.load.write_beside(store, op)
            wait_until(lambda: child.ended or self._starts() > before)
            self.load.write_beside(store, "stop")
            self.await_rest(child, store=store)
        child.kill()
        self.kinds["beside"] += 1

    def _die_under_load(self, kind: str) -> None:
        options = () if kind == "any" else ("--die", f"{kind}:{self.random.randrange(1, 60)}")
        beside = self.random.random() < 0.4
        # The slower the agents, the more of them wait for a place, and are under way when a stop comes.
        child = self.start("--seconds", str(self.random.choice((0.06, 0.3))), *options)
        if child.await_word("ready"):
            if self.random.random() < 0.2:
                self._refuse_second(child)
            seconds = self.random.uniform(0.05, 0.6)
            self.load.give(child, seconds, self.directory / "store" if beside else None)
        child.kill()
        self.kinds[kind] += 1

    def _starts(self) -> int:
        journal = read_journal(self.witnesses / JOURNAL)
        return sum(isinstance(entry, Started) and entry.stack == self.load.outsider for entry in journal)

    def _refuse_second(self, child: Child) -> None:
        try:
            DataDirectoryLock(self.directory, started_at=datetime.now(UTC)).release()
        except DirectoryInUseError as error:
            if f"process {child.process.pid} " not in str(error):
                raise BrokenInvariantError(f"a second runner was refused, but not by name: {error}") from None
        else:
            # It may have been killed just now, and not be quite dead.
            child.await_death(PATIENCE / 10)
            if not child.ended:
                raise BrokenInvariantError("a second runner was let in")

    # For those who write lives of their own.

    def start(self, *options: str) -> Child:
        self._child = Child(self.directory, self.witnesses, self.ledger, *options)
        return self._child

    def leave_nobody(self) -> None:
        """End the life that a failure has left."""
        if self._child is not None and self._child.process.poll() is None:
            self._child.kill()

    @contextmanager
    def store(self) -> Iterator[LmdbStore]:
        with closing(open_store(self.directory / "store", read_only=True)) as store:
            yield store

    def await_answers(self, child: Child) -> None:
        if not child.await_that(lambda: child.open_commands == 0):
            raise BrokenInvariantError(f"the process ended by itself: {self.errors()}")

    def await_rest(self, child: Child, besides: Iterable[str] = (), store: LmdbStore | None = None) -> None:
        """Wait until no stack that runs has anything to do, `besides` some; `store` if it is open."""
        ignored = frozenset(besides)
        roles = make_team(Journal(self.witnesses / JOURNAL))
        give_up = time.monotonic() + PATIENCE
        with nullcontext(store) if store is not None else self.store() as opened:
            while True:
                with opened.read() as reader:
                    left = list(unrest(reader, roles, time.time(), ignored))
                if not left:
                    return
                if child.ended:
                    raise BrokenInvariantError(f"the process ended by itself: {self.errors()}")
                if time.monotonic() > give_up:
                    raise BrokenInvariantError("nobody looks at it: " + "; ".join(left))
                child.await_death(0.02)

    def check(self, kind: str, *, resting: bool = False) -> None:
        with self.store() as store:
            evidence = gather(store, read_journal(self.witnesses / JOURNAL), self.ledger)
        violations = at_rest(evidence) if resting else at_any_time(evidence)
        errors = self.errors()
        if errors:
            violations.append(f"errors were logged: {errors[-3000:]}")
        if violations:
            shown = "\n  ".join(violations[:20])
            raise BrokenInvariantError(
                f"after kill {self.kills} ({kind}), {len(violations)} violations:\n  {shown}"
            )

    def errors(self) -> str:
        lines = (self.witnesses / ERRORS).read_text().splitlines(keepends=True)
        return "".join(line for line in lines if not any(known in line for known in self._forgiven))

    def forgive_errors(self, saying: str) -> None:
        """Expect that errors are logged with these words in them."""
        self._forgiven.append(saying)


def kill_many(place: Path, kills: int, seed: int, told: Callable[[Lives], None] | None = None) -> Lives:
    """Kill a runner in `place` at least `kills` times and check what is left each time and at the end.

    Args:
        place: a directory that exists, and is empty.
        kills: how many times.
        seed: of the choices; the timing is the machine's.
        told: called after each kill.

    Raises:
        BrokenInvariantError: an invariant does not hold; the text names the seed.
    """
    lives = Lives(place / "data", Random(seed), witnesses=place)
    try:
        lives.begin()
        while lives.kills < kills:
            lives.live_and_die()
            if told is not None:
                told(lives)
        lives.end()
    except BrokenInvariantError as broken:
        raise BrokenInvariantError(f"seed {seed}, {place}: {broken}") from None
    finally:
        lives.leave_nobody()
    return lives
