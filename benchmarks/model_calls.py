"""How much of the processor a model's call takes: a role's whole run, beside pydantic-ai alone.

.venv/bin/python -m benchmarks.model_calls [--calls 300] [--at-once 20] [--piece 20] [--rounds 3]

Builder and communicator of a stack with a full past ask a fake model, which is served by a process of its own
and answers with 700 characters, as a stream of pieces. Beside them pydantic-ai alone asks the same, with the
same instructions, question, form of the answer and number at once, in a bare event loop: streamed as events,
streamed and validated while it comes (`run_stream`), and without a stream.

Prints the milliseconds of processor a call, and the ratios to the bare calls. The budgets are kept in memory
here: `model_stacks` measures the whole runner.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from recursor.agents.model.exchange import Exchange
from recursor.agents.model.prompts import prompt_named
from recursor.agents.model.role import Task
from recursor.agents.team import model_agents
from recursor.domain.agent import Run
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from tests.making import (
    NOW,
    make_artifact,
    make_idea,
    make_snapshot,
    make_todo,
    make_user_message,
)
from tests.model_stub.answers import Answer, Call
from tests.model_stub.server import ModelStub

KEY = "sk-of-the-benchmark"
ROLES = ("builder", "communicator")
BAR = 1.5
# Todos that were done before: as many as agents are shown.
PAST = 200
# Calls before the measured ones.
WARM_UP = 40
PAGE = (
    '<!doctype html>\n<html lang="en"><head><title>List {}</title></head>\n<body><main><h1>List</h1>\n'
    + "<p>Bring water, tea and a kettle.</p>\n" * 14
    + "</main></body></html>"
)

Ask = Callable[[], Awaitable[object]]


def script(piece: int) -> Callable[[Call], Answer]:
    """Return what the fake model answers, in pieces of so many characters."""

    def answer(call: Call) -> Answer:
        said: dict[str, Any] = {"summary": "Did what there was to do."}
        if call.model == "builder":
            said["page"] = PAGE.format(call.number)
        else:
            said |= {"answer": "We are as far as the third part. " * 19, "needs_planning": False}
        return Answer(arguments=said, piece=piece)

    return answer


@contextmanager
def served(piece: int) -> Iterator[str]:
    """Serve the fake model in a process of its own; yield its URL."""
    command = [sys.executable, "-m", "benchmarks.model_calls", "--serve", "--piece", str(piece)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def full_snapshot() -> Snapshot:
    """Return a stack with a full past, in which both roles have work."""
    past = [
        make_todo(number, content=f"Another part: {number}", status="completed", closed_at=NOW)
        for number in range(2, PAST + 2)
    ]
    return make_snapshot(
        todos=(make_todo(1), *past),
        artifact=make_artifact(content=PAGE.format(0)),
        idea=make_idea(title="List", description="A list of what to bring."),
        user_messages=(make_user_message(1),),
    )


def run_of(role: str, url: str, exchange: Exchange | None = None) -> Run:
    """Return a run of `role`."""
    model = {"name": f"openai:{role}", "base_url": url, "context_tokens": 100_000}
    settings = Settings().overridden({"model": model})
    return Run("cycle", role, 1, "because", settings, time.time() + 600, models=exchange)


@dataclass
class Question:
    """What a role asks."""

    instructions: str
    prompt: str
    output: Any


def question(role: str, snapshot: Snapshot, run: Run) -> Question:
    """Return what `role` asks a model."""
    task = model_agents()[role].task(snapshot, run)
    assert isinstance(task, Task)
    shown = task.fitted(task.sections(), 300_000)
    return Question(prompt_named(role, run.settings.model, task.values()).text, shown.text, task.output)


async def processor(ask: Ask, calls: int, at_once: int) -> float:
    """Return the milliseconds of processor that a call takes of this process."""
    await _asked(ask, WARM_UP, at_once)
    used = time.process_time()
    await _asked(ask, calls, at_once)
    return (time.process_time() - used) / calls * 1_000


async def _asked(ask: Ask, calls: int, at_once: int) -> None:
    left = iter(range(calls))

    async def some() -> None:
        for _ in left:
            await ask()

    await asyncio.gather(*(some() for _ in range(at_once)))


async def _read(_context: Any, events: AsyncIterator[Any]) -> None:
    async for _ in events:
        pass


def bare_calls(asked: Question, url: str, role: str) -> dict[str, Ask]:
    """Return ways to ask the same with pydantic-ai alone."""
    model = OpenAIChatModel(role, provider=OpenAIProvider(base_url=url, api_key=KEY))
    agent: Agent[None, Any] = Agent(model, output_type=asked.output, retries=2)
    given: dict[str, Any] = {
        "instructions": asked.instructions,
        "model_settings": {"max_tokens": 16_000, "timeout": 300},
    }

    async def streamed() -> object:
        return (await agent.run(asked.prompt, event_stream_handler=_read, **given)).output

    async def validated() -> object:
        async with agent.run_stream(asked.prompt, **given) as result:
            return await result.get_output()

    async def whole() -> object:
        return (await agent.run(asked.prompt, **given)).output

    return {"streamed": streamed, "validated": validated, "not_streamed": whole}


async def measured(role: str, url: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one role."""
    snapshot, exchange = full_snapshot(), Exchange()
    agent, given = model_agents()[role], run_of(role, url, exchange)

    async def ours() -> object:
        return await agent.run(snapshot, given)

    ways = {"ours": ours, **bare_calls(question(role, snapshot, given), url, role)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(chosen.rounds):
        for name, ask in ways.items():
            times[name].append(await processor(ask, chosen.calls, chosen.at_once))
    await exchange.aclose()
    found = {name: min(each) for name, each in times.items()}
    return {
        "ms": {name: round(each, 2) for name, each in found.items()},
        "ratios": {name: round(found["ours"] / each, 2) for name, each in found.items() if name != "ours"},
    }


def main() -> None:
    """Measure, and print the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--calls", type=int, default=300)
    options.add_argument("--at-once", type=int, default=20)
    options.add_argument("--piece", type=int, default=20, help="characters that come at a time")
    options.add_argument("--rounds", type=int, default=3, help="of each way; the best one counts")
    options.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.serve:
        with ModelStub(script(chosen.piece)) as stub:
            print(stub.url, flush=True)
            sys.stdin.read()
        return
    os.environ["OPENAI_API_KEY"] = KEY
    with served(chosen.piece) as url:
        roles = {role: asyncio.run(measured(role, url, chosen)) for role in ROLES}
    json.dump({"piece": chosen.piece, "at_once": chosen.at_once, "bar": BAR, **roles}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
