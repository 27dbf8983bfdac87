"""The agents of pydantic-ai: created once per form of answer, and used by all runs."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic_ai import Agent
from pydantic_ai.capabilities import ProcessHistory
from pydantic_ai.messages import ModelMessage
from pydantic_ai.output import OutputSpec
from pydantic_ai.tools import Tool

T = TypeVar("T")

AnyFunction = Tool[None] | Callable[..., Any]

# Forms kept: a team has a handful.
MOST_KEPT = 64

CHECK: ContextVar[Callable[[Any], Awaitable[Any]] | None] = ContextVar("recursor_check", default=None)
"""Checks the running task's answers: returns them, or raises `pydantic_ai.ModelRetry`."""

SHORTEN: ContextVar[Callable[[list[ModelMessage]], list[ModelMessage]] | None] = ContextVar(
    "recursor_shorten", default=None
)
"""Shortens the running task's conversation before each request."""


@dataclass(frozen=True, slots=True)
class _Kept:
    agent: Agent[None, Any]
    made_of: tuple[object, ...]
    """Kept alive, so that nothing else can get the identity of one of them."""


class OutputAgents:
    """Belongs to one event loop.

    Creating an agent takes a third of the time of a call, because it includes the schema of its answer.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._kept: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()

    def agent_for(
        self, output: OutputSpec[T], tools: Sequence[AnyFunction], retries: int, name: str
    ) -> Agent[None, T]:
        """Return an agent that asks for `output`. Its `run` gets the model and everything else of one run.

        Args:
            output: the form of the answer.
            tools: tools for the model.
            retries: how often the model is asked again.
            name: the role.
        """
        # Not all of them can be compared or hashed, but a role's are the same objects each time.
        key = (id(output), *map(id, tools), retries, name)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Kept(_made(output, tools, retries, name), (output, *tools))
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return kept.agent


def _made(output: OutputSpec[T], tools: Sequence[AnyFunction], retries: int, name: str) -> Agent[None, T]:
    agent: Agent[None, T] = Agent(
        output_type=output,
        retries=retries,
        deps_type=type(None),
        name=name,
        tools=list(tools),
        capabilities=[ProcessHistory(_shortened)],
    )

    @agent.output_validator
    async def validate(answer: T) -> T:
        check = CHECK.get()
        return answer if check is None else await check(answer)

    return agent


async def _shortened(messages: list[ModelMessage]) -> list[ModelMessage]:
    shorten = SHORTEN.get()
    return messages if shorten is None else shorten(messages)
