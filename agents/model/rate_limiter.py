"""The queue of all model calls: the most urgent first, as fast as providers accept them."""

import asyncio
import heapq
import itertools
import math
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, TypeVar

from recursor.agents.model.provider_names import all_rates, folded
from recursor.agents.model.rate_window import CallEntry, RateWindow
from recursor.agents.model.timing import SteadyTime, on_loop
from recursor.domain.errors import RecursorError
from recursor.domain.rates import Rate, Rates
from recursor.runtime.clock import Clock, Timer

# Seconds that a point of priority is worth in the queue: urgent calls go first, but every call gets its turn.
SECONDS_PER_PRIORITY = 15.0

# Seconds that a call waits for a closed provider. If it is closed for longer, the run ends, and its role is
# tried again when the provider is back.
PATIENCE_SECONDS = 5.0

# Windows kept although unused: each address has its own, and people set new ones.
MOST_IDLE_WINDOWS = 256

_UNLIMITED = Rate()

Aside = Callable[[], AbstractAsyncContextManager[None]]
"""Frees a run's slot while it waits; see `recursor.domain.agent.Run.aside`."""


class ProviderClosedError(RecursorError):
    """A provider asked for a pause longer than a call waits."""

    def __init__(self, until: float) -> None:
        """Refuse a call; `until` is in seconds since the epoch, UTC."""
        super().__init__(until)
        self.until = until


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """The position of a call that returns to the queue, because others have reserved the budget it needs."""

    since: float
    settlements: int
    """Calls settled when it was admitted: after the next one it may try again."""


Verdict = Literal["answered", "refused", "unreachable", "unused"]
"""The provider's reaction to a call, or that there was no connection, or that the call was not made."""


class Permit(Protocol):
    """One call's permission to begin."""

    @property
    def turn(self) -> QueuePosition:
        """The position to return with if the call cannot be paid for now."""
        ...


P = TypeVar("P", bound=Permit)


class Limiter(Protocol[P]):
    """Says when calls may begin; see `RateLimiter` for the methods."""

    def closed_until(self, model: str, base_url: str | None) -> float: ...

    async def acquire(
        self,
        model: str,
        base_url: str | None,
        tokens: int,
        priority: int,
        aside: Aside,
        turn: QueuePosition | None,
    ) -> P: ...

    def release(
        self,
        permit: P,
        *,
        tokens: int | None = None,
        verdict: Verdict | None = None,
        wait: float | None = None,
    ) -> None: ...

    def settled(self) -> None: ...


@dataclass(frozen=True, slots=True)
class WindowPermit:
    """The `Permit` of a `RateLimiter`."""

    turn: QueuePosition
    provider: tuple[RateWindow, CallEntry]
    model: tuple[RateWindow, CallEntry]


class Windows(NamedTuple):
    """The windows that a call needs room in."""

    provider: RateWindow
    model: RateWindow

    @property
    def closed_until(self) -> float:
        """When both accept calls again."""
        return max(self.provider.closed_until, self.model.closed_until)


@dataclass(order=True, slots=True)
class _Waiting:
    since: float
    number: int
    tokens: int = field(compare=False)
    windows: Windows = field(compare=False)
    permit: asyncio.Future[WindowPermit] = field(compare=False)


class RateLimiter:
    """Admits calls within the rates of providers and models. For one event loop at a time."""

    def __init__(self, rates: Rates, clock: Clock, chance: random.Random | None = None) -> None:
        """Admit calls within `rates`, by the time of `clock`."""
        self._rates = all_rates(rates)
        self._clock = clock
        self._time = SteadyTime(clock)
        self._chance = chance or random.Random()
        self._windows: dict[tuple[str, str | None], RateWindow] = {}
        self._pairs: dict[tuple[str, str | None], Windows] = {}
        self._queues: dict[Windows, list[_Waiting]] = {}
        """A heap per model and address, so that the end of a call does not touch all waiting ones."""
        self._unpaid: list[_Waiting] = []
        """Calls that wait for a settlement before they wait in the queue."""
        self._settlements = 0
        self._numbers = itertools.count()
        self._timer: Timer | None = None

    def closed_until(self, model: str, base_url: str | None) -> float:
        """Return when a model is available again: seconds since the epoch, UTC, or 0."""
        left = self._windows_of(model, base_url).closed_until - self._time.now()
        return self._clock.now() + left if left > 0 else 0.0

    async def acquire(
        self,
        model: str,
        base_url: str | None,
        tokens: int,
        priority: int,
        aside: Aside = nullcontext,
        turn: QueuePosition | None = None,
    ) -> WindowPermit:
        """Wait until a call may begin. Always release the permit afterwards.

        Args:
            model: the model's name: the limits of its provider and its own apply.
            base_url: its address, as returned by `provider_names.address`: each address has its own limits.
            tokens: the most tokens of the call.
            priority: 0 to 10.
            aside: entered while the call waits, so that others can run.
            turn: the turn of its previous permit, if the call could not be paid for: it waits for a
                settlement.

        Raises:
            ProviderClosedError: the provider is closed for more than `PATIENCE_SECONDS`, or is closed now.
        """
        since = self._time.now() - priority * SECONDS_PER_PRIORITY if turn is None else turn.since
        permit: asyncio.Future[WindowPermit] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(since, next(self._numbers), tokens, self._windows_of(model, base_url), permit)
        if turn is not None and turn.settlements == self._settlements:
            self._unpaid.append(waiting)
        else:
            self._enqueue(waiting)
        if len(self._windows) > MOST_IDLE_WINDOWS:
            self._drop_idle_windows()
        self._admit()
        if permit.done():
            return permit.result()
        try:
            async with aside():
                await permit
        except BaseException:
            self._give_up(waiting)
            raise
        return permit.result()

    def release(
        self,
        permit: WindowPermit,
        *,
        tokens: int | None = None,
        verdict: Verdict | None = None,
        wait: float | None = None,
    ) -> None:
        """Note that a call has ended, and admit the next.

        A model that refused the call is closed for all runs. Its provider is closed, too, if it also refuses
        another model, or cannot be reached.

        Args:
            permit: the call's.
            tokens: the tokens that it used; by default its maximum.
            verdict: the provider's reaction, if known.
            wait: the pause that a refusing provider asks for, in seconds, or None.
        """
        if verdict == "answered":
            permit.provider[0].answered()
            permit.model[0].answered()
        elif verdict == "refused":
            self._close(permit.model, wait)
            if self._refuses_another(permit):
                self._close(permit.provider, wait)
        elif verdict == "unreachable":
            self._close(permit.provider, wait)
        for window, entry in (permit.provider, permit.model):
            if tokens is not None:
                entry.tokens = tokens
            if verdict == "unused":
                window.forget(entry)
            window.end()
        self._admit()

    def settled(self) -> None:
        """Note that a call is settled: its reservation may be enough for waiting calls."""
        self._settlements += 1
        if self._unpaid:
            for waiting in self._unpaid:
                self._enqueue(waiting)
            self._unpaid.clear()
            self._admit()

    def _close(self, refused: tuple[RateWindow, CallEntry], wait: float | None) -> None:
        window, entry = refused
        window.refused(entry, self._time.now(), wait, self._chance.random())

    def _refuses_another(self, permit: WindowPermit) -> bool:
        """Return whether the provider, at the same address, also refuses another model."""
        (model, _), (provider, _) = permit.model, permit.provider
        return any(
            each.model.refusals and each.model is not model
            for each in self._pairs.values()
            if each.provider is provider
        )

    def _windows_of(self, model: str, base_url: str | None) -> Windows:
        model = folded(model)
        pair = self._pairs.get((model, base_url))
        if pair is None:
            provider = self._window(model.partition(":")[0], base_url)
            pair = self._pairs[model, base_url] = Windows(provider, self._window(model, base_url))
        return pair

    def _window(self, name: str, base_url: str | None) -> RateWindow:
        window = self._windows.get((name, base_url))
        if window is None:
            window = self._windows[name, base_url] = RateWindow(name, self._rates.get(name, _UNLIMITED))
        return window

    def _drop_idle_windows(self) -> None:
        now = self._time.now()
        wanted = {*self._queues, *(waiting.windows for waiting in self._unpaid)}
        self._pairs = {
            key: windows
            for key, windows in self._pairs.items()
            if windows in wanted or not (windows.provider.is_idle(now) and windows.model.is_idle(now))
        }
        kept = {window for windows in self._pairs.values() for window in windows}
        self._windows = {key: window for key, window in self._windows.items() if window in kept}

    def _enqueue(self, waiting: _Waiting) -> None:
        heapq.heappush(self._queues.setdefault(waiting.windows, []), waiting)

    def _admit(self) -> None:
        """Admit calls that may begin; none takes the room of a call that waits ahead of it."""
        now = self._time.now()
        full: set[RateWindow] = set()
        opens = math.inf
        heads = [queue[0] for queue in self._queues.values()]
        heapq.heapify(heads)
        while heads:
            waiting = heapq.heappop(heads)
            windows = waiting.windows
            if windows.closed_until > now + PATIENCE_SECONDS:
                self._refuse_all(windows, self._clock.now() + windows.closed_until - now)
                continue
            if not waiting.permit.done():
                if not full.isdisjoint(windows):
                    continue
                times = {window: window.opens_at(now, waiting.tokens) for window in windows}
                late = [window for window, at in times.items() if at > now]
                if late:
                    full.update(late)
                    opens = min(opens, max(times.values()))
                    continue
                self._let_begin(waiting, now)
            queue = self._queues[windows]
            heapq.heappop(queue)
            if queue:
                heapq.heappush(heads, queue[0])
            else:
                del self._queues[windows]
        self._set_timer(opens)

    def _refuse_all(self, windows: Windows, until: float) -> None:
        for waiting in self._queues.pop(windows):
            if not waiting.permit.done():
                waiting.permit.set_exception(ProviderClosedError(until))

    def _let_begin(self, waiting: _Waiting, now: float) -> None:
        provider, model = [(window, window.begin(now, waiting.tokens)) for window in waiting.windows]
        waiting.permit.set_result(
            WindowPermit(QueuePosition(waiting.since, self._settlements), provider, model)
        )

    def _give_up(self, waiting: _Waiting) -> None:
        """Undo a wait ended by its caller, even if the call was just admitted."""
        permit = waiting.permit
        permit.cancel()
        if not permit.cancelled() and permit.exception() is None:
            self.release(permit.result())
        else:
            # It may have blocked others. A finished entry leaves its queue when it comes up.
            self._admit()

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at < math.inf:
            loop = asyncio.get_running_loop()
            self._timer = self._time.call_at(at, lambda: on_loop(loop, self._admit))
