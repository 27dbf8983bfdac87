"""Kills a runner under load, again and again on one directory, and holds what is left to the invariants.

The team, the book of what was acknowledged and the invariants are those of the simulation, which finds
nearly all that can be found, and much sooner. Here threads, disks and deaths are real.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from shutil import copyfile, copytree
from typing import Any

from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.opening import open_store
from tests.crash.figures import figures_that_differ
from tests.crash.journal import read_journal
from tests.crash.load import Load
from tests.crash.process import ERRORS, JOURNAL, MOODY, PATIENCE, BrokenInvariantError, Child
from tests.simulation.answers import items_found, state_of
from tests.simulation.book import ABSENT, GONE, Book, frozen
from tests.simulation.disk import Disk
from tests.simulation.invariants import always, at_rest
from tests.simulation.journal import Journal
from tests.simulation.money import Provider

KINDS = ("opening", "ready", "start", "done", "write", "commit", "answer", "any")
"""When it is killed: as it opens the store or is up; as an agent begins or is about to return; in the midst
of a commit, before anybody knows of one, or as one is acknowledged; or at any time."""
SMALLEST_MAP = 1 << 16


@dataclass
class Lives:
    """The lives of one directory."""

    directory: Path
    random: Random
    witnesses: Path = field(kw_only=True)
    """Where the journal and the log are: not where the store is, which may be full or forbidden."""
    kinds: Counter[str] = field(default_factory=Counter)
    """How often it was killed, by the kind of moment."""

    def __post_init__(self) -> None:
        self.book = Book()
        self.load = Load(self.random, self.book)
        self.journal = Journal()
        self.provider = Provider()
        self.answered: dict[str, str | None] = {}
        """What visitors were answered, when it was last looked."""
        self._children: list[Child] = []
        self._moments: list[str] = []
        self._forgiven: list[str] = []

    @property
    def kills(self) -> int:
        """How often it was killed."""
        return self.kinds.total()

    def begin(self) -> None:
        """Create the stacks that stay, in a store that has to grow from the first."""
        child = self.start("--map-bytes", str(SMALLEST_MAP))
        self.load.create_permanent(child)
        self.bring_to_rest(child)

    def copied(self, place: Path, directory: Path, random: Random) -> "Lives":
        """Return lives that go on from here in `directory`, with their witnesses in `place`."""
        copy = Lives(directory, random, witnesses=place)
        copytree(self.directory, directory, dirs_exist_ok=True)
        for witness in (JOURNAL, ERRORS):
            copyfile(self.witnesses / witness, place / witness)
        copy.book = deepcopy(self.book)
        copy.load = Load(random, copy.book, dict(self.load.stacks))
        copy._children = list(self._children)
        return copy

    def live_and_die(self) -> None:
        """Live for a while under load, be killed, and look at what is left."""
        if not self._moments:
            self._moments = self.random.sample(KINDS, len(KINDS))
        kind = self._moments.pop()
        fate = (
            () if kind in ("opening", "ready", "any") else ("--die", f"{kind}:{self.random.randrange(1, 60)}")
        )
        child = self.start(*MOODY, *fate)
        child.await_word("opening" if kind == "opening" else "ready")
        if kind == "opening":
            # Anywhere in opening the store and taking up what was interrupted.
            child.await_death(self.random.uniform(0, 0.08))
        elif kind != "ready":
            if self.random.random() < 0.3:
                # What was interrupted is finished, though nothing happens that would bring it up.
                self.await_rest(child)
            self.load.give(child, self.random.uniform(0.1, 0.6))
        self.kill(child, kind)

    def kill(self, child: Child, kind: str) -> None:
        """Kill it, and look at what is left."""
        child.kill()
        self.kinds[kind] += 1
        self.check(f"kill {self.kills} ({kind})")

    def bring_to_rest(self, child: Child) -> None:
        """Let everything be done that can be, end it, and look at what is left."""
        child.await_word("ready")
        self.await_answers(child)
        with self.store() as store:
            stacks = Disk.of(store).stacks
        for stack_id, stack in stacks.items():
            if stack["state"] != "running":
                self.load.command(child, "resume" if stack["state"] == "paused" else "start", stack_id)
        self.await_answers(child)
        self.await_rest(child)
        code = child.terminate()
        if code != 0:
            raise BrokenInvariantError(f"the last life ended with exit code {code}: {self.errors()}")
        disk = self.check("rest")
        problems = list(at_rest(self._world, disk))
        if problems:
            raise BrokenInvariantError(f"after the end: {_listed(problems)}")

    # For those who write lives of their own.

    def start(self, *options: str) -> Child:
        child = Child(self.directory, self.witnesses, len(self._children), *options)
        self._children.append(child)
        return child

    def leave_nobody(self) -> None:
        """End the life that a failure has left."""
        if self._children and self._children[-1].process.poll() is None:
            self._children[-1].kill()

    @contextmanager
    def store(self) -> Iterator[LmdbStore]:
        with closing(open_store(self.directory / "store", read_only=True)) as store:
            yield store

    def await_answers(self, child: Child) -> None:
        if not child.await_that(lambda: child.unanswered == 0):
            raise BrokenInvariantError(f"the process ended by itself: {self.errors()}")

    def await_rest(self, child: Child) -> None:
        """Wait until no stack that runs has anything to do, unless it dies before."""
        give_up = time.monotonic() + PATIENCE
        with self.store() as store:
            while not child.ended:
                disk = Disk.of(store)
                halted = [stack_id for stack_id, stack in disk.stacks.items() if stack["state"] != "running"]
                left = [each for each in at_rest(self._world, disk) if not _names(each, halted)]
                if not left:
                    return
                if time.monotonic() > give_up:
                    raise BrokenInvariantError(f"nobody looks at it: {_listed(left)}")
                child.await_death(0.03)

    def check(self, after: str) -> Disk:
        """Compare what is on disk with what was acknowledged and with what agents say. Nothing runs."""
        child = self._children[-1]
        self.book.cut_off(child.life)
        self.journal, problems = read_journal(self.witnesses / JOURNAL)
        with self.store() as store:
            disk = Disk.of(store)
            problems += [str(violation) for violation in always(self._world, disk)]
            problems += figures_that_differ(store, disk)
        problems += child.unexpected
        if errors := self.errors():
            problems.append(f"errors were logged: {errors[-3000:]}")
        if problems:
            raise BrokenInvariantError(f"after {after}: {_listed(problems)}")
        self._know(disk)
        return disk

    @property
    def _world(self) -> Any:
        """What the invariants of the simulation are held against."""
        return self

    def _know(self, disk: Disk) -> None:
        """Take what is on disk for what is: nothing is under way any more."""
        for book in self.book.stacks.values():
            stack = disk.stacks.get(book.id)
            if stack is None:
                book.state.found(GONE if GONE in book.state.possible() else ABSENT)
                continue
            idea = disk.ideas.get(book.id)
            book.state.found(state_of(stack))
            book.settings.found(frozen(stack["settings"]))
            book.idea.found(None if idea is None else idea["idea"])
        for item, found in items_found(self.book, disk):
            item.there.found(bool(found))
            if found:
                item.cancelled.found(found[0].get("status") == "cancelled")
        self.load.forget(set(self.load.stacks) - set(disk.stacks))

    def errors(self) -> str:
        lines = (self.witnesses / ERRORS).read_text().splitlines(keepends=True)
        return "".join(line for line in lines if not any(known in line for known in self._forgiven))

    def forgive_errors(self, saying: str) -> None:
        """Expect that errors are logged with these words in them."""
        self._forgiven.append(saying)


def _listed(problems: Sequence[str]) -> str:
    return "\n  ".join([f"{len(problems)} violations:", *problems[:20]])


def _names(text: str, stacks: Collection[str]) -> bool:
    return any(stack_id in text for stack_id in stacks)


def kill_many(place: Path, kills: int, seed: int, told: Callable[[Lives], None] | None = None) -> Lives:
    """Kill a runner in `place` `kills` times and check what is left each time and at the end.

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
        lives.bring_to_rest(lives.start())
    except BrokenInvariantError as broken:
        raise BrokenInvariantError(f"seed {seed}, {place}: {broken}") from None
    finally:
        lives.leave_nobody()
    return lives
