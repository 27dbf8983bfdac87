"""One call through the gateway: admitted, paid for, passed on, and counted."""

from contextlib import nullcontext

import httpx
from pydantic_ai.usage import RequestUsage
from pydantic_core import to_json

from recursor.agents.gateway import apis
from recursor.agents.gateway.apis import APIS, Body, Name, ToldUsage
from recursor.agents.gateway.http import Headers, HttpReply, HttpRequest
from recursor.agents.gateway.upstream import Upstream
from recursor.agents.model.context_window import known_window
from recursor.agents.model.metered_model import OVERHEAD_BYTES, RunCalls
from recursor.agents.model.payment import Payment
from recursor.agents.model.provider_names import family
from recursor.agents.model.rate_limiter import Permit, ProviderClosedError, QueuePosition, Verdict
from recursor.agents.model.rate_window import seconds_to_wait
from recursor.agents.model.timing import timeout_at
from recursor.domain.errors import in_one_line
from recursor.domain.spending import AgentFailedError, BudgetHeldError

# What a client may tell the provider besides its request, and hear from it besides the answer.
_SENT = ("accept", "anthropic-beta", "anthropic-version", "content-type", "openai-beta")
_RETURNED = ("content-type", "request-id", "retry-after", "retry-after-ms", "x-request-id", "x-should-retry")

# Providers say so when they are overloaded, or have had enough requests.
_REFUSALS = frozenset({429, 503, 529})
# A provider refuses the key.
_UNAUTHORIZED = frozenset({401, 403})
# Bytes of an error that are passed on, and of a whole answer.
_MOST_ERROR, _MOST_ANSWER = 65_536, 64 * 2**20


class RefusedError(Exception):
    """A request is not passed on. The text is one line for the agent and for people."""

    def __init__(self, status: int, text: str, headers: Headers = ()) -> None:
        """Answer with this HTTP status, error and headers."""
        super().__init__(text)
        self.status, self.headers = status, headers


class GatewayCall:
    """One request of an agent."""

    def __init__(
        self,
        asked: RunCalls,
        upstream: Upstream,
        client: httpx.AsyncClient,
        name: Name,
        request: HttpRequest,
        body: Body,
    ) -> None:
        """Prepare a call.

        Args:
            asked: what the run's calls share.
            upstream: where it is sent.
            client: sends it.
            name: its API.
            request: the agent's request.
            body: its content, which becomes this call's.
        """
        self._asked, self._upstream, self._client = asked, upstream, client
        self._limiter, self._clock = asked.exchange.limiter, asked.exchange.clock
        self._api, self._request, self._body = APIS[name], request, body
        self._streams = body.get("stream") is True
        self._hides_usage = False
        self._sent = False
        self._status: int | None = None
        self._verdict: Verdict | None = None
        self._wait: float | None = None
        self.failure: AgentFailedError | None = None
        """Why a person must act, if so."""
        body["model"] = upstream.id

    async def pay_and_pass_on(self, reply: HttpReply) -> None:
        """Pass the request and its answer on when it is admitted and paid for.

        Raises:
            RefusedError: it cannot be counted, or the provider cannot be asked.
            BudgetExceededError: a budget has too little left.
            AgentFailedError: it may not be sent.
            ClientGoneError: the agent has closed the connection.
        """
        input_tokens, output_tokens = self._complete()
        turn: QueuePosition | None = None
        while True:
            payment = Payment(self._asked.run, self._upstream.model, input_tokens, output_tokens)
            if (turn := await self._try(turn, payment, reply)) is None:
                return

    async def pass_on(self, reply: HttpReply) -> None:
        """Pass a request on that costs nothing, and its answer."""
        await self._send(reply, ToldUsage(self._api.name))

    def _complete(self) -> tuple[int, int]:
        """Complete the request, and return the most tokens of its question and answer.

        Raises:
            RefusedError: they cannot be known.
        """
        settings, body = self._asked.run.settings.model, self._body
        if (problem := self._api.uncountable(body)) is not None:
            raise RefusedError(400, f"{problem}: what it costs cannot be counted: do without it")
        try:
            output_tokens = self._api.output_tokens(body, settings.output_tokens)
        except ValueError as error:
            raise RefusedError(400, str(error)) from None
        if self._api.name == "chat" and self._streams:
            options = body.get("stream_options")
            options = options if isinstance(options, dict) else {}
            self._hides_usage = not options.get("include_usage")
            body["stream_options"] = {**options, "include_usage": True}
        input_tokens = len(to_json(body)) + OVERHEAD_BYTES
        if not apis.is_bounded_by_its_size(body):
            window = settings.context_tokens or known_window(self._upstream.model)
            if window is None:
                raise RefusedError(
                    400,
                    f"images, files and references cannot be counted for {self._upstream.model}, whose "
                    "context is unknown: set model.context_tokens, or send text",
                )
            input_tokens = max(input_tokens, window)
        if self._api.name == "messages" and _shorten_caches(body):
            # What is written to a cache costs a quarter more.
            input_tokens += input_tokens // 4
        return input_tokens, output_tokens

    async def _try(
        self, turn: QueuePosition | None, payment: Payment, reply: HttpReply
    ) -> QueuePosition | None:
        """Make the call; returns the turn to come back with if other calls have reserved the budget."""
        asked, upstream = self._asked, self._upstream
        try:
            permit: Permit = await self._limiter.acquire(
                upstream.model, upstream.base_url, payment.most.tokens, asked.run.priority, nullcontext, turn
            )
        except ProviderClosedError as closed:
            wait = f"{max(closed.until - self._clock.now(), 1.0):.0f}"
            text = f"{upstream.model}: unavailable; retry in {wait} s"
            raise RefusedError(429, text, [("retry-after", wait)]) from None
        self._verdict = None
        try:
            self._insist_on_being_wanted()
            await payment.reserve()
            self._insist_on_being_wanted()
            answered = ToldUsage(self._api.name)
            try:
                await self._send(reply, answered)
            finally:
                self._count(answered, payment)
        except BudgetHeldError:
            self._verdict = "unused"
            return permit.turn
        finally:
            if not self._sent or (self._status is not None and self._status >= 300):
                payment.cost_nothing()
            asked.tally.calls += self._sent
            tokens = None if payment.spent is None else payment.spent.tokens
            self._limiter.release(permit, tokens=tokens, verdict=self._verdict, wait=self._wait)
            try:
                await payment.settle()
            finally:
                if payment.is_reserved:
                    self._limiter.settled()
        return None

    def _insist_on_being_wanted(self) -> None:
        if not self._asked.is_wanted:
            raise AgentFailedError(self._asked.cut_off())

    def _count(self, answered: ToldUsage, payment: Payment) -> None:
        """Note what a complete answer has cost; of another it is unknown, and its maximum counts."""
        if not answered.is_complete:
            return
        usage = RequestUsage()
        if answered.usage is not None:
            anthropic = self._api.name == "messages"
            usage = RequestUsage.extract(
                {"model": self._upstream.id, "usage": answered.usage},
                provider=family(self._upstream.model.partition(":")[0]),
                provider_url=self._upstream.url,
                provider_fallback="anthropic" if anthropic else "openai",
                api_flavor="default" if anthropic else self._api.name,
            )
        payment.answered(usage, self._asked.tally)

    async def _send(self, reply: HttpReply, answered: ToldUsage) -> None:
        seconds = self._asked.run.settings.model.call_seconds
        try:
            async with timeout_at(self._clock, self._clock.now() + seconds):
                await self._exchange(reply, answered)
        except TimeoutError:
            self._break_off(reply, 504, f"no whole answer within model.call_seconds = {seconds:g}")
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            self._sent, self._verdict = False, "unreachable"
            raise RefusedError(502, f"{self._upstream.model}: cannot be reached ({error})") from None
        except httpx.HTTPError as error:
            self._break_off(reply, 502, f"the answer broke off ({in_one_line(error)})")

    def _break_off(self, reply: HttpReply, status: int, text: str) -> None:
        """Say that there will be no whole answer, where the client looks for it."""
        line = f"{self._upstream.model}: {text}"
        if not reply.has_begun:
            raise RefusedError(status, line)
        if self._streams:
            reply.last(apis.error_event(self._api.name, status, line))

    async def _exchange(self, reply: HttpReply, answered: ToldUsage) -> None:
        """Send the request, and return its answer as it comes."""
        request, path = self._request, self._api.path
        if request.path.endswith("/count_tokens"):
            path += "/count_tokens"
        query = f"?{request.query}" if request.query else ""
        sent = {name: request.headers[name] for name in _SENT if name in request.headers}
        headers = {"anthropic-version": "2023-06-01"} if self._api.name == "messages" else {}
        headers |= {"content-type": "application/json", **sent, "accept-encoding": "identity"}
        self._sent = True
        async with self._client.stream(
            "POST",
            f"{self._upstream.url}{path}{query}",
            content=to_json(self._body),
            headers={**headers, **self._upstream.headers},
        ) as response:
            self._status = response.status_code
            returned = [(name, response.headers[name]) for name in _RETURNED if name in response.headers]
            if response.status_code >= 300:
                await self._refused(reply, response, returned)
            elif response.headers.get("content-type", "").startswith("text/event-stream"):
                await self._stream(reply, response, returned, answered)
            else:
                body = await _read(response, _MOST_ANSWER)
                answered.whole(body)
                self._verdict = "answered"
                await reply.whole(response.status_code, returned, body)

    async def _stream(
        self, reply: HttpReply, response: httpx.Response, headers: Headers, answered: ToldUsage
    ) -> None:
        self._verdict = "answered"
        await reply.begin(response.status_code, headers)
        async for chunk in response.aiter_bytes():
            events = answered.events(chunk)
            shown = [event for event in events if not (self._hides_usage and apis.is_only_usage(event))]
            await reply.part(b"".join(shown))
        await reply.part(answered.rest)
        if not answered.is_complete:
            raise httpx.ReadError("the answer ended before its end")
        await reply.end()

    async def _refused(self, reply: HttpReply, response: httpx.Response, headers: Headers) -> None:
        keys, status = self._asked.exchange.keys, response.status_code
        text = keys.scrubbed((await _read(response, _MOST_ERROR)).decode(errors="replace"))
        if status in _REFUSALS:
            self._verdict = "refused"
            self._wait = seconds_to_wait(response.headers.get("retry-after"), None, self._clock.now())
        if status < 400:
            raise RefusedError(
                502, f"{self._upstream.model}: HTTP {status}: it has moved: correct its address"
            )
        if status in _UNAUTHORIZED:
            keys.forget(self._upstream.model.partition(":")[0])
            said = " ".join(text.split())[:200]
            self.failure = AgentFailedError(f"{self._upstream.model}: HTTP {status}: {said}", suspend=True)
        await reply.whole(status, headers, text.encode())


async def _read(response: httpx.Response, most: int) -> bytes:
    """Return the body of a response, or as much of it."""
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        parts.append(part[: most - size])
        size += len(parts[-1])
        if size == most:
            break
    return b"".join(parts)


def _shorten_caches(body: Body) -> bool:
    """Let caches last for five minutes, and return whether there are any."""
    found = False
    waiting: list[object] = [body]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if isinstance(cache := each.get("cache_control"), dict):
                cache.pop("ttl", None)
                found = True
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return found
