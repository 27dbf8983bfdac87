"""Real MCP servers as tools: what a model may do with them, and that nothing of them stays or leaks."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from recursor.agents.model.mcp import GUARD, McpServer
from recursor.domain.errors import InvalidInputError
from recursor.domain.spending import AgentFailedError
from tests.agents.model.asked import TEA, asking, plan
from tests.agents.model.conftest import KEY, Books, RunMaker
from tests.agents.model.loop import CancelledRunError, stop
from tests.model_stub.answers import Answer, Call, Script
from tests.model_stub.server import ModelStub
from tests.processes import TIMEOUT, wait_for

PROGRAM = Path(__file__).parents[2] / "mcp_stub" / "__main__.py"
COMMAND = (sys.executable, str(PROGRAM))


def words(*arguments: str, tools: tuple[str, ...] = ("look_up",), **given: Any) -> McpServer:
    usual = {"name": "words", "command": (*COMMAND, *arguments), "tools": tools, "start_seconds": TIMEOUT}
    return McpServer(**{**usual, **given})


def using(tool: str, **arguments: Any) -> Script:
    """Call one tool, and answer once it has answered."""

    def script(call: Call) -> Answer:
        if call.body["messages"][-1]["role"] == "tool":
            return Answer(arguments=TEA.model_dump(), tool="final_result")
        return Answer(arguments=arguments, tool=tool)

    return script


def told(stub: ModelStub) -> str:
    """What the model was told that the tool said."""
    said = stub.calls[1].body["messages"][-1]
    assert said["role"] == "tool"
    return str(said["content"])


@contextmanager
def served_over_http() -> Iterator[McpServer]:
    with subprocess.Popen([*COMMAND, "--http"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            yield McpServer(name="words", url=url, tools=("look_up", "fail", "die"), start_seconds=TIMEOUT)
        finally:
            process.kill()


def test_a_process_is_asked_and_only_what_is_allowed_is_shown(
    make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = using("look_up", word="tea")
    reply = plan(make_run(), tools=[words()])
    assert (reply.output, reply.calls, books.spent.tokens) == (TEA, 2, sum(stub.billed))
    assert told(stub) == "tea is a word."
    shown = {tool["function"]["name"] for tool in stub.calls[0].body["tools"]}
    assert shown == {"look_up", "final_result"}


def test_a_server_over_http_is_asked_also_about_what_fails(make_run: RunMaker, stub: ModelStub) -> None:
    with served_over_http() as server:
        stub.script = using("look_up", word="tea")
        assert plan(make_run(), tools=[server]).output == TEA
        assert told(stub) == "tea is a word."
        stub.calls.clear()
        stub.script = using("fail", word="tea")
        assert plan(make_run(), tools=[server]).output == TEA
        assert "nothing is known of tea" in told(stub)
        stub.script = using("die")
        with pytest.raises(AgentFailedError, match="MCP server words: die: "):
            plan(make_run(), tools=[server])
        with pytest.raises(AgentFailedError, match="MCP server words: cannot be used: "):
            plan(make_run(), tools=[server])


def test_a_tool_that_is_not_allowed_cannot_be_called(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = using("surroundings")
    with pytest.raises(AgentFailedError, match="Unknown tool name: 'surroundings'"):
        plan(make_run(retries=0), tools=[words()])


@pytest.mark.slow
def test_a_model_is_told_that_a_tool_failed_and_goes_on(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = using("fail", word="tea")
    assert plan(make_run(), tools=[words(tools=("fail",))]).output == TEA
    assert "nothing is known of tea" in told(stub)


@pytest.mark.slow
def test_a_model_is_told_that_a_tool_did_not_answer(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = using("hang")
    assert plan(make_run(), tools=[words(tools=("hang",), call_seconds=3.0)]).output == TEA
    assert "hang did not answer within 3 seconds" in told(stub)


@pytest.mark.slow
def test_what_a_tool_answers_at_length_is_cut_and_says_so(
    make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = using("flood", characters=5_000_000)
    assert plan(make_run(), tools=[words(tools=("flood",))]).output == TEA
    assert len(told(stub)) < 17_000
    assert "4,984,000 more characters are not shown" in told(stub)
    assert books.most[1].tokens < 40_000


def test_a_server_that_dies_fails_the_run_with_its_last_words(
    make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = using("die")
    with pytest.raises(AgentFailedError) as raised:
        plan(make_run(), tools=[words(tools=("die",))])
    assert "MCP server words: die: " in str(raised.value)
    assert "the disk of the words is gone" in str(raised.value)
    assert not raised.value.suspend
    assert raised.value.usage is not None
    assert raised.value.usage.tokens == books.spent.tokens == sum(stub.billed)


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (words(tools=("look_up", "lookup")), r"it has no tool lookup; it has die, .*look_up"),
        (words(command=("/nowhere/server",)), r"cannot be used: .*/nowhere/server: No such file"),
        (words(command=(sys.executable, "-c", "import nope")), "cannot be used: .*No module named 'nope'"),
        (words(command=("sleep", "60"), start_seconds=0.2), "cannot be used: "),
        (McpServer(name="words", url="http://127.0.0.1:1/mcp", tools=("look_up",)), "cannot be used: "),
    ],
)
def test_a_server_that_cannot_be_used_is_named_before_anything_is_spent(
    server: McpServer, said: str, make_run: RunMaker, stub: ModelStub
) -> None:
    with pytest.raises(AgentFailedError, match=f"^MCP server words: {said}") as raised:
        plan(make_run(), tools=[server])
    assert len(str(raised.value).splitlines()) == 1
    assert stub.calls == []


@pytest.mark.parametrize("given", [{"tools": ()}, {"tools": "look_up"}, {"command": ()}, {"url": "http://a"}])
def test_what_can_be_no_server_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="MCP server words: "):
        words(**given)


def test_without_the_package_the_extra_is_named(
    make_run: RunMaker, stub: ModelStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_ai.mcp", None)
    with pytest.raises(AgentFailedError, match=r"^MCP server \w+ needs recursor\[mcp\]: pip") as raised:
        plan(make_run(), tools=[words()])
    assert raised.value.suspend
    assert stub.calls == []


def test_a_process_gets_what_it_is_given_and_no_key(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = using("surroundings")
    server = words(tools=("surroundings",), environment={"WORDS_TOKEN": "for-the-words"})
    assert plan(make_run(), tools=[server]).output == TEA
    assert "WORDS_TOKEN=for-the-words" in told(stub)
    assert os.environ["OPENAI_API_KEY"] == KEY
    assert KEY not in told(stub)
    assert "PYTEST" not in told(stub)


def test_what_opens_a_server_is_in_no_error(make_run: RunMaker) -> None:
    program = "import os, sys; sys.exit('refused: ' + os.environ['WORDS_TOKEN'])"
    server = words(command=(sys.executable, "-c", program), environment={"WORDS_TOKEN": "for-the-words"})
    with pytest.raises(AgentFailedError, match=r"refused: \[key\]$"):
        plan(make_run(), tools=[server])


@pytest.mark.parametrize("arguments", [(), ("--deaf",)])
def test_no_process_stays_when_the_run_has_ended(
    arguments: tuple[str, ...], make_run: RunMaker, stub: ModelStub, tmp_path: Path
) -> None:
    stub.script = using("look_up", word="tea")
    assert plan(make_run(), tools=[words(*arguments, "--pids", str(tmp_path))]).output == TEA
    assert_gone(tmp_path, 2 if arguments else 1)


def test_a_run_that_is_stopped_waits_for_no_tool(make_run: RunMaker, stub: ModelStub, tmp_path: Path) -> None:
    stub.script = using("hang")
    run = make_run()
    begun = asking(run, tools=[words("--deaf", "--pids", str(tmp_path), tools=("hang",))])
    stub.wait_until(lambda seen: len(seen.bills) == 1)
    stop(run)
    with pytest.raises(CancelledRunError, match=r"the run was stopped: it .*hang"):
        begun.result()
    assert_gone(tmp_path, 2)


def test_no_process_outlives_a_runner_that_is_killed(tmp_path: Path) -> None:
    command = (*COMMAND, "--deaf", "--pids", str(tmp_path))
    program = f"""
import asyncio
from recursor.agents.model.mcp import McpServer

async def main():
    server = McpServer(name="words", tools=("look_up",), command={command!r})
    async with server.opened(lambda _: None):
        print("ready", flush=True)
        await asyncio.sleep(3600)

asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == "ready\n"
        runner.send_signal(signal.SIGKILL)
    assert_gone(tmp_path, 2)


def test_no_process_of_a_server_that_fails_stays_where_sigterm_is_ignored() -> None:
    server = (
        "import subprocess, sys;"
        "print(subprocess.Popen(['sleep', '3600'], stdout=subprocess.DEVNULL).pid, flush=True);"
        "sys.exit(3)"
    )
    kept = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        guard = subprocess.Popen(
            [sys.executable, str(GUARD), sys.executable, "-c", server],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGTERM, kept)
    with guard:
        assert guard.stdout is not None
        left = int(guard.stdout.readline())
        wait_for(lambda: guard.poll() is not None)
        wait_for(lambda: not lives(left))


def assert_gone(notes: Path, count: int) -> None:
    processes = [int(note.name) for note in notes.iterdir()]
    assert len(processes) == count
    wait_for(lambda: not any(lives(process) for process in processes))


def lives(process: int) -> bool:
    # One that nobody has waited for is as good as gone.
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
