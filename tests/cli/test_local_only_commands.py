"""Commands on a runner elsewhere: those that work from afar, and those that say why they do not."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recursor.cli.app import run_command
from recursor.cli.local_only_commands import LOCAL_ONLY, as_remote_command
from tests.processes import COMMAND, TIMEOUT, Done, Started, environment, started_runner, wait_for

ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 1"

Run = Callable[..., tuple[int, str, str]]

ARGUMENTS = {
    "restore": ("somewhere",),
    "backup": ("somewhere",),
    "export": ("garden", "somewhere"),
    "pull": ("garden",),
    "push": ("garden", "origin", "main"),
}


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, in which no data directory is to be made."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def run(away: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command; returns its exit code, and what it said to stdout and stderr."""
    # As in processes of their own, which it is compared with.
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command(arguments)
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def runner(data: Path, recursor: Callable[..., Done]) -> Iterator[Started]:
    recursor("create", "garden", "--idea", "a list")
    with started_runner(data=data) as runner:
        yield runner


@pytest.mark.parametrize("how", ["--url", "RECURSOR_URL"])
@pytest.mark.parametrize("command", LOCAL_ONLY)
def test_what_needs_the_files_says_so(
    run: Run, away: Path, monkeypatch: pytest.MonkeyPatch, command: str, how: str
) -> None:
    arguments = [command, *ARGUMENTS.get(command, ())]
    if how == "--url":
        arguments += ["--url", "https://runner.example/api/"]
    else:
        monkeypatch.setenv("RECURSOR_URL", "https://runner.example")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith(f"recursor: {how}: https://runner.example is remote, and `recursor {command}` ")
    assert LOCAL_ONLY[command] in line
    assert "run it on that machine" in line
    assert list(away.iterdir()) == []


def test_a_data_directory_that_is_typed_comes_before_the_variable(
    run: Run, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    monkeypatch.setenv("RECURSOR_URL", "https://runner.example")
    for command in ("config", "logs", "doctor"):
        code, _, err = run(command, "--data", str(data))
        assert code == 0
        assert "runner.example" not in err


@pytest.mark.parametrize(
    "command", [("doctor",), ("sql", "SELECT 1"), ("watch",), ("watch", "garden")], ids=" ".join
)
def test_nothing_here_stands_in_for_a_runner_that_is_silent(run: Run, away: Path, command: Any) -> None:
    code, out, err = run(*command, "--url", "http://127.0.0.1:1")
    assert (code, out) == (1, "")
    assert err == (
        "recursor: http://127.0.0.1:1: nothing listens there: check the address, and whether the runner "
        "is up\n"
    )
    assert list(away.iterdir()) == []


def test_the_doctor_examines_the_runner_elsewhere(
    run: Run, runner: Started, recursor: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    recursor("start", "garden")
    recursor("pause", "garden")
    monkeypatch.setenv("RECURSOR_URL", runner.url)
    there = json.loads(run("doctor", "--json")[1])
    here = recursor("doctor", "--json").json
    assert there.keys() == here.keys()
    assert there["totals"]["stacks"] == 1
    code, out, err = run("doctor", "gard")
    assert (code, out) == (1, "")
    assert err.startswith("recursor: no stack named 'gard'")
    code, out, err = run("doctor", "garden")
    assert (code, err) == (0, "")
    assert runner.url in out


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("recursor resume 1 --data '/a b/c'", "recursor resume 1 --url https://runner.example"),
        ("recursor logs 1 --data /srv/data", "recursor logs 1 --url https://runner.example"),
        ("recursor run --data /srv/data", "recursor run --data /srv/data"),
        ("kill 7 && tail --pid=7 -f /dev/null", "kill 7 && tail --pid=7 -f /dev/null"),
    ],
)
def test_what_the_doctor_there_advises_is_told_as_it_is_typed_here(there: str, here: str) -> None:
    assert as_remote_command(there, "https://runner.example") == here


@pytest.mark.slow
def test_sql_is_answered_by_the_runner_elsewhere(
    run: Run, runner: Started, recursor: Callable[..., Done]
) -> None:
    recursor("create", "orchard")
    query, there = "SELECT name, settings FROM agent_stacks ORDER BY name", ("--url", runner.url)
    assert run("sql", query, "--json", *there) == (0, recursor("sql", query, "--json").out, "")
    assert run("sql", query, "--csv", *there)[1].splitlines()[0] == "name,settings"
    code, out, err = run("sql", query, "--limit", "1", "--json", *there)
    assert (code, [row["name"] for row in json.loads(out)]) == (0, ["garden"])
    assert err == "recursor: only the first 1 rows: narrow the query, or give --limit N for more\n"
    for arguments, said in (
        (("DROP TABLE todos",), "query: DROP is not possible here: give one SELECT"),
        (("SELECT '\ud800'",), "query: "),
        (("SELECT 1", "--limit", "10001"), "query: 10001 rows are more than the 10000 that the runner's"),
        (("SELECT 1", "--seconds", "11"), "query: 11 s are more than the 10 s that the runner's setting"),
        ((ENDLESS, "--seconds", "0.5"), "query: took longer than 0.5 s"),
    ):
        code, out, err = run("sql", *arguments, *there)
        assert (code, out) == (2, "")
        (line,) = err.splitlines()
        assert said in line


@pytest.mark.slow
def test_the_runner_elsewhere_is_pruned(run: Run, runner: Started, recursor: Callable[..., Done]) -> None:
    recursor("start", "garden")
    wait_for(lambda: recursor("list", "--phase", "complete", "--json").json)
    recursor("stop", "garden")
    before = len(recursor("executions", "garden", "--json").json)
    wanted, there = ("prune", "garden", "--keep", "1", "--json"), ("--url", runner.url)
    foreseen = json.loads(run(*wanted, "--dry-run", *there)[1])
    assert (foreseen["dry_run"], foreseen["removed"]["executions"]) == (True, before - 1)
    assert len(recursor("executions", "garden", "--json").json) == before > 1
    assert json.loads(run(*wanted, *there)[1]) == {**foreseen, "dry_run": False}
    assert len(recursor("executions", "garden", "--json").json) == 1
    assert run("prune", "--all", "--keep", "1", *there) == (0, "nothing to remove\n", "")


@pytest.mark.slow
def test_the_tables_are_those_of_the_runner_elsewhere(
    run: Run, runner: Started, recursor: Callable[..., Done]
) -> None:
    for more in ((), ("--json",)):
        here = recursor("sql", "--tables", *more)
        assert run("sql", "--tables", *more, "--url", runner.url) == (0, here.out, "")
    assert "orchestrator_executions" in here.out


@pytest.mark.slow
def test_the_log_of_the_runner_elsewhere_reads_as_it_does_there(
    run: Run, runner: Started, recursor: Callable[..., Done]
) -> None:
    made = recursor("create", "pond", "--idea", "a list", "--start").out.strip()
    wait_for(lambda: recursor("list", "--phase", "complete", "--search", "pond", "--json").json)
    for arguments in (
        (),
        ("--json",),
        ("pond", "--json"),
        (made, "-n", "2", "--json"),
        (made[:6], "--since", "1h", "--json"),
        ("--level", "error"),
        ("nobody", "--json"),
    ):
        here = recursor("logs", *arguments)
        code, out, err = run("logs", *arguments, "--url", runner.url)
        assert (code, out) == (0, here.out), arguments
        assert bool(err) == bool(here.err)
    assert "pond" in recursor("logs", "pond").out
    # One that is gone by now is still read about.
    recursor("delete", "pond", "--yes")
    assert '"pond"' in run("logs", "pond", "--json", "--url", runner.url)[1]


@pytest.mark.slow
def test_a_runner_elsewhere_is_watched_also_when_it_was_away(
    away: Path, data: Path, runner: Started, recursor: Callable[..., Done]
) -> None:
    with (away / "errors").open("w+") as errors:
        watcher = subprocess.Popen(
            [sys.executable, *COMMAND, "watch", "--url", runner.url],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(),
        )
        with watcher:
            try:
                assert watcher.stdout is not None
                assert watcher.stdout.readline() == "garden: idle, planning: cycle 0\n"
                assert runner.end(signal.SIGTERM) == 0
                wait_for(lambda: "trying again" in (away / "errors").read_text())
                with started_runner("--port", runner.url.rpartition(":")[2], data=data):
                    recursor("delete", "garden", "--yes")
                    assert watcher.stdout.readline() == "garden: deleted\n"
                    watcher.send_signal(signal.SIGINT)
                    assert watcher.wait(TIMEOUT) == 0
            finally:
                watcher.kill()
        assert len((away / "errors").read_text().splitlines()) == 1
    assert [each.name for each in away.iterdir()] == ["errors"]
