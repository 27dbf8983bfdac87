"""The process that serves: replaced when it dies, gone when the runner is."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from recursor.runner.port import listen
from tests.processes import TIMEOUT, reading, run_to_end, started_runner, wait_for


def web_process(runner: int) -> int | None:
    """The process that serves for a runner, once it does."""
    found = [child.pid for child in psutil.Process(runner).children() if child.status() != "zombie"]
    return found[0] if found else None


def answers(url: str) -> int | None:
    try:
        return httpx.get(f"{url}/api/health", timeout=TIMEOUT).json()["pid"]
    except httpx.TransportError:
        return None


def test_the_web_process_is_replaced_when_it_dies(tmp_path: Path) -> None:
    with started_runner(data=tmp_path / "data") as runner:
        pid = runner.process.pid
        assert answers(runner.url) == pid
        first = web_process(pid)
        os.kill(first, signal.SIGKILL)
        assert wait_for(lambda: answers(runner.url)) == pid
        assert web_process(pid) not in (first, None)
        made = httpx.post(f"{runner.url}/api/stacks", json={"name": "one", "start": True}, timeout=TIMEOUT)
        assert made.json()["state"] == "running"
        assert runner.end(signal.SIGTERM) == 0
        assert "the web process ended" in runner.err


HELD_BACK = """
import sys, time
from pathlib import Path
here = Path(__file__).parents[1]
while not (here / "go-on").exists():
    time.sleep(0.01)
sys.path.remove(str(here))
del sys.modules["nicegui"]
import nicegui
"""


def test_monitors_are_answered_before_anything_is_loaded_and_others_wait(tmp_path: Path) -> None:
    slow = tmp_path / "slow" / "nicegui"
    slow.mkdir(parents=True)
    (slow / "__init__.py").write_text(HELD_BACK)
    with (
        started_runner(data=tmp_path / "data", env={"PYTHONPATH": str(slow.parent)}) as runner,
        ThreadPoolExecutor() as clients,
        httpx.Client(base_url=runner.url, timeout=TIMEOUT) as monitor,
    ):
        early = [clients.submit(answers, runner.url) for _ in range(3)]
        assert monitor.get("/healthz").json() == {"status": "ok"}
        unready = monitor.get("/readyz?by=monitor")
        assert unready.status_code == 503
        assert "still starting" in unready.json()["detail"]
        assert not any(each.done() for each in early)

        (slow.parent / "go-on").touch()
        assert {each.result() for each in early} == {runner.process.pid}
        assert monitor.get("/readyz").json() == {"status": "ready"}
        assert monitor.get("/healthz").json() == {"status": "ok"}
        assert runner.end(signal.SIGTERM) == 0
        assert runner.err == ""


@pytest.mark.slow
def test_one_that_cannot_start_is_told_of_once_and_stacks_go_on(tmp_path: Path) -> None:
    broken = tmp_path / "broken" / "nicegui"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('half of an upgrade')")
    data = tmp_path / "data"
    with started_runner(data=data, env={"PYTHONPATH": str(broken.parent)}) as runner:
        found = wait_for(lambda: finding(data, "Neither dashboard nor API answer"))
        assert "ImportError: half of an upgrade" in found["evidence"]
        assert httpx.get(f"{runner.url}/healthz", timeout=TIMEOUT).status_code == 200
        unready = httpx.get(f"{runner.url}/readyz", timeout=TIMEOUT)
        assert unready.status_code == 503
        assert "cannot start: see `recursor doctor`" in unready.json()["detail"]
        # It is tried again and again, and commands do not wait for it.
        tried = {web_process(runner.process.pid), None}
        wait_for(lambda: web_process(runner.process.pid) not in tried)
        made = run_to_end("create", "one", "--idea", "a list", "--start", data=data)
        assert made.code == 0, made.err
        wait_for(lambda: run_to_end("list", "--phase", "complete", "--json", data=data).json)

        (broken / "__init__.py").unlink()
        broken.rmdir()
        assert answers(runner.url) == runner.process.pid
        wait_for(lambda: finding(data, "Neither dashboard nor API answer") is None)
        assert runner.end(signal.SIGTERM) == 0
        told = [line for line in runner.err.splitlines() if "web process" in line]
        assert len(told) == 2
        assert "cannot start: ImportError: half of an upgrade" in told[0]
        assert "has started" in told[1]


def finding(data: Path, symptom: str) -> dict[str, Any] | None:
    """What the doctor finds, if its symptom begins so."""
    report = run_to_end("doctor", "--json", data=data).json
    return next((each for each in report["findings"] if each["symptom"].startswith(symptom)), None)


def test_a_killed_runner_leaves_neither_process_nor_port(tmp_path: Path) -> None:
    with started_runner(data=tmp_path / "data") as runner:
        assert answers(runner.url)
        serving = web_process(runner.process.pid)
        runner.end(signal.SIGKILL)
        port = httpx.URL(runner.url).port
        with listen(port):
            wait_for(lambda: not psutil.pid_exists(serving))


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_signal_to_all_processes_ends_all_in_order(tmp_path: Path, number: int) -> None:
    with started_runner(data=tmp_path / "data") as runner:
        assert answers(runner.url)
        serving = web_process(runner.process.pid)
        os.kill(serving, number)
        assert answers(runner.url)
        assert runner.end(number) == 0
        wait_for(lambda: not psutil.pid_exists(serving))
        assert runner.err == ""


@pytest.mark.slow
def test_what_another_process_wrote_while_the_store_grew_is_served(tmp_path: Path) -> None:
    with started_runner(data=tmp_path / "data") as runner:
        url = f"{runner.url}/api/stacks"
        stack = httpx.post(url, json={"name": "one"}, timeout=TIMEOUT).json()["id"]
        for number in range(60):
            todo = {"content": f"{number} {'x' * 1900}", "priority": 1}
            assert httpx.post(f"{url}/{stack}/todos", json=todo, timeout=TIMEOUT).status_code == 201
        assert httpx.get(f"{url}/{stack}/work", timeout=TIMEOUT).json()["statuses"]["builder"]
    with reading(tmp_path / "data") as reader:
        assert reader.get("agent_stacks", stack.encode())
