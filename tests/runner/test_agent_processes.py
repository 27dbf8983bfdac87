"""A real runner whose agents run in further processes."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.comparison.fake_model import FakeModel
from recursor.domain.errors import InvalidInputError
from recursor.runner.agent_processes import MODULE
from recursor.runner.process import Runner
from recursor.runner.team import observers_team
from tests.agents.model.conftest import KEY
from tests.model_stub.answers import Answer, Fault
from tests.model_stub.server import ModelStub
from tests.processes import Started, run_to_end, started_runner, wait_for

ROLES = ("planner", "builder", "communicator", "reviewer")


@pytest.fixture
def stub() -> Iterator[ModelStub]:
    with ModelStub(FakeModel(2, latency=0.0)) as server:
        yield server


def environment(stub: ModelStub) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": KEY,
        "RECURSOR_RUNNER__AGENT_PROCESSES": "1",
        "RECURSOR_MODEL__NAME": "openai:planner",
        "RECURSOR_MODEL__ROLES": json.dumps({role: f"openai:{role}" for role in ROLES}),
        "RECURSOR_MODEL__BASE_URL": stub.url,
    }


def agent_processes_of(runner: int) -> list[int]:
    """The processes that the runner `runner` has begun for agents."""
    found = []
    for task in Path(f"/proc/{runner}/task").iterdir():
        for child in (task / "children").read_text().split():
            if MODULE.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


@contextmanager
def runner_with_process(data: Path, stub: ModelStub) -> Iterator[tuple[Started, int]]:
    """A runner, and its further process, which is up."""
    with started_runner(data=data, env=environment(stub)) as runner:
        log = data / "logs" / "recursor.log"
        wait_for(lambda: log.exists() and "a process for agents is up" in log.read_text())
        (process,) = agent_processes_of(runner.process.pid)
        yield runner, process


def start_stack(data: Path) -> None:
    assert run_to_end("create", "one", "--idea", "a list", "--start", data=data).code == 0


@pytest.mark.slow
def test_a_project_is_finished_whatever_dies_and_the_key_is_written_nowhere(
    tmp_path: Path, stub: ModelStub
) -> None:
    fake = FakeModel(2, latency=0.0)
    stub.script = lambda call: Answer(fault=Fault.HANG) if call.number == 1 else fake(call)
    data = tmp_path / "data"
    with runner_with_process(data, stub) as (runner, process):
        start_stack(data)
        stub.wait_until(lambda stub: bool(stub.calls))
        os.kill(process, signal.SIGKILL)
        wait_for(lambda: run_to_end("show", "one", "--json", data=data).json["phase"] == "complete")
        spending = run_to_end("budget", "one", "--json", data=data)
        assert runner.end(signal.SIGTERM) == 0
        told = runner.out + runner.err
    written = [file.read_bytes() for file in data.rglob("*") if file.is_file()]
    assert all(KEY.encode() not in each for each in (*written, told.encode()))
    total = spending.json["total"]
    assert (total["unconfirmed"], total["reserved"]["tokens"]) == (1, 0)
    assert total["spent"]["tokens"] >= sum(stub.billed)


def test_they_end_with_a_runner_that_is_killed(tmp_path: Path, stub: ModelStub) -> None:
    stub.script = lambda _: Answer(fault=Fault.HANG)
    data = tmp_path / "data"
    with runner_with_process(data, stub) as (runner, process):
        start_stack(data)
        stub.wait_until(lambda stub: bool(stub.calls))
        assert runner.end(signal.SIGKILL) == -signal.SIGKILL
        stub.wait_until(lambda stub: stub.hung_up == 1)
        wait_for(lambda: not is_running(process))


@pytest.mark.slow
def test_a_stop_hangs_up(tmp_path: Path, stub: ModelStub) -> None:
    stub.script = lambda _: Answer(fault=Fault.HANG)
    data = tmp_path / "data"
    with runner_with_process(data, stub):
        start_stack(data)
        stub.wait_until(lambda stub: bool(stub.calls))
        assert run_to_end("stop", "one", data=data).code == 0
        stub.wait_until(lambda stub: stub.hung_up == 1)


def test_roles_that_have_no_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"agent_processes=1: .*: also name their team"):
        Runner(tmp_path, roles=observers_team(), agent_processes=1)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended and that nobody has looked after yet is no more, either.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
