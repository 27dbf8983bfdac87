"""What a runner logged is read and followed, with a runner and without."""

import json
import os
import pwd
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import Done, Gated, started


def events(done: Done) -> list[str]:
    return [record["event"] for record in done.json]


def test_a_run_is_told_from_its_log(recursor: Callable[..., Done], data: Path) -> None:
    assert recursor("logs").out == ""
    run = recursor("run", "--idea", "notes", "--until-done", "--port", "0", "--json")
    assert run.err == ""
    stack_id = run.json["stacks"][0]["id"]
    told = recursor("logs", "--json").json
    assert told[0]["event"].startswith(f"the runner is up: {data}, process ")
    assert told[-1]["event"] == "the runner has ended"
    cycles = [record for record in told if record["event"] == "cycle completed"]
    assert [record["cycle"] for record in cycles] == list(range(1, run.json["cycles"] + 1))
    agents = [record for record in told if record["event"] == "agent completed"]
    assert len(agents) == run.json["agent_runs"]
    assert {record["execution"] for record in agents} == {record["execution"] for record in cycles}
    assert (agents[0]["stack"], agents[0]["node"], agents[0]["name"]) == (stack_id, "planner", "notes")

    of_stack = events(recursor("logs", "notes", "--json"))
    assert of_stack == [record["event"] for record in told if record.get("stack") == stack_id]
    assert events(recursor("logs", stack_id[:6], "--limit", "2", "--json")) == of_stack[-2:]
    assert events(recursor("logs", "--level", "warning", "--json")) == []
    assert len(events(recursor("logs", "--since", "1h", "--json"))) == len(told)
    recursor("delete", stack_id, "--yes")
    assert events(recursor("logs", "Notes", "--json")) == of_stack
    shown = recursor("logs", "notes", "-n", "1").out
    assert "notes: " in shown
    assert f"stack={stack_id}" in shown


@pytest.mark.slow
def test_a_failure_is_followed_across_runners(gated: Gated) -> None:
    with started("logs", "-f", "--level", "warning", "--json", data=gated.data) as follower:
        assert follower.process.stdout is not None
        cycles: list[int] = []
        for _ in range(2):
            with gated.runner() as runner:
                gated.open("fail")
                told = [json.loads(follower.process.stdout.readline()) for _ in range(2)]
                assert runner.end(signal.SIGTERM) == 0
                # A slow machine may have seen it fail again.
                errors = [json.loads(line) for line in runner.err.splitlines()]
                told += [json.loads(follower.process.stdout.readline()) for _ in errors[2:]]
            assert [record["event"] for record in told] == [error["event"] for error in errors]
            assert [record["event"] for record in told[:2]] == ["agent failed", "cycle failed"]
            assert (told[0]["node"], told[0]["note"]) == ("planner", "RuntimeError: no luck")
            cycles += [record["cycle"] for record in told if record["event"] == "cycle failed"]
            gated.close()
        assert cycles == list(range(1, len(cycles) + 1))
        assert follower.end(signal.SIGINT) == 0


@pytest.mark.slow
def test_a_runner_need_not_keep_a_log(recursor: Callable[..., Done], data: Path) -> None:
    recursor("run", "--idea", "notes", "--until-done", "--port", "0", "--no-log-file")
    assert not (data / "logs").exists()
    assert recursor("logs", "--json").json == []


@pytest.mark.slow
def test_a_log_that_cannot_be_kept_is_said_and_stops_no_runner(
    recursor: Callable[..., Done], data: Path
) -> None:
    data.mkdir()
    (data / "logs").write_text("in the way")
    run = recursor("run", "--idea", "notes", "--until-done", "--port", "0")
    assert run.code == 0
    assert run.err == f"recursor: {data}/logs/recursor.log: no log is kept there: File exists\n"


@pytest.mark.slow
def test_the_level_and_the_format_can_be_chosen(recursor: Callable[..., Done]) -> None:
    logged = ("--log-level", "debug", "--log-format", "human")
    run = recursor("run", "--idea", "notes", "--until-done", "--port", "0", *logged)
    assert "[debug] agent started id=" in run.err
    assert "[info] cycle completed id=" in run.err
    assert "agent started" in [
        record["event"] for record in recursor("logs", "--level", "debug", "--json").json
    ]


def test_commands_without_a_runner_are_in_the_audit_log(recursor: Callable[..., Done]) -> None:
    stack_id = recursor("create", "one").out.strip()
    recursor("rename", stack_id, "two")
    assert recursor("pause", stack_id).code == 1
    recursor("show", stack_id)
    audit = [each for each in recursor("logs", "--json").json if each["logger"] == "recursor.audit"]
    by = f"user {pwd.getpwuid(os.geteuid()).pw_name} of this machine"
    events = [each["event"] for each in audit]
    assert events[0].startswith(f"{by}: create of {stack_id}: ")
    assert events[1] == f"{by}: name of {stack_id}: one -> two"
    assert events[2].startswith(f'{by}: control: {{"command": "pause"')
    assert len(events) == 3
