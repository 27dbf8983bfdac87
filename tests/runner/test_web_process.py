"""The process that serves: replaced when it dies, gone when the runner is."""

import os
import signal
from pathlib import Path

import httpx
import psutil
import pytest

from recursor.runner.access import Access
from recursor.runner.port import listen
from tests.processes import started_runner, wait_for


def web_process(runner: int) -> int | None:
    """The process that serves for a runner, once it does."""
    found = [child.pid for child in psutil.Process(runner).children() if child.status() != "zombie"]
    return found[0] if found else None


def answers(url: str) -> int | None:
    try:
        return httpx.get(f"{url}/api/health", timeout=30).json()["pid"]
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
        made = httpx.post(f"{runner.url}/api/stacks", json={"name": "one", "start": True}, timeout=30)
        assert made.json()["state"] == "running"
        assert runner.end(signal.SIGTERM) == 0
        assert "the web process ended" in runner.err


def test_a_killed_runner_leaves_neither_process_nor_port(tmp_path: Path) -> None:
    with started_runner(data=tmp_path / "data") as runner:
        assert answers(runner.url)
        serving = web_process(runner.process.pid)
        runner.end(signal.SIGKILL)
        port = httpx.URL(runner.url).port
        with listen(port):
            wait_for(lambda: not psutil.pid_exists(serving))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_ends_all_in_order(tmp_path: Path, number: int) -> None:
    with started_runner(data=tmp_path / "data") as runner:
        assert answers(runner.url)
        serving = web_process(runner.process.pid)
        os.kill(serving, number)
        assert answers(runner.url)
        assert runner.end(number) == 0
        wait_for(lambda: not psutil.pid_exists(serving))
        assert runner.err == ""


def test_what_another_process_wrote_while_the_store_grew_is_served(tmp_path: Path) -> None:
    with started_runner(data=tmp_path / "data") as runner:
        url = f"{runner.url}/api/stacks"
        stack = httpx.post(url, json={"name": "one"}, timeout=30).json()["id"]
        for number in range(60):
            todo = {"content": f"{number} {'x' * 1900}", "priority": 1}
            assert httpx.post(f"{url}/{stack}/todos", json=todo, timeout=30).status_code == 201
        assert httpx.get(f"{url}/{stack}/work", timeout=30).json()["statuses"]["builder"]
    with Access(tmp_path / "data") as access, access.read() as reader:
        assert reader.get("agent_stacks", stack.encode())
