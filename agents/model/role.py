"""The base of all roles that ask a model: the question is made to fit, and the answer recorded."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any, Generic, TypeVar

from pydantic import JsonValue
from pydantic_ai.messages import ModelMessage

from recursor.agents.model.answer import Answer, notes
from recursor.agents.model.ask import MOST_TURNS, AnyTool, ModelReply, ask
from recursor.agents.model.context import Context, PromptSection, fit
from recursor.agents.model.context_window import Room, room_for
from recursor.agents.model.prompts import BUILT_IN, Prompt, prompt_named
from recursor.domain.agent import Run
from recursor.domain.effect import Effect, Outcome
from recursor.domain.errors import InvalidInputError
from recursor.domain.graph import Usage
from recursor.domain.settings import SCRIPTED
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError

A = TypeVar("A", bound=Answer)
R = TypeVar("R")


class Task(ABC, Generic[A]):
    """One question of a role to a model.

    `check` may block: it is called on a thread. The other methods must not: they are called on the event loop
    that all runs share.
    """

    output: type[A]
    """The type of the answer. Subclasses set it."""
    turns: int = MOST_TURNS
    """The most requests to the model, including tool results and corrections."""

    def __init__(self, snapshot: Snapshot, run: Run) -> None:
        """Keep the subject of the task."""
        self.snapshot = snapshot
        self.run = run

    @abstractmethod
    def sections(self) -> Sequence[PromptSection]:
        """Return the sections to show the model, the most important first."""

    def values(self) -> dict[str, Any]:
        """Return the variables of the prompt."""
        return {}

    def fitted(self, sections: Sequence[PromptSection], room: int) -> Context:
        """Return the part of `sections` that is shown in `room` bytes; a task that needs to know keeps it."""
        return fit(sections, room)

    def check(self, answer: A) -> A:
        """Return the answer if it can be used.

        Raises:
            pydantic_ai.ModelRetry: it cannot; the text names the problem, and the model is asked again.
        """
        return answer

    def shortened(self, messages: list[ModelMessage]) -> list[ModelMessage]:
        """Return the conversation so far as the model is to be sent it."""
        return messages

    @abstractmethod
    def effects(self, answer: A) -> Sequence[Effect]:
        """Return the changes, besides the role's own notes."""

    def thoughts(self, answer: A) -> Sequence[str]:
        """Return the reasons for the trace."""
        return answer.thoughts

    def metadata(self) -> Mapping[str, JsonValue]:
        """Return what else the trace is to have."""
        return {}


class ModelRole(ABC, Generic[A]):
    """An agent that asks a model. One can serve any number of stacks."""

    prompt: str
    """The name of its prompt. Subclasses set it."""
    prompts: Traversable = BUILT_IN
    """The directory of its prompt, such as a `Path`."""
    tools: Sequence[AnyTool] = ()
    """Tools for the model: functions, pydantic-ai's tools and toolsets, each `McpServer`."""

    @abstractmethod
    def task(
        self, snapshot: Snapshot, run: Run
    ) -> Task[A] | Outcome | Coroutine[Any, Any, Task[A] | Outcome]:
        """Return the task, or an outcome without asking. It must not block; it may be `async def`."""

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """See `recursor.domain.agent.Agent.run`."""
        if run.settings.model.of(run.role) == SCRIPTED:
            raise AgentFailedError(
                f"the role {run.role} needs a model: set model.name, or model.roles for it alone",
                suspend=True,
            )
        task = self.task(snapshot, run)
        if isinstance(task, Coroutine):
            task = await task
        if isinstance(task, Outcome):
            return task
        question = self._question(task, run)
        reply = await ask(
            run,
            snapshot,
            instructions=question.prompt.text,
            prompt=question.context.text,
            output=task.output,
            tools=self.tools,
            check=lambda answer: _returned(task.check, task.check(answer), Answer),
            room=question.room,
            turns=task.turns,
            shorten=task.shortened,
        )
        return self._outcome(task, question, reply)

    def _question(self, task: Task[A], run: Run) -> "_Question":
        settings = run.settings.model
        for owner, name, what in (
            (self, "prompt", "the name of its prompt, without .md"),
            (task, "output", "what the answer has to be"),
        ):
            if not hasattr(owner, name):
                raise AgentFailedError(
                    f"{type(owner).__qualname__}.{name} is missing: set it to {what}", suspend=True
                )
        sections = task.sections()
        values = task.values()
        prompt = prompt_named(self.prompt, settings, values, self.prompts)
        room = room_for(settings, run.role, prompt.text, task.output)
        try:
            context = task.fitted(sections, room.question_bytes)
        except InvalidInputError as error:
            raise AgentFailedError(str(error), suspend=True) from None
        # The prompt can depend on how much of a page is shown.
        if (changed := task.values()) != values:
            prompt = prompt_named(self.prompt, settings, changed, self.prompts)
        return _Question(context, prompt, room)

    def _outcome(self, task: Task[A], question: "_Question", reply: ModelReply[A]) -> Outcome:
        answer = reply.output
        return Outcome(
            effects=(
                *_returned(task.effects, task.effects(answer), Iterable, reply.usage),
                *notes(task.snapshot.states.get(task.run.role), answer.learned, answer.summary),
            ),
            summary=answer.summary,
            thoughts=tuple(task.thoughts(answer)),
            usage=reply.usage,
            metadata={**_origin(question.prompt, question.context, reply), **task.metadata()},
        )


@dataclass(frozen=True, slots=True)
class _Question:
    """The question to a model."""

    context: Context
    prompt: Prompt
    room: Room


def _returned(method: Callable[..., R], found: R, kind: type[Any], usage: Usage | None = None) -> R:
    """Return a method's result if it can be used: a `return` is easily forgotten."""
    if isinstance(found, kind):
        return found
    what = "nothing" if found is None else f"a {type(found).__name__}"
    raise AgentFailedError(
        f"{method.__qualname__} returned {what}: have it return an {kind.__name__}", usage, suspend=True
    )


def _origin(prompt: Prompt, context: Context, reply: ModelReply[A]) -> dict[str, JsonValue]:
    """Return the source of the outcome for the trace."""
    usage = reply.usage
    cost = None if usage.cost is None else str(usage.cost)
    origin: dict[str, JsonValue] = {
        "model": reply.model,
        "prompt": {
            "name": prompt.name,
            "version": prompt.version,
            "hash": prompt.hash,
            "own": prompt.own,
        },
        "calls": reply.calls,
        "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "cost": cost},
    }
    if reply.passed_over:
        origin["passed_over"] = dict(reply.passed_over)
    if usage.models:
        origin["usage_by_model"] = [
            {
                "model": used.model,
                "input_tokens": used.input_tokens,
                "output_tokens": used.output_tokens,
                "cost": None if used.cost is None else str(used.cost),
            }
            for used in usage.models
        ]
    if context.left_out or context.cut:
        origin["left_out"] = {**context.left_out, **dict.fromkeys(sorted(context.cut), "shown in part")}
    return origin
