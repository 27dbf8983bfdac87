"""Every command uses the settings file and the environment."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recursor.cli.app import run_command
from recursor.cli.configured import flags

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in an empty current directory; returns its exit code, its output, its complaint."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command(arguments)
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_the_data_directory_is_that_of_the_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "recursor.toml").write_text('[runner]\ndata = "from-file"\n')
    (tmp_path / "other.toml").write_text('[runner]\ndata = "from-other"\n')
    for arguments, place in (
        ((), "from-file"),
        (("--config", "other.toml"), "from-other"),
        (("--data", "from-flag"), "from-flag"),
        (("--data", "from-both", "--config", "other.toml"), "from-both"),
    ):
        assert not (tmp_path / place).exists()
        assert run("create", "one", *arguments)[0] == 0
        assert (tmp_path / place / "store").is_dir()


def test_the_data_directory_is_that_of_the_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recursor.toml").write_text('[runner]\ndata = "from-file"\n')
    monkeypatch.setenv("RECURSOR_DATA", "from-environment")
    assert run("create", "one")[0] == 0
    assert (tmp_path / "from-environment" / "store").is_dir()


@pytest.mark.parametrize(
    "command", [("list",), ("create", "one"), ("run", "--until-done"), ("pause", "--all"), ("work", "one")],
    ids=lambda command: command[0],
)  # fmt: skip
def test_a_mistake_in_a_source_stops_any_command(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    (tmp_path / "recursor.toml").write_text("[pause]\nafter_wrok = 2\n")
    code, out, complaint = run(*command)
    assert (code, out) == (2, "")
    assert complaint == (
        "recursor: recursor.toml:2: unknown key 'pause.after_wrok'; did you mean pause.after_work? "
        f"(in {tmp_path})\n"
    )
    (tmp_path / "recursor.toml").unlink()
    monkeypatch.setenv("RECURSOR_PAUSE__AFTER_WORK", "soon")
    code, out, complaint = run(*command)
    assert (code, out) == (2, "")
    assert complaint.startswith("recursor: RECURSOR_PAUSE__AFTER_WORK: pause.after_work: ")
    assert list(tmp_path.iterdir()) == []


def test_an_option_is_told_as_it_is_typed() -> None:
    given = flags(port=0, log_level="info", allowed_hosts=("a",), agents=None)
    assert {key: each.where for (_, key), each in given.items()} == {
        "port": "--port",
        "log_level": "--log-level",
        "allowed_hosts": "--allow-host",
    }


def test_help_needs_no_settings(run: Run, tmp_path: Path) -> None:
    (tmp_path / "recursor.toml").write_text("no toml")
    assert run("--version")[0] == run("list", "--help")[0] == 0


def test_work_is_detected_as_the_settings_have_it(run: Run, tmp_path: Path) -> None:
    assert run("create", "one", "--idea", "a list")[0] == 0
    assert run("message", "one", "What is your name?", "--from", "Ada")[0] == 0
    (tmp_path / "recursor.toml").write_text("[detection]\nminimum_priority = 10\n")
    assert json.loads(run("work", "one", "--json", "--config", "/dev/null")[1])["statuses"]["planner"][
        "has_work"
    ]
    work = json.loads(run("work", "one", "--json")[1])["statuses"]
    assert [role for role, status in work.items() if status["has_work"]] == ["communicator"]


@pytest.mark.slow
def test_a_runner_goes_by_them(tmp_path: Path, recursor: Callable[..., Any]) -> None:
    settings = tmp_path / "mine.toml"
    settings.write_text("[limits]\noutcome_bytes = 2000\n[pause]\nfirst_backoff = 0\nlongest_backoff = 0\n")
    arguments = ("run", "--idea", "a habit tracker", "--until-done", "--port", "0", "--json")
    ended = recursor(*arguments, "--config", str(settings))
    assert ended.code == 1
    assert ended.json["stacks"][0]["outcome"] == "failed"
    assert recursor(*arguments, "--config", str(settings), "--set", "limits.outcome_bytes=8000000").code == 0
