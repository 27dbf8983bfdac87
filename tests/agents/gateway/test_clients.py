"""Clients that people use, through the gateway: providers' own, and programs in the sandbox."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from recursor.agents.gateway.gateway import Gateway
from recursor.agents.gateway.http import listening
from recursor.domain.agent import Run
from recursor.domain.spending import Budget
from recursor.workspaces.sandbox import ProgramResult, Sandbox, SandboxLimits
from recursor.workspaces.sandbox.bubblewrap import PORT
from tests.agents.gateway.conftest import ANTHROPIC_KEY
from tests.agents.model.conftest import KEY, Books, RunMaker
from tests.agents.model.loop import agent_loop
from tests.model_stub.answers import Answer, always
from tests.model_stub.server import ModelStub

PYTHON = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")

Sandboxed = Callable[..., ProgramResult]

# A client without any package: it asks as often as it is told to, from as many threads.
CLIENT = """
import json, os, sys, urllib.error, urllib.request
from concurrent.futures import ThreadPoolExecutor

def ask(_):
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        json.dumps({"messages": [{"role": "user", "content": "Hello"}]}).encode(),
        {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        return str(error.code)

with ThreadPoolExecutor(int(sys.argv[2])) as threads:
    answers = list(threads.map(ask, range(int(sys.argv[1]))))
for answer in sorted(set(answers)):
    print(answers.count(answer), answer)
"""


@pytest.fixture
def in_a_sandbox(tmp_path: Path) -> Sandboxed:
    """Runs a Python program in a sandbox, with a gateway for a run."""
    sandbox = Sandbox("bwrap")
    if (problem := sandbox.unavailable()) is not None:
        pytest.skip(problem)
    # A path that is longer than the system allows for a socket.
    tree, door = tmp_path / "tree", tmp_path / ("d" * 200) / "door"
    tree.mkdir()
    door.parent.mkdir()

    def in_a_sandbox(run: Run, script: str, *arguments: str) -> ProgramResult:
        async def work() -> ProgramResult:
            async with Gateway.opened(run, listening(door)) as gateway:
                return await sandbox.run(
                    [PYTHON, "-c", script, *arguments],
                    tree,
                    limits=SandboxLimits(seconds=250),
                    environment=gateway.variables(f"http://127.0.0.1:{PORT}"),
                    readable=[Path(sys.base_prefix)],
                    socket=door,
                )

        return agent_loop().run(work())

    return in_a_sandbox


def test_a_program_in_the_sandbox_asks_the_model(
    in_a_sandbox: Sandboxed, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer("Hello to you.", input_tokens=12, output_tokens=5))
    assert in_a_sandbox(make_run(), CLIENT, "3", "1").output == "3 Hello to you.\n"
    assert [call.key for call in stub.calls] == [f"Bearer {KEY}"] * 3
    assert books.spent.tokens == 51


def test_nothing_that_a_program_can_read_has_the_key(
    in_a_sandbox: Sandboxed, make_run: RunMaker, stub: ModelStub
) -> None:
    stub.script = always(Answer(f"Your key {KEY} is wrong.", status=400))
    script = """
import glob, os, urllib.error, urllib.request
key = bytes.fromhex(KEY)
def look(what, content):
    print("looked at", what.split("/")[1])
    if key in content: print("FOUND in", what)
for path in glob.glob("/proc/[0-9]*/*") + glob.glob("/run/**", recursive=True):
    name = os.path.basename(path)
    if name in ("environ", "cmdline", "maps", "status", "forwarder.py"):
        look(path, open(path, "rb").read())
address = os.environ["OPENAI_BASE_URL"]
for path in ("/chat/completions", "/models", "/responses", "/nonsense"):
    headers = {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    request = urllib.request.Request(address + path, b"{}" if path != "/models" else None, headers)
    try:
        with urllib.request.urlopen(request) as answer: content = answer.read() + bytes(answer.headers)
    except urllib.error.HTTPError as error: content = error.read() + bytes(error.headers)
    look("/gateway", content)
"""
    ended = in_a_sandbox(make_run(), f"KEY = {KEY.encode().hex()!r}\n{script}")
    assert ended.succeeded, ended.output
    assert "FOUND" not in ended.output
    assert ended.output.count("looked at gateway") == 4
    assert "looked at proc" in ended.output


def test_a_budget_ends_a_program_in_the_sandbox_too(
    in_a_sandbox: Sandboxed, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    books.budget = Budget(tokens=10_000)
    stub.script = always(Answer(input_tokens=2_000, output_tokens=500))
    assert in_a_sandbox(make_run(), CLIENT, "20", "1").output == "18 402\n2 Done.\n"
    assert books.spent.tokens == 5_000


def test_many_programs_calls_at_once(
    in_a_sandbox: Sandboxed, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(input_tokens=1, output_tokens=1))
    assert in_a_sandbox(make_run(), CLIENT, "300", "150").output == "300 Done.\n"
    assert stub.most_at_once <= 16
    assert books.spent.tokens == 600


@pytest.mark.slow
def test_ten_thousand_calls(
    in_a_sandbox: Sandboxed, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(input_tokens=1, output_tokens=1))
    assert in_a_sandbox(make_run(), CLIENT, "10000", "400").output == "10000 Done.\n"
    assert stub.most_at_once <= 16
    assert books.spent.tokens == 20_000


def by_port(run: Run, work: Callable[[str, str], Any]) -> Any:
    """Return the result of `work` with the address and the token of a gateway."""

    async def within() -> Any:
        listener = listening(None)
        port = listener.getsockname()[1]
        async with Gateway.opened(run, listener) as gateway:
            return await work(f"http://127.0.0.1:{port}", gateway.token)

    return agent_loop().run(within())


def test_openais_client(make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    stub.script = always(Answer("Hello to you.", input_tokens=12, output_tokens=5, piece=4))

    async def work(address: str, token: str) -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=token) as client:
            said = []
            whole = await client.chat.completions.create(
                model="any", messages=[{"role": "user", "content": "Hello"}]
            )
            said.append(whole.choices[0].message.content or "")
            text = ""
            async for chunk in await client.chat.completions.create(
                model="any", messages=[{"role": "user", "content": "Hello"}], stream=True
            ):
                # As clients do that know of no chunk without choices.
                text += chunk.choices[0].delta.content or ""
            said.append(text)
            said.append((await client.responses.create(model="any", input="Hello")).output_text)
            text = ""
            async for event in await client.responses.create(model="any", input="Hello", stream=True):
                text += event.delta if event.type == "response.output_text.delta" else ""
            said.append(text)
            said += [model.id async for model in client.models.list()]
            return said

    assert by_port(make_run(), work) == ["Hello to you."] * 4 + ["gpt-4o"]
    assert books.spent.tokens == 4 * 17


def test_anthropics_client(anthropic_run: Run, stub: ModelStub, books: Books) -> None:
    stub.script = always(Answer("Hello to you.", input_tokens=12, output_tokens=5, piece=4))

    async def work(address: str, token: str) -> list[str]:
        async with anthropic.AsyncAnthropic(base_url=address, api_key=token) as client:
            whole = await client.messages.create(
                model="any", max_tokens=100, messages=[{"role": "user", "content": "Hello"}]
            )
            said = [block.text for block in whole.content if block.type == "text"]
            async with client.messages.stream(
                model="any", max_tokens=100, messages=[{"role": "user", "content": "Hello"}]
            ) as stream:
                said.append("".join([text async for text in stream.text_stream]))
            return said

    assert by_port(anthropic_run, work) == ["Hello to you."] * 2
    assert [call.key for call in stub.calls] == [ANTHROPIC_KEY] * 2
    assert books.spent.tokens == 2 * 17


def test_clients_understand_refusals(make_run: RunMaker, anthropic_run: Run, books: Books) -> None:
    books.budget = Budget(tokens=10)

    async def openais(address: str, token: str) -> str:
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=token, max_retries=0) as client:
            with pytest.raises(openai.APIStatusError) as caught:
                await client.responses.create(model="any", input="Hello")
            return f"{caught.value.status_code} {caught.value.message}"

    async def anthropics(address: str, token: str) -> str:
        async with anthropic.AsyncAnthropic(base_url=address, api_key=token, max_retries=0) as client:
            with pytest.raises(anthropic.APIStatusError) as caught:
                await client.messages.create(
                    model="any", max_tokens=9, messages=[{"role": "user", "content": "Hello"}]
                )
            return f"{caught.value.status_code} {caught.value.message}"

    for run, work in ((make_run(), openais), (anthropic_run, anthropics)):
        told = by_port(run, work)
        assert told.startswith("402 ")
        assert "budget.tokens" in told


def test_a_run_without_a_sandbox(make_run: RunMaker, stub: ModelStub, tmp_path: Path) -> None:
    async def work(address: str, token: str) -> str:
        environment = {"OPENAI_BASE_URL": f"{address}/v1", "OPENAI_API_KEY": token}
        command = [sys.executable, "-c", CLIENT, "2", "2"]
        ended = await Sandbox("off").run(command, tmp_path, limits=SandboxLimits(), environment=environment)
        return ended.output

    assert by_port(make_run(), work) == "2 Done.\n"


def test_variables_for_the_clients_of_the_models_api(
    make_run: RunMaker, anthropic_run: Run, tmp_path: Path
) -> None:
    async def variables(run: Run) -> set[str]:
        async with Gateway.opened(run, listening(tmp_path / "door")) as gateway:
            return set(gateway.variables("http://127.0.0.1:1"))

    assert agent_loop().run(variables(make_run())) == {"OPENAI_BASE_URL", "OPENAI_API_KEY"}
    assert agent_loop().run(variables(anthropic_run)) == {"ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"}
