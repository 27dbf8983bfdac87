"""The asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from recursor.client import commands, questions
from recursor.client.call import Call, Operation
from recursor.client.endpoint import Endpoint
from recursor.client.event_stream import RETRY_SECONDS, SILENCE_SECONDS, EventStream, ToldEvent
from recursor.client.http import httpx
from recursor.client.route import AskHere, AskRunner, Pause, Step, Target
from recursor.runner.errors import RunnerSilentError

if TYPE_CHECKING:
    from recursor.runner.configuration import Configuration

P = ParamSpec("P")
T = TypeVar("T")


def _asks(
    operation: Callable[P, Operation[T]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """Return a method that executes an operation."""

    @wraps(operation)
    async def method(client: AsyncClient, /, *args: P.args, **options: P.kwargs) -> T:
        return await client._carry_out(operation(*args, **options))

    return method


class AsyncClient:
    """Talks to the runner of a data directory, or to one at a URL.

    For a data directory without a runner, the same API answers in this process. Commands then lock the
    directory until they are done, so that no runner starts meanwhile.

    Use it on one event loop, and close it, or use it in an `async with` block.

    Example:
        async with AsyncClient("https://recursor.example", token=secret) as client:
            made = await client.create("habits", idea="a habit tracker", start=True)
            async for told in client.events(made.id):
                print(told.kind)
    """

    def __init__(
        self,
        where: str | Path | Endpoint = ".recursor",
        *,
        token: str | None = None,
        configuration: Configuration | None = None,
    ) -> None:
        """Prepare the client; nothing is sent yet. For arguments and errors see `Endpoint`."""
        self.endpoint = where if isinstance(where, Endpoint) else Endpoint(where, token, configuration)
        self._held = AsyncExitStack()
        self._connections: dict[Target, httpx.AsyncClient] = {}
        self._here = asyncio.Lock()

    stacks_page = _asks(questions.stacks_page)
    stacks = _asks(questions.stacks)
    stack = _asks(questions.stack)
    status = _asks(questions.status)
    agents = _asks(questions.agents)
    idea = _asks(questions.idea)
    work = _asks(questions.work)
    todos = _asks(questions.todos)
    todo = _asks(questions.todo)
    open_approvals = _asks(questions.open_approvals)
    approvals = _asks(questions.approvals)
    workspace = _asks(questions.workspace)
    files = _asks(questions.files)
    file = _asks(questions.file)
    commits = _asks(questions.commits)
    diff = _asks(questions.diff)
    proposals = _asks(questions.proposals)
    user_messages = _asks(questions.user_messages)
    user_message = _asks(questions.user_message)
    messages = _asks(questions.messages)
    artifacts = _asks(questions.artifacts)
    artifact = _asks(questions.artifact)
    executions = _asks(questions.executions)
    execution = _asks(questions.execution)
    graphs = _asks(questions.graphs)
    traces = _asks(questions.traces)
    stats = _asks(questions.stats)
    totals = _asks(questions.totals)
    series = _asks(questions.series)
    budget = _asks(questions.budget)
    stack_budget = _asks(questions.stack_budget)
    diagnosis = _asks(questions.diagnosis)
    condition = _asks(questions.condition)
    logs = _asks(questions.logs)
    sql = _asks(questions.sql)
    sql_tables = _asks(questions.sql_tables)

    create = _asks(commands.create)
    start = _asks(commands.start)
    pause = _asks(commands.pause)
    resume = _asks(commands.resume)
    stop = _asks(commands.stop)
    control = _asks(commands.control)
    rename = _asks(commands.rename)
    configure = _asks(commands.configure)
    delete = _asks(commands.delete)
    set_idea = _asks(commands.set_idea)
    add_todo = _asks(commands.add_todo)
    edit_todo = _asks(commands.edit_todo)
    cancel_todo = _asks(commands.cancel_todo)
    answer_approval = _asks(commands.answer_approval)
    take_pull = _asks(commands.take_pull)
    send_user_message = _asks(commands.send_user_message)
    send_message = _asks(commands.send_message)
    limit_all = _asks(commands.limit_all)
    prune = _asks(commands.prune)
    repair = _asks(commands.repair)
    prune_broadcasts = _asks(commands.prune_broadcasts)

    async def events(
        self,
        stack: str | None = None,
        *,
        kinds: tuple[str, ...] = (),
        after: str | None = None,
        on_silence: Callable[[str], object] | None = None,
    ) -> AsyncIterator[ToldEvent]:
        """Yield events as they happen, without end.

        Args:
            stack: only events of this stack.
            kinds: only events of these kinds; empty for all.
            after: the id of the last known event; by default, the next event is the first.
            on_silence: called with the reason, once each time the runner falls silent; the client then
                retries, because a runner may be restarted. None: RunnerSilentError is raised instead.

        Raises:
            RunnerSilentError: no runner sends events.
            NotFoundError: the stack does not exist, or was deleted meanwhile.
        """
        from httpx_sse import EventSource

        stream = EventStream(stack, kinds, after)
        while True:
            try:
                async with self._stream(stream) as response:
                    async for message in EventSource(response).aiter_sse():
                        told = stream.take(message)
                        if told is not None:
                            yield told
                            stream.check(told)
                raise RunnerSilentError("the runner has ended the stream of events")
            except RunnerSilentError as error:
                stream.fail(error, on_silence)
            await asyncio.sleep(RETRY_SECONDS)

    async def _carry_out(self, operation: Operation[T]) -> T:
        """Execute an operation, and return its result."""
        try:
            call = next(operation)
            while True:
                answer = await self._ask(call)
                try:
                    call = operation.send(answer.content)
                except (ValueError, TypeError, LookupError) as error:
                    raise self.endpoint.not_understood(answer) from error
        except StopIteration as done:
            found: T = done.value
            return found

    async def close(self) -> None:
        """Release all resources. Closing twice is fine."""
        await self._held.aclose()
        self._connections.clear()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(self, call: Call) -> httpx.Response:
        steps = self.endpoint.route.steps(call)
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._do(step, call))
        except StopIteration as done:
            answer: httpx.Response = done.value
            return answer

    async def _do(self, step: Step, call: Call) -> httpx.Response | Exception | None:
        match step:
            case AskRunner(target, seconds):
                try:
                    connection = await self._connection(target)
                    return await connection.send(
                        connection.build_request(
                            call.method, target.url + call.path, content=call.content, timeout=seconds
                        )
                    )
                except httpx.TransportError as error:
                    return error
            case AskHere():
                request = httpx.Request(
                    call.method,
                    "http://localhost" + call.path,
                    headers=self.endpoint.headers(),
                    content=call.content,
                )
                async with self._here:
                    return await self.endpoint.own.answer(request)
            case Pause(seconds):
                await asyncio.sleep(seconds)
        return None

    async def _connection(self, target: Target) -> httpx.AsyncClient:
        found = self._connections.get(target)
        if found is None:
            transport = httpx.AsyncHTTPTransport(
                uds=target.socket, verify=self.endpoint.trust(target), retries=1
            )
            found = httpx.AsyncClient(transport=transport, headers=self.endpoint.headers())
            self._connections[target] = await self._held.enter_async_context(found)
        return found

    @asynccontextmanager
    async def _stream(self, stream: EventStream) -> AsyncGenerator[httpx.Response]:
        target = self.endpoint.route.target()
        connection = await self._connection(target)
        headers = {"accept": "text/event-stream", **stream.headers}
        try:
            async with connection.stream(
                "GET", target.url + stream.path, headers=headers, timeout=SILENCE_SECONDS
            ) as response:
                if not response.is_success:
                    await response.aread()
                self.endpoint.check_stream(response)
                yield response
        except httpx.TransportError as error:
            raise self.endpoint.route.failure(target, error, SILENCE_SECONDS) from error
