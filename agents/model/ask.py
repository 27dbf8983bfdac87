"""The function with which agents ask a model."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.output import OutputSpec
from pydantic_ai.settings import ModelSettings as RequestSettings
from pydantic_ai.tools import Tool
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.usage import UsageLimits

from recursor.agents.model.context_window import Room
from recursor.agents.model.exchange import Exchange, exchange_of
from recursor.agents.model.failures import explained
from recursor.agents.model.mcp import McpServer
from recursor.agents.model.metered_model import MeteredModel, RunCalls
from recursor.agents.model.output_agents import CHECK, SHORTEN
from recursor.agents.model.timing import timeout_at
from recursor.domain.agent import Run
from recursor.domain.graph import Usage
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError, BudgetExceededError

T = TypeVar("T")

# The most requests for one answer unless the role has its own limit: a run that needs more goes in circles.
MOST_TURNS = 50
# Seconds before its deadline at which a run gives up by itself, so that its spending is recorded; and the
# share of its time that this may take at most.
MARGIN_SECONDS, MARGIN_SHARE = 0.5, 0.05

AnyTool = Tool[None] | Callable[..., Any] | AbstractToolset[None] | McpServer
"""A function, a tool or a toolset of pydantic-ai, or an MCP server."""


@dataclass(frozen=True, slots=True)
class ModelReply(Generic[T]):
    """A model's answer, and its cost."""

    output: T
    usage: Usage
    """Usage of all calls together."""
    model: str
    """The model that answered last, as named in settings."""
    calls: int
    """Requests sent, whatever their results."""
    passed_over: Mapping[str, str] = field(default_factory=dict)
    """Models that could not be asked, with the reasons."""


async def ask(
    run: Run,
    snapshot: Snapshot,  # noqa: ARG001  # agents pass the snapshot that they were given
    *,
    instructions: str,
    prompt: str,
    output: OutputSpec[T],
    tools: Sequence[AnyTool] = (),
    check: Callable[[T], T] | None = None,
    room: Room | None = None,
    turns: int = MOST_TURNS,
    shorten: Callable[[list[ModelMessage]], list[ModelMessage]] | None = None,
) -> ModelReply[T]:
    """Ask the model of the run's role.

    This is a coroutine for the event loop that all runs share. A cancelled run closes its connection, counts
    its spending, and raises `asyncio.CancelledError` with its last activity.

    Args:
        run: its settings name the models, its meter pays, and its deadline ends all calls.
        snapshot: the stack for which it asks.
        instructions: the model's role and way of working.
        prompt: the question.
        output: the form of the answer: a type, or another output of pydantic-ai.
        tools: tools for the model.
        check: takes an answer of that type and returns it, possibly changed; raises `pydantic_ai.ModelRetry`
            with the problem to ask the model again, at most `model.retries` times. It may block: it runs on a
            thread.
        room: the limit of the answer, if that is less than `model.output_tokens`, and its reason.
        turns: the most requests for the answer, including tool results and corrections.
        shorten: shortens the conversation before each request; called on the event loop.

    Raises:
        AgentFailedError: there is no answer; the text gives the reason, `usage` the spending.
        BudgetExceededError: a budget has too little left for the next call.
    """
    exchange = exchange_of(run)
    if room is not None and room.answer != run.settings.model.output_tokens:
        model = run.settings.model.but(output_tokens=room.answer)
        run = replace(run, settings=run.settings.but(model=model))
    now = exchange.clock.now()
    margin = min(MARGIN_SECONDS, max(run.deadline - now, 0.0) * MARGIN_SHARE)
    asked = RunCalls(run, exchange)
    question = _Question(asked, instructions, prompt, output, tools, check, turns, shorten)
    scope: asyncio.Timeout | None = None
    try:
        with exchange.asking():
            async with timeout_at(exchange.clock, run.deadline - margin) as scope:
                return await question.answer()
    except asyncio.CancelledError:
        if not exchange.closed:
            raise asyncio.CancelledError(asked.cut_off()) from None
        raise AgentFailedError(asked.cut_off(), asked.tally.usage, passes=asked.waits_in_vain) from None
    except BudgetExceededError as error:
        error.usage = asked.tally.usage
        raise
    except Exception as error:  # noqa: BLE001  # any error becomes one line, with the spending
        if scope is not None and scope.expired() and isinstance(error, TimeoutError):
            asked.has_given_up = True
            error = AgentFailedError(asked.cut_off(), passes=asked.waits_in_vain)
        raise explained(
            error,
            run.settings,
            exchange.keys,
            asked.tally.usage,
            tuple(asked.passed_over.values()),
            ends=None if room is None else room.ends,
        ) from None


@dataclass(frozen=True, slots=True)
class _Question(Generic[T]):
    asked: RunCalls
    instructions: str
    prompt: str
    output: OutputSpec[T]
    tools: Sequence[AnyTool]
    check: Callable[[T], T] | None
    turns: int
    shorten: Callable[[list[ModelMessage]], list[ModelMessage]] | None

    async def answer(self) -> ModelReply[T]:
        asked = self.asked
        run, exchange, settings = asked.run, asked.exchange, asked.run.settings.model
        await run.meter.begin()
        model = await self._model()
        request = RequestSettings(
            max_tokens=settings.output_tokens, timeout=settings.call_seconds, max_retries=0
        )
        if settings.temperature is not None:
            request["temperature"] = settings.temperature
        functions = [tool for tool in self.tools if not isinstance(tool, AbstractToolset | McpServer)]
        agent = exchange.agents.agent_for(self.output, functions, settings.retries, run.role)
        if (check := self.check) is not None:
            # For this task and the tasks it starts.
            CHECK.set(lambda answer: exchange.call_user_code(lambda: check(answer)))
        SHORTEN.set(self.shorten)
        result = await agent.run(
            self.prompt,
            model=model,
            instructions=self.instructions,
            model_settings=request,
            toolsets=await self._toolsets(exchange),
            usage_limits=UsageLimits(request_limit=self.turns),
        )
        tally = asked.tally
        return ModelReply(result.output, tally.usage, tally.model or "", tally.calls, asked.passed_over)

    async def _model(self) -> Model:
        asked, exchange = self.asked, self.asked.exchange
        settings = asked.run.settings.model
        usable: dict[str, Model] = {}
        for name in settings.chain_of(asked.run.role):
            try:
                usable[name] = await exchange.model(name, settings.base_url, load=False)
            except AgentFailedError as problem:
                if not problem.suspend:
                    raise
                # Without a key, a package or a file it cannot be asked; other models may work.
                asked.passed_over[name] = exchange.keys.scrubbed(str(problem))
        if not usable:
            raise AgentFailedError("; ".join(asked.passed_over.values()), suspend=True)
        last = list(usable)[-1]
        models = [MeteredModel(model, name, asked, is_last=name == last) for name, model in usable.items()]
        return models[0] if len(models) == 1 else FallbackModel(*models)

    async def _toolsets(self, exchange: Exchange) -> list[AbstractToolset[None]]:
        def note(doing: str) -> None:
            self.asked.doing = doing

        toolsets = [tool for tool in self.tools if isinstance(tool, AbstractToolset)]
        if any(isinstance(tool, McpServer) for tool in self.tools):
            # It imports a package that takes a second.
            opened = await exchange.call_user_code(
                lambda: [tool.opened(note) for tool in self.tools if isinstance(tool, McpServer)]
            )
            toolsets += opened
        return toolsets
