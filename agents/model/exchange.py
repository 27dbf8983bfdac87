"""The resources that all model calls share: connections, rates, keys, and the models themselves."""

import asyncio
import functools
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from recursor.agents.model.addresses import ModelAddresses
from recursor.agents.model.blocking import BlockingCalls
from recursor.agents.model.keys import Keys
from recursor.agents.model.local_models import LocalServers
from recursor.agents.model.provider_names import all_rates, family, is_local
from recursor.agents.model.rate_limiter import Limiter, RateLimiter
from recursor.agents.model.timing import LoopClock
from recursor.domain.agent import Run
from recursor.domain.errors import InvalidInputError
from recursor.domain.rates import Rates
from recursor.domain.spending import AgentFailedError
from recursor.runtime.clock import Clock

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from recursor.agents.model.connections import Connections
    from recursor.agents.model.output_agents import OutputAgents

T = TypeVar("T")

ENDING = "the runner is ending: models are no longer asked"
# Seconds that cancelled calls may take to count their spending.
CLOSE_SECONDS = 3.0
# The most concurrent user functions, besides coroutines.
MOST_USER_CALLS = 8
# The most concurrent lookups of models and keys: a keyring may wait for a person, a file for its disk.
MOST_LOADING = 4
# Seconds between lookups of a missing key for a server that is asked without one.
LOOK_FOR_KEY_SECONDS = 30.0
# Models kept for the next run: each address and each key makes others.
MOST_MODELS = 256
# No address: the model is in a file that is not served yet.
UNLOADED = "http://not-loaded.invalid/v1"

_ModelKey = tuple[str, str | None, str | None]


@dataclass(slots=True)
class _Opened:
    """Resources created with the first model."""

    connections: "Connections"
    agents: "OutputAgents"
    closing: AsyncGenerator[None, None] | None = None
    """Closes the connections when it is closed; the loop also does so at its end."""


@dataclass(slots=True)
class _OnLoop:
    """Resources of one event loop."""

    loop: asyncio.AbstractEventLoop
    opened: _Opened | None = None
    models: dict[_ModelKey, "Model"] = field(default_factory=dict)
    looked_for_key: dict[str, float] = field(default_factory=dict)
    """When the keyring was last asked, by provider: in seconds of the loop's clock."""
    loading: BlockingCalls = field(default_factory=lambda: BlockingCalls(MOST_LOADING, "recursor-loading"))
    user_code: BlockingCalls = field(default_factory=lambda: BlockingCalls(MOST_USER_CALLS, "recursor-code"))
    making: asyncio.Lock = field(default_factory=asyncio.Lock)
    loading_file: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def open(self) -> _Opened:
        """Return the resources created with the first model."""
        if self.opened is None:
            opened = await self.loading.call(_opened)
            opened.closing = _closing(opened.connections)
            await anext(opened.closing)
            self.opened = opened
        return self.opened

    async def close(self) -> None:
        """Close the connections."""
        if self.opened is not None and self.opened.closing is not None:
            await self.opened.closing.aclose()

    def end_threads(self) -> None:
        """End the threads when they are idle."""
        self.loading.close()
        self.user_code.close()


def _opened() -> _Opened:
    # Importing them takes a second.
    from recursor.agents.model.connections import Connections
    from recursor.agents.model.output_agents import OutputAgents

    return _Opened(Connections(), OutputAgents())


async def _closing(connections: "Connections") -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await connections.close()


class Exchange:
    """A `recursor.domain.agent.Models`: one for an orchestrator, used on the event loop that its runs share.

    It connects at the first call. After its loop has ended, it can be used on another.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        rates: Rates | None = None,
        limiter: Limiter[Any] | None = None,
        addresses: ModelAddresses | None = None,
    ) -> None:
        """Create an exchange.

        Args:
            clock: the time; by default the machine's.
            rates: the rate limits.
            limiter: admits calls, instead of `rates`.
            addresses: the allowed addresses for models; None: any, for programs that set the addresses
                themselves.
        """
        self.addresses = addresses
        self.clock: Clock = clock or LoopClock()
        self.keys = Keys()
        self.limiter: Limiter[Any] = limiter or RateLimiter(rates or {}, self.clock)
        self._local = LocalServers(all_rates(rates or {})["local"].concurrent or 1)
        self._bound: _OnLoop | None = None
        self._asking: dict[object, asyncio.Task[Any]] = {}
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._closed

    @property
    def agents(self) -> "OutputAgents":
        """The agents of pydantic-ai, by the form of the answer; None until there is a model."""
        opened = self._on_loop().opened
        assert opened is not None
        return opened.agents

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Cancel the running task if the exchange is closed within the block.

        Raises:
            AgentFailedError: the exchange is closed.
        """
        if self._closed:
            raise AgentFailedError(ENDING)
        task, key = asyncio.current_task(), object()
        assert task is not None
        self._asking[key] = task
        try:
            yield
        finally:
            del self._asking[key]

    async def call_user_code(self, function: Callable[[], T]) -> T:
        """Return the result of a function that may block: it is called on a thread."""
        return await self._on_loop().user_code.call(function)

    async def load(self, function: Callable[[], T]) -> T:
        """Return the result of one of our functions that blocks for long, such as an import."""
        return await self._on_loop().loading.call(function)

    async def model(self, name: str, base_url: str | None, *, load: bool = True) -> "Model":
        """Return the model named `name`; see `model_named`.

        A model in a file is loaded, unless that is postponed; then it does not answer yet.
        """
        bound = self._on_loop()
        if is_local(name):
            # One thread waits for a file, however many runs do.
            async with bound.loading_file[name]:
                base_url = await bound.loading.call(lambda: self._address_of_file(name, load=load))
        provider = name.partition(":")[0]
        if base_url is not None and self.addresses is not None and family(provider) == "openai":
            try:
                self.addresses.check(base_url)
            except InvalidInputError as error:
                raise AgentFailedError(f"{name}: {error}", suspend=True) from None
            if not self.addresses.takes_key(base_url):
                return await self._made_once(bound, (name, base_url, None))
        key = self.keys.known(provider)
        if key is None and not is_local(name):
            keyless = bound.models.get((name, base_url, None))
            now, looked = bound.loop.time(), bound.looked_for_key.get(provider)
            if keyless is not None and looked is not None and now < looked + LOOK_FOR_KEY_SECONDS:
                return keyless
            key = await bound.loading.call(lambda: self.keys.of(provider))
            bound.looked_for_key[provider] = now
        # A changed key makes another model.
        return await self._made_once(bound, (name, base_url, key))

    async def _made_once(self, bound: _OnLoop, known: _ModelKey) -> "Model":
        if known not in bound.models:
            # One at a time: of runs that begin together, one makes it for all.
            async with bound.making:
                if known not in bound.models:
                    opened = await bound.open()
                    made = await bound.loading.call(lambda: self._made(known, opened.connections))
                    bound.models[known] = made
                    if len(bound.models) > MOST_MODELS:
                        # Dropped models share their connections, and are made again when needed.
                        del bound.models[next(iter(bound.models))]
                    return made
        return bound.models[known]

    async def aclose(self) -> None:
        """Cancel all calls and close all connections. The exchange cannot be used again."""
        self._closed = True
        tasks = set(self._asking.values()) - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        bound, self._bound = self._bound, None
        if bound is not None:
            await bound.close()
            await asyncio.to_thread(self._local.close)
            bound.end_threads()

    def _on_loop(self) -> _OnLoop:
        loop = asyncio.get_running_loop()
        bound = self._bound
        if bound is None or bound.loop is not loop:
            if self._closed:
                raise AgentFailedError(ENDING)
            if bound is not None:
                if not bound.loop.is_closed():
                    raise RuntimeError("an Exchange is used on one event loop at a time: make another one")
                bound.end_threads()
            bound = self._bound = _OnLoop(loop)
        return bound

    def _address_of_file(self, name: str, *, load: bool) -> str:
        if load:
            return self._local.url(name)
        self._local.check(name)
        return UNLOADED

    def _made(self, known: _ModelKey, connections: "Connections") -> "Model":
        # Importing providers' SDKs takes long.
        from recursor.agents.model.providers import model_named
        from recursor.agents.model.schemas import remember_schemas

        model = model_named(*known, connections)
        remember_schemas(model)
        return model


@functools.cache
def shared() -> Exchange:
    """Return the exchange for runs without an orchestrator."""
    return Exchange()


def exchange_of(run: Run) -> Exchange:
    """Return a run's exchange."""
    return run.models if isinstance(run.models, Exchange) else shared()
