"""The agents of pydantic-ai: made once for each form of answer, and used by all runs."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic_ai import Agent
from pydantic_ai.output import OutputSpec
from pydantic_ai.tools import Tool

T = TypeVar("T")

AnyFunction = Tool[None] | Callable[..., Any]

# Forms that are kept: a team has a handful.
MOST_KEPT = 64

CHECK: ContextVar[Callable[[Any], Awaitable[Any]] | None] = ContextVar("recursor_check", default=None)
"""Checks the answers of the running task: returns them, or raises `pydantic_ai.ModelRetry`."""


@dataclass(frozen=True, slots=True)
class _Kept:
    agent: Agent[None, Any]
    made_of: tuple[object, ...]
    """Kept with it, so that nothing else can have the identity of one of them."""


class OutputAgents:
    """Belongs to one event loop.

    To make an agent takes a third of what a call takes, as the schema of its answer is made with it.
    """

    def __init__(self) -> None:
        """Have none yet."""
        self._kept: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()

    def agent_for(
        self, output: OutputSpec[T], tools: Sequence[AnyFunction], retries: int, name: str
    ) -> Agent[None, T]:
        """Return an agent that asks for `output`. The model and all else of one run is given to its `run`.

        Args:
            output: what the answer has to be.
            tools: what the model may use meanwhile.
            retries: how often it is asked again.
            name: the role.
        """
        # Not all of them can be compared or hashed, and those of a role are the same objects each time.
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
        output_type=output, retries=retries, deps_type=type(None), name=name, tools=list(tools)
    )

    @agent.output_validator
    async def validate(answer: T) -> T:
        check = CHECK.get()
        return answer if check is None else await check(answer)

    return agent
