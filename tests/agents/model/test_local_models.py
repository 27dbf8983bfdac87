"""Models in files: a real one answers, or fails cleanly; its server is shared, and ends with us."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from pydantic import BaseModel

from recursor.agents.model.ask import ModelReply
from recursor.agents.model.exchange import Exchange
from recursor.agents.model.local_models import LocalServers
from recursor.domain.agent import Run
from recursor.domain.graph import Usage
from recursor.domain.settings import Settings
from recursor.domain.spending import AgentFailedError
from tests.agents.model.asked import asked
from tests.agents.model.conftest import Books
from tests.agents.model.loop import agent_loop
from tests.processes import wait_for
from tests.small_model import MODEL, needs_llama, needs_model


class Verdict(BaseModel):
    """What is asked for."""

    done: bool
    reason: str


@pytest.fixture
def local() -> Iterator[Exchange]:
    exchange = Exchange()
    yield exchange
    agent_loop().run(exchange.aclose())


def make_run(exchange: Exchange, books: Books, **model: object) -> Run:
    settings = Settings().overridden({"model": {"name": f"local:{MODEL}", "output_tokens": 48, **model}})
    return Run("e", "reviewer", 1, "because", settings, time.time() + 600, meter=books, models=exchange)


def children() -> list[psutil.Process]:
    return [
        each for each in psutil.Process().children() if "recursor.agents.model.local_server" in each.cmdline()
    ]


def typed_or_failed(run: Run) -> Usage | None:
    """Return what was spent on a typed answer, or on what was none."""
    try:
        reply: ModelReply[Verdict] = asked(
            run, instructions="You review.", prompt="Is it done?", output=Verdict
        )
    except AgentFailedError as error:
        return error.usage
    assert isinstance(reply.output, Verdict)
    return reply.usage


@needs_llama
@needs_model
@pytest.mark.slow
def test_a_real_model_is_asked(local: Exchange, books: Books) -> None:
    told: list[str] = []
    run = make_run(local, books)
    try:
        said = asked(
            replace(run, say=told.append),
            instructions="You review.",
            prompt="Is a list of three items done?",
            output=str,
        )
    except AgentFailedError as error:
        # It may go on for ever, and is cut off.
        usage, problem = error.usage, str(error)
    else:
        assert said.output == told[-1]
        usage, problem = said.usage, ""
    assert problem in ("", "the answer was cut off at model.output_tokens = 48: raise it")
    assert told[-1].startswith(told[0][:5])
    assert usage is not None
    assert 0 < usage.output_tokens <= 48
    assert usage.cost == 0
    spent = typed_or_failed(run)
    assert spent is not None
    assert spent.output_tokens > 0
    assert books.open == {}
    assert None not in books.settled
    assert books.runs == 2
    assert len(children()) == 1
    agent_loop().run(local.aclose())
    assert children() == []


@needs_llama
def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "notes.gguf").write_text("not a model")
    servers = LocalServers(1)
    with pytest.raises(
        AgentFailedError, match=r"notes.gguf cannot be loaded: is it a complete GGUF file"
    ) as raised:
        servers.url(f"local:{tmp_path}/notes.gguf")
    servers.close()
    assert raised.value.suspend
    assert children() == []


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.gguf").write_text("a model")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    servers = LocalServers(1)
    with pytest.raises(AgentFailedError, match=r'pip install "recursor\[local\]"'):
        servers.url(f"local:{tmp_path}/a.gguf")
    servers.close()


SERVING = """
import sys
from recursor.agents.model.local_models import LocalServers
servers = LocalServers(1)
print(servers.url(sys.argv[1]), flush=True)
sys.stdin.read()
"""


@needs_llama
@needs_model
def test_a_server_ends_with_a_process_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVING, f"local:{MODEL}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        (server,) = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGKILL)
    wait_for(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
