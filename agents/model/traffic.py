"""The line that all calls of models wait in: the most urgent first, as fast as providers take them."""

import asyncio
import bisect
import itertools
import math
import random
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from recursor.agents.model.clock import Alarm, Clock, Steady, on_loop
from recursor.agents.model.lanes import Lane, Place, backoff
from recursor.agents.model.whom import all_rates, folded
from recursor.domain.agent import Anywhere, Seat
from recursor.domain.errors import RecursorError
from recursor.domain.rates import Rate, Rates

# Seconds that a point of priority is worth in line: what is urgent goes first, and what waits gets its turn.
SECONDS_PER_PRIORITY = 15.0

# Seconds that a call waits for a provider that wants to be left alone. For longer nobody waits: the run ends,
# and its role is tried again when the provider is back.
PATIENCE_SECONDS = 5.0

# Lanes that are kept although nobody is in them: each address has its own, and people give new ones.
MOST_IDLE_LANES = 256

_UNLIMITED = Rate()
ANYWHERE = Anywhere()


class CrowdedError(RecursorError):
    """So many calls wait in line that the last of them is sent away."""

    def __init__(self, problem: str = "too many runs wait in line") -> None:
        """Send a call away."""
        super().__init__(problem)


class ClosedError(RecursorError):
    """A provider wants to be left alone for longer than a call waits in line."""

    def __init__(self, until: float) -> None:
        """Send a call away; `until` is in seconds since the epoch, UTC."""
        super().__init__(until)
        self.until = until


@dataclass(frozen=True, slots=True)
class Again:
    """With what a call comes back that could not be paid for now: others have set aside what it needs."""

    turn: float
    """Its place in line."""
    settlements: int
    """How many calls had been settled before it tried: when there is another, it may try again."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One call's leave to begin."""

    again: Again

    places: tuple[tuple[Lane, Place], ...]
    """The first one is the provider's."""

    def took(self, tokens: int) -> None:
        """Correct what the call takes of the minute's tokens."""
        for _, place in self.places:
            place.tokens = tokens


@dataclass(order=True, slots=True)
class _Waiting:
    turn: float
    number: int
    tokens: int = field(compare=False)
    lanes: tuple[Lane, ...] = field(compare=False)
    leave: asyncio.Future[Pass] = field(compare=False)


class Granted(Protocol):
    """One call's leave to begin."""

    @property
    def again(self) -> Again:
        """With what to come back, if it cannot be paid for now."""
        ...

    def took(self, tokens: int) -> None:
        """Correct what the call takes of the minute's tokens."""
        ...


G = TypeVar("G", bound=Granted)


class Line(Protocol[G]):
    """What calls wait in."""

    def closed_until(self, model: str, base_url: str | None) -> float:
        """See `Traffic.closed_until`."""
        ...

    async def enter(
        self,
        model: str,
        base_url: str | None,
        tokens: int,
        priority: int,
        seat: Seat,
        again: Again | None = None,
    ) -> G:
        """See `Traffic.enter`."""
        ...

    def unused(self, granted: G) -> None:
        """See `Traffic.unused`."""
        ...

    def settled(self) -> None:
        """See `Traffic.settled`."""
        ...

    def leave(self, granted: G) -> None:
        """See `Traffic.leave`."""
        ...

    def answered(self, granted: G) -> None:
        """See `Traffic.answered`."""
        ...

    def refused(self, granted: G, wait: float | None) -> None:
        """See `Traffic.refused`."""
        ...

    def pause(self, troubles: int) -> float:
        """See `Traffic.pause`."""
        ...


class Traffic:
    """Belongs to one event loop, and is used on its thread only."""

    def __init__(self, rates: Rates, clock: Clock, chance: random.Random | None = None) -> None:
        """Let calls begin as `rates` allow, by the time of `clock`."""
        self._rates = all_rates(rates)
        self._clock = clock
        self._time = Steady(clock)
        self._chance = chance or random.Random()
        self._lanes: dict[tuple[str, str | None], Lane] = {}
        self._waiting: list[_Waiting] = []
        self._held: list[_Waiting] = []
        """Those that wait for a settlement, before they wait in line."""
        self._settlements = 0
        self._numbers = itertools.count()
        self._alarm: Alarm | None = None

    def closed_until(self, model: str, base_url: str | None) -> float:
        """Return until when a provider wants to be left alone: seconds since the epoch, UTC."""
        left = self._lanes_of(model, base_url)[0].closed_until - self._time.now()
        return self._clock.now() + left if left > 0 else 0.0

    async def enter(
        self,
        model: str,
        base_url: str | None,
        tokens: int,
        priority: int,
        seat: Seat = ANYWHERE,
        again: Again | None = None,
    ) -> Pass:
        """Wait until a call may begin; it is to be given to `leave`, whatever becomes of it.

        Args:
            model: as people name it: its provider's limits hold, and its own.
            base_url: whom it is asked of, as `whom.address` writes it: each address has limits of its own.
            tokens: what it takes at most.
            priority: 0 to 10.
            seat: the run's, which it does without while it waits, so that others can run.
            again: of the pass it had before, if it could not be paid for then: it waits for a settlement.

        Raises:
            ClosedError: the provider wants to be left alone for more than `PATIENCE_SECONDS`, or does so now.
            CrowdedError: too many wait, and of those this one would go last.
        """
        turn = self._time.now() - priority * SECONDS_PER_PRIORITY if again is None else again.turn
        leave: asyncio.Future[Pass] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(turn, next(self._numbers), tokens, self._lanes_of(model, base_url), leave)
        if again is not None and again.settlements == self._settlements:
            bisect.insort(self._held, waiting)
        else:
            bisect.insort(self._waiting, waiting)
        if len(self._lanes) > MOST_IDLE_LANES:
            self._drop_idle_lanes()
        self._admit()
        if leave.done():
            return leave.result()
        if seat.is_crowded:
            self._send_away_the_last()
        seat.leave()
        try:
            granted = await leave
        except asyncio.CancelledError:
            if leave.done() and not leave.cancelled() and leave.exception() is None:
                self.leave(leave.result())
            else:
                self._remove(waiting)
                self._admit()
            raise
        try:
            await _seated(seat)
        except asyncio.CancelledError:
            self.leave(granted)
            raise
        return granted

    def leave(self, granted: Pass) -> None:
        """Make room for the next call."""
        for lane, _ in granted.places:
            lane.leave()
        self._admit()

    def unused(self, granted: Pass) -> None:
        """Note that the call will not be made after all; it is to be given to `leave` nevertheless."""
        for lane, place in granted.places:
            lane.forget(place)

    def settled(self) -> None:
        """Note that a call is paid for: what it had set aside may be enough for those that wait for that."""
        self._settlements += 1
        if self._held:
            self._waiting = sorted([*self._waiting, *self._held])
            self._held.clear()
            self._admit()

    def answered(self, granted: Pass) -> None:
        """Note that the provider does what it is asked for."""
        granted.places[0][0].answered()

    def refused(self, granted: Pass, wait: float | None) -> None:
        """Leave a provider alone that is overloaded, or had enough of us: for everybody.

        Args:
            granted: the call that it refused.
            wait: seconds that it asks for, or None.
        """
        lane, place = granted.places[0]
        lane.refused(place, self._time.now(), wait, self._chance.random())

    def pause(self, troubles: int) -> float:
        """Return how many seconds one call waits before it is made again, after so many troubles in a row."""
        return backoff(troubles, self._chance.random())

    def close(self) -> None:
        """Let nothing begin any more by itself."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _lanes_of(self, model: str, base_url: str | None) -> tuple[Lane, ...]:
        model = folded(model)
        return tuple(self._lane(name, base_url) for name in (model.partition(":")[0], model))

    def _lane(self, name: str, base_url: str | None) -> Lane:
        lane = self._lanes.get((name, base_url))
        if lane is None:
            lane = self._lanes[name, base_url] = Lane(name, self._rates.get(name, _UNLIMITED))
        return lane

    def _drop_idle_lanes(self) -> None:
        now = self._time.now()
        wanted = {id(lane) for waiting in (*self._waiting, *self._held) for lane in waiting.lanes}
        self._lanes = {
            key: lane for key, lane in self._lanes.items() if id(lane) in wanted or not lane.is_idle(now)
        }

    def _admit(self) -> None:
        """Let begin what may; what is later in line does not take the room of what waits before it."""
        now = self._time.now()
        held: set[int] = set()
        opens = math.inf
        left: list[_Waiting] = []
        for waiting in self._waiting:
            closed_until = waiting.lanes[0].closed_until
            if closed_until > now + PATIENCE_SECONDS:
                if not waiting.leave.done():
                    waiting.leave.set_exception(ClosedError(self._clock.now() + closed_until - now))
                continue
            shut = [lane for lane in waiting.lanes if id(lane) in held]
            if not shut:
                times = {id(lane): lane.opens_at(now, waiting.tokens) for lane in waiting.lanes}
                late = [lane for lane, at in times.items() if at > now]
                if not late:
                    self._let_begin(waiting, now)
                    continue
                held.update(late)
                opens = min(opens, max(times.values()))
            left.append(waiting)
        self._waiting = left
        self._set_alarm(opens)

    def _send_away_the_last(self) -> None:
        last = max([each for each in (*self._waiting, *self._held) if not each.leave.done()], default=None)
        if last is not None:
            self._remove(last)
            last.leave.set_exception(CrowdedError())

    def _remove(self, waiting: _Waiting) -> None:
        for line in (self._waiting, self._held):
            if waiting in line:
                line.remove(waiting)

    def _let_begin(self, waiting: _Waiting, now: float) -> None:
        if waiting.leave.done():
            return
        places = tuple((lane, lane.enter(now, waiting.tokens)) for lane in waiting.lanes)
        waiting.leave.set_result(Pass(Again(waiting.turn, self._settlements), places))

    def _set_alarm(self, at: float) -> None:
        self.close()
        if at < math.inf:
            loop = asyncio.get_running_loop()
            self._alarm = self._time.call_at(at, lambda: on_loop(loop, self._admit))


async def _seated(seat: Seat) -> None:
    loop = asyncio.get_running_loop()
    taken = asyncio.Event()
    seat.take(lambda: on_loop(loop, taken.set))
    await taken.wait()
