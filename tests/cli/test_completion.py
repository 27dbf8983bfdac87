"""What a shell is offered: stacks by name or id, settings, commands; and nothing that it would obey."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import Done, environment, run_here, run_to_end

Complete = Callable[..., list[str]]


def command(*arguments: str, **variables: str) -> Done:
    return run_here(*arguments, env=environment(**variables))


@pytest.fixture
def complete(data: Path) -> Complete:
    """Completes the last of some words as bash does, on the data directory."""

    def complete(*words: str, **variables: str) -> list[str]:
        done = command(
            COMP_WORDS="\n".join(("recursor", *words)),
            COMP_CWORD=str(len(words)),
            _RECURSOR_COMPLETE="complete_bash",
            **{"RECURSOR_DATA": str(data), **variables},
        )
        assert (done.code, done.err) == (0, "")
        return done.out.split()

    return complete


@pytest.fixture
def ids(data: Path) -> dict[str, str]:
    """The ids of some stacks, by name."""
    names = ("habits", "harvest", "two words", "$(touch gone)", "twin")
    made = {name: run_to_end("create", name, data=data).out.strip() for name in names}
    run_to_end("create", "twin", data=data)
    return made


def test_stacks_are_offered_by_name_or_else_by_id(complete: Complete, ids: dict[str, str]) -> None:
    assert complete("show", "ha") == ["habits", "harvest"]
    assert complete("pause", "habits", "har") == ["harvest"]
    assert complete("config", "--stack", "hab") == ["habits"]
    offered = complete("show", "")
    assert len(offered) == 6
    # A name that several have, of several words, or that means something to a shell is not offered.
    for name in ("two words", "$(touch gone)", "twin"):
        assert ids[name][:8] in offered
    assert all(re.fullmatch(r"[\w.-]+", each) for each in offered)
    assert complete("show", ids["habits"][:10]) == [ids["habits"][:10]]


def test_nothing_is_offered_and_nothing_said_where_there_is_nothing(
    complete: Complete, tmp_path: Path, data: Path
) -> None:
    assert complete("show", "") == []
    assert not data.exists()
    (tmp_path / "bad.toml").write_text("no toml")
    assert complete("show", "", RECURSOR_CONFIG=str(tmp_path / "bad.toml")) == []
    assert complete("show", "", RECURSOR_NOTHING="1") == []
    assert complete("show", "--data", "/proc/nothing", "x") == []


def test_the_named_data_directory_is_looked_into(
    complete: Complete, ids: dict[str, str], data: Path, tmp_path: Path
) -> None:
    elsewhere = {"RECURSOR_DATA": str(tmp_path / "elsewhere")}
    assert complete("show", "hab", **elsewhere) == []
    assert complete("show", "--data", str(data), "hab", **elsewhere) == ["habits"]
    (tmp_path / "mine.toml").write_text(f'[runner]\ndata = "{data}"\n')
    assert complete("show", "--config", str(tmp_path / "mine.toml"), "hab", RECURSOR_DATA="") == ["habits"]


def test_settings_are_offered(complete: Complete) -> None:
    assert complete("configure", "one", "--set", "pause.b") == ["pause.between_looks="]
    assert complete("configure", "one", "--unset", "limits.n") == ["limits.node_seconds"]
    assert complete("run", "--set", "nothing") == []


def test_commands_and_options_are_offered(complete: Complete) -> None:
    assert complete("conf") == ["config", "configure"]
    assert "--config" in complete("list", "--c")


def test_the_description_that_zsh_evaluates_holds_no_command(data: Path) -> None:
    run_to_end("create", "a `touch gone` $(touch gone) \"'", data=data)
    done = command(
        _TYPER_COMPLETE_ARGS="recursor show ",
        _RECURSOR_COMPLETE="complete_zsh",
        RECURSOR_DATA=str(data),
    )
    assert "touch gone" in done.out
    assert not re.search(r"[`$]", done.out)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_the_shell_is_shown(shell: str) -> None:
    done = command("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.code == 0
    assert f"_RECURSOR_COMPLETE=complete_{shell}" in done.out


def test_it_is_installed_for_bash(tmp_path: Path) -> None:
    done = command(
        "--install-completion", "bash", HOME=str(tmp_path), _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"
    )
    assert done.code == 0
    assert "bash completion installed" in done.out
    (script,) = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".bashrc"]
    assert "complete_bash" in script.read_text()
    assert str(script) in (tmp_path / ".bashrc").read_text()
