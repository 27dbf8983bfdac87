"""The gateway of one run: an agent's own client asks the run's model through it.

The agent gets an address and a token that are good for this run alone, and no key. Each call is admitted by
the rates that all calls of the provider share; its maximum cost is reserved before it is sent; and what the
answer says it has cost is settled. Requests and answers pass as they are, with these exceptions:

- The model is the run's, whichever the request names: a person chose it, and its price is known.
- A request without a limit of its answer gets `model.output_tokens`.
- A stream of chat completions is asked to say what it has used; a client that did not ask does not see it.
- A cache that would last for an hour lasts for five minutes, whose price is known.

What cannot be counted is refused: tools that the provider runs, work that goes on after the answer, answers
that are fetched later. Images and references count as a whole context.
"""

import asyncio
import hmac
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Self, TypeVar

import httpx
from pydantic_core import from_json, to_json

from recursor.agents.gateway import apis
from recursor.agents.gateway.call import GatewayCall, RefusedError
from recursor.agents.gateway.http import ClientGoneError, HttpReply, HttpRequest, HttpServer
from recursor.agents.gateway.upstream import Upstream, upstream_of
from recursor.agents.model.exchange import exchange_of
from recursor.agents.model.metered_model import RunCalls
from recursor.domain.agent import Run
from recursor.domain.errors import in_one_line
from recursor.domain.graph import Usage
from recursor.domain.spending import AgentFailedError, BudgetExceededError

T = TypeVar("T")

logger = logging.getLogger("recursor.agents")

_JSON = ("content-type", "application/json")


class Gateway:
    """Answers the calls of one run."""

    def __init__(self, run: Run, upstream: Upstream) -> None:
        """Use `opened`."""
        self._run, self._upstream = run, upstream
        self._asked = RunCalls(run, exchange_of(run))
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(None, connect=5), follow_redirects=False)
        self._begun: asyncio.Task[None] | None = None
        self._failed: asyncio.Future[AgentFailedError | BudgetExceededError] = (
            asyncio.get_running_loop().create_future()
        )
        self.token = secrets.token_urlsafe(32)
        """What clients use as their key."""

    @classmethod
    @asynccontextmanager
    async def opened(cls, run: Run, listener: socket.socket) -> AsyncIterator[Self]:
        """Answer calls until the end of the block, when those that are under way are cut off and settled.

        Args:
            run: it pays, and its settings name the model.
            listener: a listening socket, which is closed at the end; see `http.listening`.

        Raises:
            AgentFailedError: the run's model cannot be asked.
        """
        exchange = exchange_of(run)
        try:
            gateway = cls(run, await upstream_of(run, exchange))
        except BaseException:
            listener.close()
            raise
        async with gateway._client, HttpServer(listener, gateway._answer, exchange.clock):
            yield gateway

    @property
    def usage(self) -> Usage:
        """What providers have reported for the run so far."""
        return self._asked.tally.usage

    @property
    def model(self) -> str:
        """The provider's name for the model that answers."""
        return self._upstream.id

    @property
    def speaks_anthropic(self) -> bool:
        """Whether the model is asked in Anthropic's format; otherwise in OpenAI's."""
        return "messages" in self._upstream.apis

    def variables(self, address: str) -> dict[str, str]:
        """Return the environment in which common clients of models find the gateway.

        Args:
            address: where they reach it: "http://127.0.0.1:PORT"; in the sandbox, that of
                `recursor.workspaces.sandbox.bubblewrap.PORT`.
        """
        if self.speaks_anthropic:
            return {"ANTHROPIC_BASE_URL": address, "ANTHROPIC_API_KEY": self.token}
        return {"OPENAI_BASE_URL": f"{address}/v1", "OPENAI_API_KEY": self.token}

    async def guard(self, work: Awaitable[T]) -> T:
        """Return the result of an agent's work, or end it as soon as a call has failed for good.

        Raises:
            BudgetExceededError: a budget has too little left.
            AgentFailedError: a person must act, or the run may ask no more.
        """
        working = asyncio.ensure_future(work)
        try:
            await asyncio.wait((working, self._failed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not working.done():
                working.cancel()
                await asyncio.wait((working,))
        if self._failed.done():
            # Its error, if any, is a consequence of this one.
            _ = working.cancelled() or working.exception()
            failure = self._failed.result()
            failure.usage = self.usage
            raise failure
        return working.result()

    async def _answer(self, request: HttpRequest, reply: HttpReply) -> None:
        anthropic = apis.speaks_anthropic(request.path, request.headers)
        try:
            await self._route(request, reply, anthropic=anthropic)
        except RefusedError as refused:
            body = apis.error(anthropic, refused.status, str(refused))
            await reply.whole(refused.status, [_JSON, *refused.headers], body)
        except BudgetExceededError as error:
            try:
                await reply.whole(402, [_JSON], apis.error(anthropic, 402, str(error)))
            finally:
                self._fail(error)
        except AgentFailedError as error:
            text = self._asked.exchange.keys.scrubbed(str(error))
            try:
                await reply.whole(503, [_JSON], apis.error(anthropic, 503, text))
            finally:
                if error.suspend:
                    self._fail(error)
        except ClientGoneError:
            raise
        except Exception as error:
            logger.exception("gateway: a call of %s failed", self._upstream.model)
            if not reply.has_begun:
                await reply.whole(500, [_JSON], apis.error(anthropic, 500, in_one_line(error)))

    def _fail(self, error: AgentFailedError | BudgetExceededError) -> None:
        if not self._failed.done():
            self._failed.set_result(error)

    async def _route(self, request: HttpRequest, reply: HttpReply, *, anthropic: bool) -> None:
        self._check_token(request)
        path = request.path.removeprefix("/v1")
        if request.method == "GET" and path in ("/models", f"/models/{self.model}"):
            await reply.whole(200, [_JSON], self._models(anthropic=anthropic, all_=path == "/models"))
            return
        counts = path == "/messages/count_tokens"
        name = "messages" if counts else apis.api_of(request.path)
        if request.method != "POST" or name is None:
            raise RefusedError(
                404, f"{request.method} {request.path[:100]}: cannot be counted, and is not served"
            )
        if name not in self._upstream.apis:
            other = "OpenAI's" if "chat" in self._upstream.apis else "Anthropic's"
            raise RefusedError(
                400,
                f"{self._upstream.model} is asked in {other} format: use that, or set another model.roles",
            )
        call = GatewayCall(self._asked, self._upstream, self._client, name, request, _object(request.body))
        with self._asked.exchange.asking():
            if counts:
                await call.pass_on(reply)
            else:
                await self._begin()
                await call.pay_and_pass_on(reply)
        if call.failure is not None:
            self._fail(call.failure)

    def _check_token(self, request: HttpRequest) -> None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        given = request.headers.get("x-api-key") or bearer
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            raise RefusedError(401, "wrong token: use the one that this run was given")

    async def _begin(self) -> None:
        """Count the run as one that calls a model, once."""
        if self._begun is None:
            self._begun = asyncio.ensure_future(self._run.meter.begin())
        await asyncio.shield(self._begun)

    def _models(self, *, anthropic: bool, all_: bool) -> bytes:
        if anthropic:
            model: apis.Body = {"type": "model", "id": self.model, "display_name": self.model}
            model["created_at"] = "1970-01-01T00:00:00Z"
            listed: apis.Body = {"data": [model], "has_more": False}
            listed |= {"first_id": self.model, "last_id": self.model}
        else:
            provider = self._upstream.model.partition(":")[0]
            model = {"id": self.model, "object": "model", "created": 0, "owned_by": provider}
            listed = {"object": "list", "data": [model]}
        return to_json(listed if all_ else model)


def _object(body: bytes) -> apis.Body:
    try:
        content = from_json(body)
    except ValueError:
        raise RefusedError(400, "the request is not JSON") from None
    if not isinstance(content, dict):
        raise RefusedError(400, "the request is not a JSON object")
    return content
