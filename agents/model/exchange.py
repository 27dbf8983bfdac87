"""The event loop that all calls of models run on, with the connections they share."""

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from recursor.agents.model.clock import Clock, LoopClock, on_loop
from recursor.agents.model.errands import Errands
from recursor.agents.model.keys import Keys
from recursor.agents.model.local import LocalServers
from recursor.agents.model.traffic import Line, Traffic
from recursor.agents.model.whom import all_rates, is_local
from recursor.domain.agent import Run
from recursor.domain.rates import Rates
from recursor.domain.spending import AgentFailedError

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from recursor.agents.model.askers import Askers

T = TypeVar("T")

ENDING = "the runner is ending: no model is asked any more"
# How often to look whether runs are still wanted, in seconds: once for all, and only while there are any.
LOOK_SECONDS = 0.05
# How long before its deadline a run gives up by itself, in seconds: what it spent is recorded then.
MARGIN_SECONDS = 0.5
# How long a cancelled run may take to close its connection, in seconds, before it is cancelled once more.
AGAIN_SECONDS = 2.0
# How long what was cut off may take to count what it spent, in seconds.
CLOSE_SECONDS = 5.0
# Models that are kept for the next run: each address and each key makes others.
MOST_MODELS = 256
# No address: of a model in a file that is not served yet.
UNLOADED = "http://not-loaded.invalid/v1"


class Exchange:
    """A `recursor.domain.agent.Models`: one for an orchestrator, begun with the first call."""

    def __init__(
        self, clock: Clock | None = None, rates: Rates | None = None, line: Line[Any] | None = None
    ) -> None:
        """Ask models by the time of `clock`, or of the machine, and as often as `rates` allow.

        Calls wait in `line` instead, if that is given.
        """
        self._lock = threading.Lock()
        # Another one, as keys, addresses and packages may be long in coming, and the loop needs the first.
        self._making = threading.Lock()
        self._given_clock = clock
        self._rates = all_rates(rates or {})
        self._local = LocalServers(self._rates["local"].concurrent or 1)
        self._line = line
        self._started: _Started | None = None
        self._closed = False
        self.keys = Keys()

    def run(self, run: Run, work: Callable[["Exchange", Errands], Coroutine[Any, Any, T]]) -> T:
        """Have `work` done on the loop; its errands are done by the calling thread, which waits.

        It is cancelled when the run is cancelled or has reached its deadline, or the exchange is closed.
        """
        started = self._start()
        errands = Errands(started.loop)
        future = started.submit(run, lambda: work(self, errands))
        future.add_done_callback(lambda _: errands.close())
        errands.serve()
        return future.result()

    @property
    def clock(self) -> Clock:
        """The time that calls are made by."""
        return self._start().clock

    @property
    def traffic(self) -> Traffic:
        """The line that all calls wait in; for the loop's thread only."""
        return self._start().traffic

    @property
    def line(self) -> Line[Any]:
        """What the calls of this process wait in: the traffic, or what leads to that of another."""
        return self._line or self.traffic

    def soon(self, work: Callable[[], object]) -> None:
        """Have `work` called on the loop, for whoever asks in another process; not at all, at the end."""
        with contextlib.suppress(AgentFailedError):
            on_loop(self._start().loop, work)

    @property
    def askers(self) -> "Askers":
        """What asks, by the form of the answer; for the loop's thread only."""
        return self._start().askers

    def model(self, name: str, base_url: str | None, *, load: bool = True) -> "Model":
        """Return the model that people call `name`; see `model_named`. It may block.

        One in a file is loaded, unless that is left for later; then there is nobody yet who answers.
        """
        # Those take a second to import, which whoever asks no model is not to wait for.
        from recursor.agents.model.providers import model_named
        from recursor.agents.model.schemas import remember_schemas

        started = self._start()
        if is_local(name):
            self._local.check(name)
            base_url = self._local.url(name) if load else UNLOADED
        # A key that has changed since makes another model.
        known = (name, base_url, self.keys.of(name.partition(":")[0]))
        with self._making:
            model = started.models.get(known)
            if model is None:
                model = model_named(name, base_url, self.keys, started.connections)
                remember_schemas(model)
                started.models[known] = model
                if len(started.models) > MOST_MODELS:
                    # They share their connections, and are made again when they are asked again.
                    del started.models[next(iter(started.models))]
            return model

    @property
    def closed(self) -> bool:
        """Whether it may be used no more."""
        return self._closed

    def close(self) -> None:
        """Cancel all calls, close all connections, and end the thread. It may be used no more."""
        with self._lock:
            self._closed = True
            started, self._started = self._started, None
        if started is not None:
            started.close()
        self._local.close()

    def _start(self) -> "_Started":
        with self._lock:
            if self._closed:
                raise AgentFailedError(ENDING)
            if self._started is None:
                self._started = _Started(self._given_clock, self._rates)
            return self._started


@dataclass(slots=True)
class _Watched:
    """A run that is being asked for, and until when."""

    run: Run
    deadline: float
    next_cancel: float = 0.0


class _Started:
    """What an exchange has from its first call on."""

    def __init__(self, clock: Clock | None, rates: Rates) -> None:
        from recursor.agents.model.askers import Askers
        from recursor.agents.model.wire import Connections

        self.loop = asyncio.new_event_loop()
        self.clock: Clock = clock or LoopClock(self.loop)
        self.traffic = Traffic(rates, self.clock)
        self.connections = Connections()
        self.askers = Askers()
        self.models: dict[tuple[str, str | None, str | None], Model] = {}
        self._watched: dict[asyncio.Task[Any], _Watched] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._asking: set[Future[Any]] = set()
        self._submitting = threading.Lock()
        self._ending = False
        # A daemon: a program that forgets to close it can still end.
        self._thread = threading.Thread(target=self._serve, name="recursor-models", daemon=True)
        self._thread.start()

    def submit(self, run: Run, work: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        # What is submitted before the loop is stopped has begun by then, and is cut off like the rest.
        with self._submitting:
            if self._ending:
                raise AgentFailedError(ENDING)
            future = asyncio.run_coroutine_threadsafe(self._watch(run, work), self.loop)
            self._asking.add(future)
            future.add_done_callback(self._asking.discard)
            return future

    def close(self) -> None:
        with self._submitting:
            self._ending = True
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            self.traffic.close()
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            if left:
                self.loop.run_until_complete(asyncio.wait(left, timeout=CLOSE_SECONDS))
            self.loop.run_until_complete(self.connections.close())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            # What is left now, in spite of all, is anybody's code that does not let go.
            self.loop.set_exception_handler(lambda _loop, _context: None)
        finally:
            self.loop.close()
            for future in list(self._asking):
                future.set_exception(AgentFailedError(ENDING))

    async def _watch(self, run: Run, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        task = asyncio.current_task()
        assert task is not None
        left = run.deadline - self.clock.now()
        self._watched[task] = _Watched(run, run.deadline - min(MARGIN_SECONDS, left / 20))
        if self._watcher is None:
            self._watcher = self.loop.create_task(self._look())
        try:
            return await work()
        finally:
            del self._watched[task]

    async def _look(self) -> None:
        while self._watched:
            now = self.clock.now()
            for task, watched in self._watched.items():
                unwanted = watched.run.cancelled.is_set() or now >= watched.deadline
                if unwanted and self.loop.time() >= watched.next_cancel:
                    watched.next_cancel = self.loop.time() + AGAIN_SECONDS
                    task.cancel()
            await asyncio.sleep(LOOK_SECONDS)
        self._watcher = None


@functools.cache
def shared() -> Exchange:
    """Return the exchange of runs that belong to no orchestrator."""
    return Exchange()
