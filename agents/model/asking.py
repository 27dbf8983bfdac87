"""The one function that agents call to ask a model."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.output import OutputSpec
from pydantic_ai.settings import ModelSettings as RequestSettings
from pydantic_ai.tools import Tool
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.usage import UsageLimits

from recursor.agents.model.askers import CHECK, Askers
from recursor.agents.model.counted import Asked, CountedModel
from recursor.agents.model.errands import Errands
from recursor.agents.model.exchange import Exchange, shared
from recursor.agents.model.failures import explained
from recursor.agents.model.mcp import McpServer
from recursor.agents.model.window import Room
from recursor.domain.agent import Run
from recursor.domain.graph import Usage
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError, BudgetExceededError

T = TypeVar("T")

# How often a model is asked for one answer at most, with what its tools returned and with what was wrong: one
# that has not come to an end by then goes round in circles.
MOST_TURNS = 50

AnyTool = Tool[None] | Callable[..., Any] | AbstractToolset[None] | McpServer
"""A function, a tool of pydantic-ai's, a set of them, or an MCP server."""


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """What a model came to, and what that took."""

    output: T
    usage: Usage
    """Of all calls together."""
    model: str
    """The one that answered last, as it is named in settings."""
    calls: int
    """Requests on the wire, whatever became of them."""
    passed_over: Mapping[str, str] = field(default_factory=dict)
    """Models that could not be asked at all, and why."""


def ask(
    run: Run,
    snapshot: Snapshot,
    *,
    instructions: str,
    prompt: str,
    output: OutputSpec[T],
    tools: Sequence[AnyTool] = (),
    check: Callable[[T], T] | None = None,
    room: Room | None = None,
) -> Reply[T]:
    """Ask the model of the run's role, and wait for its answer; for agents' threads.

    Args:
        run: the run that asks: its settings name the models, its meter pays, its deadline and its being
            cancelled end all calls.
        snapshot: the stack that is asked for.
        instructions: who the model is and how it works.
        prompt: what it is asked.
        output: what the answer has to be: a type, or another output of pydantic-ai's.
        tools: what the model may use meanwhile.
        check: takes an answer of that type and returns it, maybe changed; raises `pydantic_ai.ModelRetry`
            with what is wrong to have the model asked again, at most `model.retries` times. It runs on the
            calling thread.
        room: how long the answer may be, where that is less than `model.output_tokens`, and why.

    Raises:
        AgentFailedError: there is no answer; the text says why, `usage` what was spent nevertheless.
        BudgetExceededError: a budget has less left than the next call may cost.
    """
    exchange = run.models if isinstance(run.models, Exchange) else shared()
    if room is not None:
        model = run.settings.model.but(output_tokens=room.answer)
        run = replace(run, settings=run.settings.but(model=model))
    asking = _Asking(run, snapshot, instructions, prompt, output, tools, check, room)
    run.meter.begin()
    return exchange.run(run, asking.ask)


@dataclass(frozen=True, slots=True)
class _Asking(Generic[T]):
    run: Run
    snapshot: Snapshot
    instructions: str
    prompt: str
    output: OutputSpec[T]
    tools: Sequence[AnyTool]
    check: Callable[[T], T] | None
    room: Room | None

    async def ask(self, exchange: Exchange, errands: Errands) -> Reply[T]:
        asked = Asked(self.run, exchange, errands)
        tally = asked.tally
        try:
            model, toolsets = await errands.do(lambda: (self._model(exchange, asked), self._toolsets(asked)))
            answer = await self._answer(model, toolsets, exchange.askers, errands)
        except asyncio.CancelledError:
            raise AgentFailedError(asked.cut_off(), tally.usage, passes=asked.waits_in_vain) from None
        except BudgetExceededError as error:
            error.usage = tally.usage
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is: one line, and what was spent
            others = tuple(asked.passed_over.values())
            ends = None if self.room is None else self.room.ends
            raise explained(error, self.run.settings, exchange.keys, tally.usage, others, ends=ends) from None
        return Reply(answer, tally.usage, tally.model or "", tally.calls, asked.passed_over)

    async def _answer(
        self, model: Model, toolsets: Sequence[AbstractToolset[None]], askers: Askers, errands: Errands
    ) -> T:
        settings = self.run.settings.model
        request = RequestSettings(
            max_tokens=settings.output_tokens, timeout=settings.call_seconds, max_retries=0
        )
        if settings.temperature is not None:
            request["temperature"] = settings.temperature
        functions = [tool for tool in self.tools if not isinstance(tool, AbstractToolset | McpServer)]
        asker = askers.asker(self.output, functions, settings.retries, self.run.role)
        if (check := self.check) is not None:
            # For this task, and those that it begins.
            CHECK.set(lambda answer: errands.do(lambda: check(answer), whole=False))
        result = await asker.run(
            self.prompt,
            model=model,
            instructions=self.instructions,
            model_settings=request,
            toolsets=toolsets,
            usage_limits=UsageLimits(request_limit=MOST_TURNS),
        )
        return result.output

    def _model(self, exchange: Exchange, asked: Asked) -> Model:
        settings = self.run.settings.model
        usable: dict[str, Model] = {}
        for name in settings.chain_of(self.run.role):
            try:
                usable[name] = exchange.model(name, settings.base_url, load=False)
            except AgentFailedError as problem:
                if not problem.suspend:
                    raise
                # Without a key, a package or a file there is nobody to ask; others may do.
                asked.passed_over[name] = exchange.keys.scrubbed(str(problem))
        if not usable:
            raise AgentFailedError("; ".join(asked.passed_over.values()), suspend=True)
        last = list(usable)[-1]
        models = [CountedModel(model, name, asked, is_last=name == last) for name, model in usable.items()]
        return models[0] if len(models) == 1 else FallbackModel(*models)

    def _toolsets(self, asked: Asked) -> list[AbstractToolset[None]]:
        def note(doing: str) -> None:
            asked.doing = doing

        opened = (tool.opened(note) if isinstance(tool, McpServer) else tool for tool in self.tools)
        return [tool for tool in opened if isinstance(tool, AbstractToolset)]
