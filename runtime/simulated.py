"""Actors and time on one thread, in an order drawn from a seed.

A simulation runs everything as *steps*, one at a time, on the thread that calls `Scheduler.step`. A step is a
turn of an actor, a call of a timer, a call of a function in a pool, or the part of a coroutine from one
`await` to the next. The next step is drawn at random from the ready ones, and time passes only when told to;
so the same seed gives the same order of events.

Source: deterministic simulation, as in FoundationDB, https://apple.github.io/foundationdb/testing.html
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable

from pykka import ActorRegistry

from recursor.runtime.clock import Timer
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.interfaces import Load
from recursor.runtime.mailbox import Mailbox
from recursor.runtime.worker import forbid_waiting


class Scheduler:
    """The ready steps of a simulation, and its time.

    Args:
        seed: determines the order of steps: a number, or a generator shared with other code.

    Attributes:
        random: the generator.
        elapsed: seconds since the start; jumps of a clock do not change it.
    """

    def __init__(self, seed: int | random.Random) -> None:
        self.random = seed if isinstance(seed, random.Random) else random.Random(seed)
        self.elapsed = 0.0
        self._ready: list[Callable[[], object]] = []
        self._timers: list[tuple[float, int, Timer, object]] = []
        self._due: deque[tuple[Timer, object]] = deque()
        self._serial = itertools.count()
        self._crashed = False

    @property
    def ready(self) -> int:
        """How many steps are ready."""
        return len(self._ready)

    def add(self, step: Callable[[], object]) -> None:
        """Make a step ready.

        Args:
            step: called once, in its turn.
        """
        if not self._crashed:
            self._ready.append(step)

    def step(self) -> bool:
        """Run one of the ready steps.

        Returns:
            Whether there was one.

        Raises:
            Exception: the step raised it. Failures of actors and tasks stay there and are not raised here.
        """
        ready = self._ready
        if not ready:
            return False
        drawn = int(self.random.random() * len(ready))
        ready[drawn], ready[-1] = ready[-1], ready[drawn]
        with forbid_waiting():
            ready.pop()()
        return True

    def run_until_idle(self, limit: int = 1_000_000) -> int:
        """Run steps until none is ready. Time stands still.

        Args:
            limit: the most steps to run.

        Returns:
            How many steps ran.

        Raises:
            RuntimeError: steps are still ready after `limit` steps.
        """
        for count in range(limit):
            if not self.step():
                return count
        if self._ready:
            raise RuntimeError(
                f"{len(self._ready)} steps are still ready after {limit}: the simulation never ends"
            )
        return limit

    def call_after(self, seconds: float, callback: Callable[[], object], owner: object = None) -> Timer:
        """Call a function, as a step, after some time.

        Args:
            seconds: how long; a timer that is already due becomes ready at once.
            callback: called once.
            owner: whose timer it is, for `drop_timers`.

        Returns:
            The timer, which can be cancelled.
        """
        timer = Timer(callback)
        if not self._crashed and seconds != math.inf:
            heapq.heappush(self._timers, (self.elapsed + seconds, next(self._serial), timer, owner))
            self._make_due_ready()
        return timer

    def sleep(self, seconds: float) -> DispatchedFuture[None]:
        """Return a future for a simulated coroutine to await: it is done after some time.

        Args:
            seconds: how long.
        """
        future: DispatchedFuture[None] = DispatchedFuture()
        self.call_after(seconds, future.set)
        return future

    def next_due(self) -> float | None:
        """Return the seconds until the next timer is due, or None."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] - self.elapsed if self._timers else None

    def advance(self, seconds: float) -> None:
        """Let time pass. Timers that fall due become ready, and fire in the order of their times.

        Args:
            seconds: how long.
        """
        self._advance_to(self.elapsed + seconds)

    def advance_to_next(self) -> float | None:
        """Let time pass until the next timer is due.

        Returns:
            How many seconds passed; None if there is no timer.
        """
        seconds = self.next_due()
        if seconds is not None:
            self._advance_to(self._timers[0][0])
        return seconds

    def drop_timers(self, owner: object) -> None:
        """Cancel all timers of one owner."""
        for timer in [*(entry[2:] for entry in self._timers), *self._due]:
            if timer[1] is owner:
                timer[0].cancel()

    def crash(self) -> None:
        """Drop all steps and timers. Nothing runs here again."""
        self._crashed = True
        self._ready.clear()
        self._timers.clear()
        self._due.clear()

    def _advance_to(self, time: float) -> None:
        self.elapsed = max(self.elapsed, time)
        self._make_due_ready()

    def _make_due_ready(self) -> None:
        while self._timers and self._timers[0][0] <= self.elapsed:
            self._due.append(heapq.heappop(self._timers)[2:])
            self.add(self._fire_oldest)

    def _fire_oldest(self) -> None:
        timer, _owner = self._due.popleft()
        timer.fire()


class SimulatedClock:
    """A `recursor.runtime.clock.Clock` that moves only when told to.

    The clocks of one scheduler move together: give a later clock, such as that of a restarted process, the
    time of the earlier one.

    Args:
        scheduler: makes the calls.
        now: the clock's first reading: seconds since the epoch, UTC.
    """

    def __init__(self, scheduler: Scheduler, now: float = 1_700_000_000.0) -> None:
        self._scheduler = scheduler
        self._ahead = now - scheduler.elapsed
        self._closed = False

    def now(self) -> float:
        """See `Clock.now`. Each reading is a microsecond later: no two readings of a real clock are equal."""
        self._ahead += 1e-6
        return self._scheduler.elapsed + self._ahead

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """See `Clock.call_at`. A later jump does not move the call."""
        if self._closed:
            return Timer(callback)
        seconds = when - self._scheduler.elapsed - self._ahead
        return self._scheduler.call_after(seconds, callback, owner=self)

    def jump(self, seconds: float) -> None:
        """Set the clock, as a person or a time server does: no time passes, and no timer moves.

        Args:
            seconds: how far; negative to set it back.
        """
        self._ahead += seconds

    def advance(self, seconds: float) -> None:
        """Let time pass: see `Scheduler.advance`."""
        self._scheduler.advance(seconds)

    def advance_to_next(self) -> float | None:
        """Let time pass until the next timer is due: see `Scheduler.advance_to_next`."""
        return self._scheduler.advance_to_next()

    def close(self) -> None:
        """See `Clock.close`."""
        self._closed = True
        self._scheduler.drop_timers(self)

    crash = close


class SimulatedDispatcher:
    """Runs actors as a `recursor.runtime.dispatcher.Dispatcher` does; each turn of an actor is a step.

    Args:
        scheduler: runs the turns.
    """

    batch: int = 1
    """A turn is one message: a longer turn equals two consecutive turns."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._ready: list[Mailbox] = []
        self._closed = False
        self._crashed = False

    @property
    def load(self) -> Load:
        """How many actors wait for their turn."""
        return Load(queued=len(self._ready), running=0, abandoned=0)

    def mailbox(self) -> Mailbox:
        """See `ActorDispatcher.mailbox`."""
        return Mailbox(self)

    def schedule(self, mailbox: Mailbox, /, *, again: bool = False) -> None:  # noqa: ARG002  # any order is allowed
        """See `ActorDispatcher.schedule`."""
        if self._crashed:
            return
        if self._closed:
            mailbox.terminate()
            return
        self._ready.append(mailbox)
        self._scheduler.add(self._run_one)

    def shutdown(self, timeout: float | None = None) -> bool:  # noqa: ARG002  # nothing takes time
        """See `ActorDispatcher.shutdown`. Queued turns run at once."""
        with forbid_waiting():
            while self._ready:
                self._run_one()
        self._closed = True
        return True

    def crash(self) -> None:
        """Drop all turns and forget the actors. None of them runs again."""
        self._crashed = True
        self._ready.clear()
        for ref in ActorRegistry.get_all():
            if getattr(ref.actor_inbox, "dispatcher", None) is self:
                ActorRegistry.unregister(ref)

    def _run_one(self) -> None:
        # One step was added per mailbox, but some mailboxes ran in `shutdown`.
        if self._ready:
            mailbox = self._ready.pop(int(self._scheduler.random.random() * len(self._ready)))
            try:
                mailbox.run(self.batch)
            except BaseException:
                # As when the thread of a dispatcher dies in an actor, except that the error is raised.
                mailbox.terminate()
                raise
