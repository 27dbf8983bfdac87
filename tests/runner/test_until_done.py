"""`run --until-done`: from an idea to a page, and what comes in between."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recursor.domain.stack import ExecutionState

UNTIL_DONE = ("run", "--until-done", "--port", "0")


def test_an_idea_becomes_a_page_and_a_summary(data: Path, recursor: Callable[..., Any]) -> None:
    done = recursor(*UNTIL_DONE, "--idea", "A todo list with a timer")
    assert done.code == 0
    assert done.err == ""
    (page,) = (data / "artifacts").glob("todo-list-with-a-timer-*.html")
    assert str(page) in done.out
    (stack,) = recursor("list", "--json").json
    assert (stack["name"], stack["phase"]) == ("todo list with a timer", "complete")
    printed = recursor("artifact", stack["id"][:6])
    assert printed.out == page.read_text(encoding="utf-8")
    assert "<html" in printed.out


def test_nothing_runs_for_an_idea_that_is_no_web_page(data: Path, recursor: Callable[..., Any]) -> None:
    done = recursor(*UNTIL_DONE, "--idea", "a REST API for a library", "--json")
    assert done.code == 4
    assert "asks for an API" in done.err
    assert (done.json["done"], done.json["scripted"], done.json["stacks"]) == (False, True, [])
    assert recursor("list", "--json").json == []


@pytest.mark.slow
def test_what_a_scripted_team_cannot_make_is_told_first_and_last(recursor: Callable[..., Any]) -> None:
    done = recursor(*UNTIL_DONE, "--idea", "A todo list with multiplayer chess", "--name", "x")
    assert done.code == 0
    first, *_, last = done.err.splitlines()
    assert first == "recursor: scripted team: not understood, and not made: multiplayer chess"
    assert "recursor configure x --set model.name=PROVIDER:MODEL" in last
    assert "recursor todos x --add 'multiplayer chess'" in last
    assert "as far as a scripted team can" in done.out
    assert "the project is complete" not in done.out
    assert "scripted: fixed rules, no model" in done.out
    (listed,) = recursor("list", "--json").json
    assert (listed["scripted"], listed["phase"]) == (True, "partial")
    assert listed["waits"] == "Done as far as possible. Waiting for a message or todo."
    assert recursor("list", "--phase", "complete", "--json").json == []
    assert " partial " in recursor("list").out
    shown = recursor("show", "x")
    assert "partial: done as far as a scripted team can" in shown.out
    assert "multiplayer chess" in shown.out


@pytest.mark.slow
def test_the_same_idea_twice_makes_two_stacks(recursor: Callable[..., Any]) -> None:
    first, second = (recursor(*UNTIL_DONE, "--idea", "notes", "--json").json for _ in range(2))
    assert first["done"] is second["done"] is True
    assert first["stacks"][0]["id"] != second["stacks"][0]["id"]
    assert Path(second["stacks"][0]["artifact"]["path"]).is_file()
    assert second["agent_runs"] >= second["cycles"] >= 1
    assert second["failures"] == second["failed_cycles"] == 0
    assert sum(second["decisions"].values()) == second["cycles"]

    again = recursor(*UNTIL_DONE, "--json")
    assert again.code == 0
    assert again.json["cycles"] == 0
    assert [stack["outcome"] for stack in again.json["stacks"]] == ["done", "done"]


@pytest.mark.slow
def test_nothing_to_run_is_done(recursor: Callable[..., Any]) -> None:
    done = recursor(*UNTIL_DONE)
    assert done.code == 0
    assert "no stack is running" in done.out


@pytest.mark.slow
def test_a_stack_that_keeps_failing_is_told_of(gated: Any) -> None:
    gated.open("fail")
    with gated.until_done("--set", "pause.failures_allowed=1") as run:
        assert run.end() == 1
        assert "Not done" in run.out
        assert "one" in run.err
        assert "was paused: 1 failed cycles in a row; the last: planner: RuntimeError: no luck" in run.err
        assert "Traceback" not in run.err
    assert gated.stack().state is ExecutionState.PAUSED


def test_an_interruption_is_no_success(gated: Any) -> None:
    with gated.until_done("--grace", "0") as run:
        gated.wait_for_run()
        assert run.end(signal.SIGTERM) == 1
        assert "continues" in run.err


@pytest.mark.slow
def test_a_stack_that_a_person_stops_is_not_waited_for(gated: Any, recursor: Callable[..., Any]) -> None:
    with gated.until_done("--grace", "0") as run:
        gated.wait_for_run()
        assert recursor("stop", "one").code == 0
        assert run.end() == 0
        assert "no stack is running" in run.out


@pytest.mark.slow
def test_the_one_stack_that_was_wanted_being_deleted_is_no_success(
    gated: Any, recursor: Callable[..., Any]
) -> None:
    recursor("stop", "one")
    with gated.until_done("--grace", "0", "--idea", "another list") as run:
        gated.wait_for_run()
        assert recursor("delete", "another list", "--yes").code == 0
        assert run.end() == 1
        assert "stopped or deleted" in run.err
