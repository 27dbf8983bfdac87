"""What scripts rely on, in real processes, with and without a runner on the data directory."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.processes import COMMAND, TIMEOUT, environment


@pytest.fixture(params=["with a runner", "without a runner"])
def situation(request: pytest.FixtureRequest, start_runner: Callable[..., Any]) -> Iterator[str]:
    with start_runner() if request.param == "with a runner" else nullcontext():
        yield request.param


def test_a_stack_goes_through_its_life(situation: str, recursor: Callable[..., Any]) -> None:
    created = recursor("create", "Garden planner", "--idea", "notes on gardens")
    assert created.code == 0
    assert created.err == ""
    stack_id = created.out.strip()
    assert created.out == f"{stack_id}\n"

    (listed,) = recursor("list", "--json").json
    assert (listed["id"], listed["name"], listed["state"]) == (stack_id, "Garden planner", "idle")
    assert datetime.fromisoformat(listed["created_at"]).tzinfo is not None

    shown = recursor("show", stack_id[:5], "--json").json
    assert shown["id"] == stack_id
    assert shown["idea"]["idea"] == "notes on gardens"
    assert (shown["live"] is not None) == (situation == "with a runner")

    todo = recursor("todos", "garden planner", "--add", "plant trees", "--priority", "5", "--json").json
    (listed,) = recursor("todos", stack_id, "--json").json
    assert listed == todo
    assert listed["priority"] == 5
    cancelled = recursor("todos", stack_id, "--cancel", todo["id"][-8:])
    assert cancelled.out == f"todo {todo['id'][-8:]} is cancelled\n"

    message = recursor("message", stack_id, "When is spring?", "--from", "Ada", "--json").json
    assert (message["sender"], message["content"]) == ("Ada", "When is spring?")

    work = recursor("work", stack_id, "--json").json
    assert work["statuses"]["communicator"]["priority"] == 10

    assert recursor("resume", stack_id).complaint == (
        "stack Garden planner is idle, nothing to resume: start it"
    )
    (stopped,) = recursor("stop", stack_id, "--json").json
    assert stopped["state"] == "stopped"
    stats = recursor("stats", stack_id, "--json").json
    assert (stats["stack_id"], stats["cycles"]) == (stack_id, 0)
    assert recursor("executions", stack_id, "--json").json == []

    refused = recursor("delete", stack_id)
    assert refused.code == 2
    assert "--yes" in refused.complaint
    assert recursor("delete", stack_id, "--yes").code == 0
    assert recursor("list", "--json").json == []
    assert recursor("show", stack_id).code == 1


@pytest.mark.slow
def test_a_stack_that_was_started_again_tells_both_counts(recursor: Callable[..., Any]) -> None:
    summary = recursor("run", "--idea", "notes", "--until-done", "--port", "0", "--json").json
    stack_id, cycles = summary["stacks"][0]["id"], summary["cycles"]
    assert f"cycles    {cycles}, the last" in recursor("show", stack_id).out
    assert recursor("stop", stack_id).code == recursor("start", stack_id).code == 0
    assert f"cycles    0 since the last start, {cycles} in total, the last" in recursor("show", stack_id).out


@pytest.mark.slow
def test_executions_and_graphs_come_newest_first(recursor: Callable[..., Any]) -> None:
    summary = recursor("run", "--idea", "notes", "--until-done", "--port", "0", "--json").json
    stack_id, cycles = summary["stacks"][0]["id"], summary["cycles"]
    numbers = [execution["number"] for execution in recursor("executions", stack_id, "--json").json]
    assert numbers == list(range(cycles, 0, -1))
    limited = recursor("executions", stack_id, "--limit", "2", "--json").json
    assert [execution["number"] for execution in limited] == numbers[:2]
    graphs = recursor("graphs", stack_id, "--limit", "2", "--json").json
    assert [graph["id"] for graph in graphs] == [execution["id"] for execution in limited]
    assert graphs[0]["nodes"][0]["status"] == "completed"
    newest, first = recursor("artifact", stack_id), recursor("artifact", stack_id, "--version", "1")
    assert newest.out.lower().startswith("<!doctype html>")
    assert newest.out != first.out
    assert recursor("artifact", stack_id, "--version", "1", "--json").json["number"] == 1
    none = recursor("artifact", stack_id, "--version", "999")
    assert none.complaint.startswith("notes has no version 999: the newest is ")


def test_several_stacks_are_steered_at_once(recursor: Callable[..., Any]) -> None:
    ids = [recursor("create", name).out.strip() for name in ("one", "two")]
    done = recursor("start", "one", "nope", "two", "--json")
    assert done.code == 1
    assert "no stack named 'nope'" in done.complaint
    assert [stack["id"] for stack in done.json] == ids
    paused = recursor("pause", "--all")
    assert paused.code == 0
    assert sorted(paused.out.splitlines()) == [
        f"one ({ids[0][:8]}) is paused",
        f"two ({ids[1][:8]}) is paused",
    ]
    assert recursor("pause", "--all").out == ""
    assert recursor("list", "--state", "running", "--json").json == []


def test_what_is_read_no_further_is_no_error(recursor: Callable[..., Any], data: Path) -> None:
    for number in range(3):
        recursor("create", f"stack {number}")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, *COMMAND, "list", "--json", "--data", str(data)],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
            timeout=TIMEOUT,
            env=environment(),
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_environment_names_the_data_directory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, *COMMAND, "create", "one"],
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=TIMEOUT,
        env=environment(RECURSOR_DATA=str(tmp_path / "elsewhere")),
    )
    assert done.returncode == 0
    assert (tmp_path / "elsewhere" / "store").is_dir()
