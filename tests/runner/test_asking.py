"""A real runner whose team asks a model: what it writes, and what is left when it is killed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from recursor.domain.execution import ExecutionStatus
from recursor.domain.spending import Account
from recursor.storage.budgets import read_account
from recursor.storage.queries import execution_graphs, recent_executions
from recursor.storage.tables import ALL_STACKS
from tests.model_stub.answers import Answer, Fault, always, in_turn
from tests.model_stub.server import ModelStub
from tests.processes import TIMEOUT, Started, reading, run_to_end, started_runner, wait_for
from tests.small_model import MODEL, needs_llama, needs_model

PROGRAM = (str(Path(__file__).parent / "asking_runner.py"),)
KEY = "sk-known-to-nobody-else"


@pytest.fixture
def stub() -> Iterator[ModelStub]:
    with ModelStub() as server:
        yield server


def make_stack(data: Path, *more: str, model: str = "openai:gpt-4o") -> str:
    name = f"model.name={model}"
    return run_to_end("create", "one", "--idea", "a list", "--set", name, *more, data=data).out.strip()


def runner(data: Path, stub: ModelStub, **more: str) -> Any:
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": stub.url, **more}
    return started_runner("--log-level", "debug", "--grace", "0.1", data=data, program=PROGRAM, env=env)


def state_of(running: Started, stack: str) -> Any:
    return httpx.get(f"{running.url}/api/stacks/{stack}", timeout=TIMEOUT).json()["stack"]


def books(data: Path, stack: str) -> Account:
    with reading(data) as reader:
        account = read_account(reader, stack)
        assert read_account(reader, ALL_STACKS).spent == account.spent
        return account


@contextmanager
def listening(url: str) -> Iterator[list[str]]:
    """What the stream of events says until the end of the block."""
    heard: list[str] = []
    up = threading.Event()

    def listen() -> None:
        with httpx.stream("GET", f"{url}/api/events", timeout=None) as stream:
            up.set()
            try:
                heard.extend(stream.iter_text())
            except httpx.TransportError:
                return

    thread = threading.Thread(target=listen)
    thread.start()
    up.wait()
    yield heard
    thread.join()


@pytest.mark.slow
def test_nothing_that_a_run_writes_has_the_key(data: Path, stub: ModelStub) -> None:
    stub.script = in_turn(
        Answer(f"{KEY} is refused", status=401), Answer(f"{KEY}!", status=500), Answer("Yes")
    )
    stack = make_stack(data)
    pages = []
    with runner(data, stub) as running, listening(running.url) as heard:
        assert httpx.post(f"{running.url}/api/stacks/{stack}/start", timeout=TIMEOUT).is_success
        wait_for(lambda: state_of(running, stack)["state"] == "paused")
        assert "[key] is refused" in state_of(running, stack)["state_reason"]
        assert httpx.post(f"{running.url}/api/stacks/{stack}/resume", timeout=TIMEOUT).is_success
        wait_for(lambda: state_of(running, stack)["phase"] == "complete")
        for path in httpx.get(f"{running.url}/api/openapi.json", timeout=TIMEOUT).json()["paths"]:
            if path != "/api/events" and "{" not in path.replace("{stack_id}", ""):
                pages.append(httpx.get(running.url + path.replace("{stack_id}", stack), timeout=TIMEOUT).text)
        running.end(signal.SIGTERM)
        written = [running.err, running.out]
    assert all(call.authorization == f"Bearer {KEY}" for call in stub.calls)
    assert "[key] is refused" in "".join(heard)
    files = [path for path in data.parent.rglob("*") if path.is_file()]
    assert any(b"[key] is refused" in path.read_bytes() for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert [text for text in (*pages, *heard, *written) if KEY in text] == []
    assert books(data, stack).spent.tokens == sum(stub.billed)


@pytest.mark.slow
def test_a_call_in_which_the_runner_is_killed_counts_in_full_and_is_made_again(
    data: Path, stub: ModelStub
) -> None:
    stub.script = always(Answer(fault=Fault.HANG))
    stack = make_stack(data, "--start")
    with runner(data, stub) as running:
        stub.wait_until(lambda seen: seen.answering == 1)
        running.end(signal.SIGKILL)
    stub.wait_until(lambda seen: seen.hung_up == 1)
    reserved = books(data, stack).reserved
    assert reserved.tokens > 16_000

    stub.script = always(Answer("Yes"))
    with runner(data, stub) as running:
        wait_for(lambda: state_of(running, stack)["phase"] == "complete")
        running.end(signal.SIGTERM)
    account = books(data, stack)
    assert (account.calls, account.unconfirmed, account.reserved.tokens) == (2, 1, 0)
    assert account.spent.tokens == reserved.tokens + stub.billed[-1] >= sum(stub.billed)
    with reading(data) as reader:
        executions = recent_executions(reader, stack)
    assert [each.status for each in executions] == [ExecutionStatus.COMPLETED]


@pytest.mark.slow
def test_a_stack_that_is_stopped_hangs_up(data: Path, stub: ModelStub) -> None:
    stub.script = always(Answer(fault=Fault.DRIP, piece=1))
    stack = make_stack(data, "--start")
    with runner(data, stub) as running:
        stub.wait_until(lambda seen: seen.answering == 1)
        assert httpx.post(f"{running.url}/api/stacks/{stack}/stop", timeout=TIMEOUT).is_success
        stub.wait_until(lambda seen: seen.hung_up == 1)
        wait_for(lambda: books(data, stack).unconfirmed == 1)
        running.end(signal.SIGTERM)
    assert books(data, stack).reserved.tokens == 0


@pytest.mark.slow
def test_a_runner_that_ends_hangs_up_and_leaves_nothing_open(data: Path, stub: ModelStub) -> None:
    stub.script = always(Answer(fault=Fault.HANG))
    stack = make_stack(data, "--start")
    with runner(data, stub) as running:
        stub.wait_until(lambda seen: seen.answering == 1)
        running.end(signal.SIGTERM)
        stub.wait_until(lambda seen: seen.hung_up == 1)
    account = books(data, stack)
    assert (account.unconfirmed, account.reserved.tokens) == (1, 0)


@pytest.mark.slow
def test_all_stacks_of_a_runner_wait_in_one_line(data: Path, stub: ModelStub) -> None:
    stub.script = always(Answer("Yes", latency=0.1))
    stacks = [make_stack(data, "--start") for _ in range(4)]
    with runner(data, stub, RECURSOR_RUNNER__RATES='{"openai": {"concurrent": 1}}') as running:
        for stack in stacks:
            wait_for(lambda each=stack: state_of(running, each)["phase"] == "complete")
        running.end(signal.SIGTERM)
    assert (stub.most_at_once, len(stub.calls)) == (1, 4)


@needs_llama
@needs_model
def test_a_team_works_with_a_real_model(data: Path, stub: ModelStub) -> None:
    stack = make_stack(data, "--start", "--set", "model.output_tokens=32", model=f"local:{MODEL}")
    with runner(data, stub) as running:
        # It may go on for ever, and is cut off then: that cycle fails, and another one follows.
        wait_for(lambda: state_of(running, stack)["total_cycles"])
        run_to_end("pause", "one", data=data)
        wait_for(lambda: state_of(running, stack)["current_execution_id"] is None)
        running.end(signal.SIGTERM)
    account = books(data, stack)
    with reading(data) as reader:
        executions, graphs = recent_executions(reader, stack), execution_graphs(reader, stack)
    assert all(each.status is not ExecutionStatus.RUNNING for each in executions)
    nodes = [node for graph in graphs for node in graph.nodes if node.usage is not None]
    assert {node.usage.model for node in nodes} == {f"local:{MODEL}"}
    assert all(node.note is None or "cut off at model.output_tokens" in node.note for node in nodes)
    assert (
        sum(each.usage.input_tokens + each.usage.output_tokens for each in nodes) == account.spent.tokens > 0
    )
    assert (account.unconfirmed, account.reserved.tokens, stub.calls) == (0, 0, [])
