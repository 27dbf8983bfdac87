"""What is told on stderr where stdout has nothing to say, or not enough."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recursor.cli.app import run_command
from recursor.storage.data_directory import DataDirectoryLock

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(data: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; returns its exit code and what it wrote."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command([*arguments, "--data", str(data)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_why_nothing_is_listed(run: Run, data: Path) -> None:
    assert run("list") == (0, "", f"recursor: no stacks in {data}: `recursor create` creates one\n")
    assert run("list", "--json") == (0, "[]\n", "")
    assert run("create", "garden")[0] == 0
    code, out, err = run("list", "--search", "zzz")
    assert (code, out) == (0, "")
    assert err == f"recursor: no matching stacks in {data}: `recursor list` shows all\n"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("traces", "garden"), "no traces of stack garden"),
        (("traces", "garden", "--role", "builder"), "no traces like that of stack garden"),
        (("logs", "--level", "error"), "nothing like that in "),
        (("logs", "garden", "--level", "error"), "nothing like that in "),
    ],
)
def test_why_nothing_is_shown(run: Run, command: tuple[str, ...], says: str) -> None:
    run("create", "garden")
    code, out, err = run(*command)
    assert (code, out) == (0, "")
    assert err.startswith(f"recursor: {says}")
    assert len(err.splitlines()) == 1
    assert run(*command, "--json") == (0, "[]\n", "")


def test_why_there_is_no_log(run: Run) -> None:
    code, out, err = run("logs")
    assert (code, out) == (0, "")
    assert err.startswith("recursor: nothing in ")


def test_a_name_that_another_stack_has_is_pointed_out(run: Run) -> None:
    first = run("create", "Garden")
    assert first[2] == ""
    code, out, err = run("create", "garden")
    assert code == 0
    (stack_id,) = out.splitlines()
    assert err == (
        "recursor: another stack is also called garden: use ids to tell them apart: "
        f"this one's is {stack_id}\n"
    )
    code, out, err = run("create", "garden", "--json")
    assert json.loads(out)["name"] == "garden"
    assert "another stack" in err


def test_a_new_name_that_another_stack_has_is_pointed_out_too(run: Run) -> None:
    run("create", "Garden")
    run("create", "Yard")
    code, out, err = run("rename", "yard", "garden")
    assert (code, out.endswith(" is now called garden\n")) == (0, True)
    assert err.startswith("recursor: another stack is also called garden: use ids to tell them apart")
    assert run("rename", out.split()[0], "Yard")[2] == ""


def test_a_kind_of_events_is_checked_before_it_is_asked_for(run: Run) -> None:
    code, out, err = run("events", "--kind", "foo")
    assert (code, out) == (2, "")
    assert "--kind" in err
    assert "'foo'" in err
    assert "cycle_started" in err


def test_a_span_has_a_length(run: Run) -> None:
    code, _, err = run("stats", "--since", "0")
    assert code == 2
    assert err == "recursor: --since: '0' is no time: give for example 90s, 15m, 24h, 7d\n"


def test_a_runner_that_serves_nobody_is_not_said_to_be_down(run: Run, data: Path) -> None:
    run("create", "garden", "--start")
    with DataDirectoryLock(data, started_at=datetime.now(UTC)):
        shown, told = run("show", "garden"), run("events")
    assert "a runner is up, but does not answer: see `recursor doctor`" in " ".join(shown[1].split())
    assert told == (
        1, "", "recursor: events: a runner is up, but does not answer: see `recursor doctor`\n"
    )  # fmt: skip
    assert "no runner is up: `recursor run` starts one" in " ".join(run("show", "garden")[1].split())
