"""What cannot be right is one clear line, an exit code, and nothing written."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from recursor.cli.app import run_command

Run = Callable[..., tuple[int, str]]

EVERY_COMMAND_ON_A_STACK = (
    ("show",),
    ("start",),
    ("pause",),
    ("resume",),
    ("stop",),
    ("rename", "yard"),
    ("delete", "--yes"),
    ("message", "hello"),
    ("todos",),
    ("executions",),
    ("graphs",),
    ("work",),
    ("stats",),
    ("artifact",),
    ("watch",),
    ("doctor",),
    ("traces",),
    ("traces", "-f"),
    ("configure", "--set", "pause.after_work=2"),
)


@pytest.fixture
def run(data: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; returns its exit code and its one line on stderr, or its output."""

    def run(*arguments: str, at: Path = data) -> tuple[int, str]:
        code = run_command([*arguments, "--data", str(at)])
        told = capsys.readouterr()
        if code == 0:
            assert told.err == ""
            return code, told.out.strip()
        (line,) = told.err.splitlines()
        assert line.startswith("recursor: ")
        assert told.out == ""
        assert "Traceback" not in line
        assert line.isprintable()
        return code, line.removeprefix("recursor: ")

    return run


def on(stack: str, command: tuple[str, ...]) -> list[str]:
    return [command[0], stack, *command[1:]]


@pytest.mark.parametrize("command", EVERY_COMMAND_ON_A_STACK, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nope", "no stack named 'nope'"),
        ("", "no stack named ''"),
        ("x" * 100_000, "no stack named"),
        ("\x1b[31mred\n", "no stack named"),
        ("\udcff", "no stack named"),
        ("../../etc", "no stack named"),
    ],
    ids=["unknown", "empty", "huge", "control", "surrogate", "path"],
)
def test_an_unknown_stack(run: Run, data: Path, command: tuple[str, ...], name: str, says: str) -> None:
    code, line = run(*on(name, command))
    assert code == 1
    assert says in line
    assert len(line) < 1_000
    assert not data.exists()


@pytest.mark.parametrize("command", EVERY_COMMAND_ON_A_STACK, ids=lambda command: command[0])
def test_an_ambiguous_stack(
    run: Run, data: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    # The second is made with a note that it is one.
    assert [run_command(["create", "twin", "--data", str(data)]) for _ in range(2)] == [0, 0]
    ids = capsys.readouterr().out.split()
    assert len(ids) == 2
    code, line = run(*on("twin", command))
    assert code == 1
    assert line.startswith("several stacks are named 'twin'")
    assert all(stack_id in line for stack_id in ids)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("create", ""), "stack: name"),
        (("create", "x" * 201), "stack: name"),
        (("create", "a\nb"), "stack: name"),
        (("create", "a\x1b[2J"), "stack: name"),
        (("create", "a\x00b"), "stack: name"),
        (("create", "\udcff"), "stack: name"),
        (("create", "one", "--idea", ""), "project idea: idea"),
        (("create", "one", "--idea", "x" * 20_001), "project idea: idea"),
        (("create", "one", "--idea", "\udcff"), "project idea: idea"),
        (("create", "one", "--set", "pause.after_wrok=2"), "did you mean pause.after_work?"),
        (("create", "one", "--set", "pauze.after_work=2"), "did you mean pause?"),
        (("create", "one", "--set", "pause.after_work=-2"), "settings.pause: after_work"),
        (("create", "one", "--set", "pause.after_work=soon"), "settings.pause: after_work"),
        (("create", "one", "--set", "pause"), "is not SECTION.KEY=VALUE"),
        (("create", "one", "--set", ""), "is not SECTION.KEY=VALUE"),
        (("create", "one", "--model", "gpt-5-mini"), "PROVIDER:MODEL, such as openai:gpt-5-mini"),
        (("create", "one", "--model", ""), "model: name: must be scripted, or PROVIDER:MODEL"),
        (("create", "one", "--model", "a:b", "--set", "model.name=a:c"), "give one of them"),
        (("create", "one", "--set", 'model.fallback=["gpt"]'), "fallback.0: must be scripted"),
        (("create",), "Missing argument 'NAME': see recursor create --help"),
        (("create", "one", "two"), "unexpected extra argument"),
        (("creat", "one"), "No such command 'creat'"),
        (("list", "--state", "running?"), "--state"),
        (("list", "--stat", "x"), "No such option"),
        (("pause",), "pause: name stacks, or give --all"),
        (("pause", "one", "--all"), "pause: name stacks, or give --all"),
        (("executions", "one", "--limit", "0"), "--limit"),
        (("executions", "one", "--limit", "-1"), "--limit"),
        (("executions", "one", "--limit", "10001"), "--limit"),
        (("executions", "one", "--limit", "many"), "--limit"),
        (("graphs", "one", "--limit", "0"), "--limit"),
        (("stats", "one", "--since", "yesterday"), "--since: 'yesterday' is not a span of time"),
        (("stats", "one", "--since", ""), "--since"),
        (("stats", "one", "--since", "-5m"), "--since"),
        (("stats", "one", "--since", "9" * 400), "--since"),
        (("artifact", "one", "--version", "0"), "--version"),
        (("artifact", "one", "--version", "new"), "--version"),
        (("todos", "one", "--add", "x", "--priority", "6"), "--priority"),
        (("todos", "one", "--add", "x", "--cancel", "y"), "give one at a time"),
        (("todos", "one", "--status", "lost"), "--status"),
        (("message", "one"), "Missing argument 'TEXT'"),
        (("message", "one", "hello", "--timeout", "ever"), "--timeout"),
        (("run", "--port", "-1"), "--port"),
        (("run", "--port", "65536"), "--port"),
        (("run", "--port", "http"), "--port"),
        (("run", "--agents", "0"), "--agents"),
        (("run", "--grace", "long"), "--grace"),
        (("run", "--model", "gpt-5-mini"), "PROVIDER:MODEL, such as openai:gpt-5-mini"),
        (("run", "--team", "nowhere:team"), "team nowhere:team: nowhere cannot be imported"),
        (("run", "--name", "x"), "--name"),
        (("run", "--idea", " ", "--until-done"), "project idea: idea"),
        (("run", "--idea", "x", "--name", ""), "stack: name"),
        (("run", "--set", "limits.node_second=1"), "did you mean limits.node_seconds?"),
    ],
)
def test_bad_usage(run: Run, data: Path, arguments: tuple[str, ...], says: str) -> None:
    code, line = run(*arguments)
    assert code == 2
    assert says in line
    assert not data.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("message", "one", ""), "message: content"),
        (("message", "one", "x" * 20_001), "message: content"),
        (("message", "one", "\udcff"), "message: content"),
        (("message", "one", "hello", "--from", ""), "message: sender"),
        (("message", "one", "hello", "--from", "a\nb"), "message: sender"),
        (("todos", "one", "--add", ""), "todo: content"),
        (("todos", "one", "--add", "x" * 2_001), "todo: content"),
        (("todos", "one", "--add", "\udcff"), "todo: content"),
    ],
)
def test_a_stack_is_not_told_what_it_cannot_keep(run: Run, arguments: tuple[str, ...], says: str) -> None:
    run("create", "one")
    code, line = run(*arguments)
    assert code == 2
    assert says in line
    assert run("todos", "one", "--json") == (0, "[]")


def test_a_todo_that_is_not_there(run: Run) -> None:
    run("create", "one")
    assert run("todos", "one", "--cancel", "nope")[0] == 1
    assert run("todos", "one", "--cancel", "")[0] == 1


@pytest.mark.parametrize(
    "command", [("list",), ("create", "one"), ("run", "--port", "0"), ("show", "one")], ids=lambda c: c[0]
)
def test_a_data_directory_that_is_none(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    file = tmp_path / "file"
    file.touch()
    assert run(*command, at=file) == (2, f"--data: {file} is a file: name a directory")
    code, line = run(*command, at=file / "below")
    assert code in (1, 2)
    assert "director" in line
    assert run(*command, at=Path("x" * 5_000))[0] == 2


@pytest.mark.parametrize("command", [("create", "one"), ("run", "--port", "0")], ids=lambda c: c[0])
def test_a_data_directory_that_cannot_be_written(run: Run, command: tuple[str, ...]) -> None:
    # Nobody, not even root, can make a directory there.
    code, line = run(*command, at=Path("/proc/recursor/data"))
    assert code == 1
    assert "/proc/recursor" in line


def test_nobody_to_ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("create", "one")
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    code, line = run("delete", "one")
    assert code == 2
    assert "--yes" in line
    assert run("list", "--json")[1] != "[]"


def test_what_nobody_expected(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def surprise(*_: Any) -> None:
        raise ZeroDivisionError("what?\nno")

    monkeypatch.setattr("recursor.client.synchronous.Client._carry_out", surprise)
    code, line = run("list")
    assert code == 1
    assert line == "internal error: ZeroDivisionError: what? no (RECURSOR_DEBUG=1 shows where)"
