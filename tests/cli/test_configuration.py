"""`config` tells what holds and where it was given; `configure` changes a stack's own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recursor.runner.settings_sources import KEYS

Run = Callable[..., str]


def test_config_names_every_setting_and_where_it_was_given(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recursor.toml").write_text("[pause]\nafter_work = 2\n")
    monkeypatch.setenv("RECURSOR_RUNNER__AGENTS", "3")
    printed = json.loads(run("config", "--set", "limits.node_seconds=9", "--data", "d", "--json"))
    found = {each["key"]: each for each in printed}
    assert list(found) == [*(".".join(key) for key in KEYS), "runner.token"]
    assert found["pause.after_work"] == {
        "key": "pause.after_work",
        "value": 2.0,
        "default": 1.0,
        "source": "file",
        "where": "recursor.toml:2",
    }
    assert [
        (found[key]["value"], found[key]["source"], found[key]["where"])
        for key in ("runner.agents", "limits.node_seconds", "runner.data", "runner.grace")
    ] == [
        (3, "variable", "RECURSOR_RUNNER__AGENTS"),
        (9.0, "flag", "--set"),
        ("d", "flag", "--data"),
        (10.0, "default", None),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["recursor.toml"]


def test_config_is_a_table_for_people(run: Run, tmp_path: Path) -> None:
    (tmp_path / "recursor.toml").write_text("[pause]\nafter_work = 2.5\n")
    lines = run("config").splitlines()
    (changed,) = [line.split() for line in lines if line.startswith("pause.after_work")]
    assert changed == ["pause.after_work", "2.5", "recursor.toml:2", "1"]
    (same,) = [line.split() for line in lines if line.startswith("pause.between_looks")]
    assert same == ["pause.between_looks", "30"]


def test_config_shows_no_token(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("s3cr3t")
    (tmp_path / "recursor.toml").write_text('[runner]\ntoken_file = "secret"\n')
    for where in ("secret", "RECURSOR_TOKEN"):
        plain, printed = run("config"), run("config", "--json")
        assert "s3cr3t" not in plain + printed
        token = json.loads(printed)[-1]
        assert (token["value"], token["where"]) == ("(hidden)", where)
        monkeypatch.setenv("RECURSOR_TOKEN", "s3cr3t")


def test_a_stack_is_configured_and_that_is_taken_back(run: Run) -> None:
    stack_id = run("create", "one", "--set", "pause.between_looks=7").strip()
    told = run("configure", "one", "--set", "pause.after_work=2", "--set", "limits.node_seconds=60")
    assert told.splitlines() == [
        f"one ({stack_id[:8]}): pause.after_work is 2",
        f"one ({stack_id[:8]}): limits.node_seconds is 60",
    ]
    shown = {each["key"]: each for each in json.loads(run("config", "--stack", "one", "--json"))}
    assert (shown["pause.after_work"]["value"], shown["pause.after_work"]["where"]) == (2.0, "stack one")
    assert shown["pause.between_looks"]["source"] == "stack"
    told = run("configure", "one", "--unset", "pause.after_work", "--set", "pause.between_looks=8")
    assert f"one ({stack_id[:8]}): pause.after_work is as for all stacks" in told.splitlines()
    changed = json.loads(run("configure", "one", "--unset", "limits.node_seconds", "--json"))
    assert changed["settings"] == {"pause": {"between_looks": 8}}


def test_a_runner_configures_too(start_runner: Callable[..., Any], recursor: Callable[..., Any]) -> None:
    recursor("create", "one")
    with start_runner():
        changed = recursor("configure", "one", "--set", "pause.after_work=2", "--json").json
        assert changed["settings"] == {"pause": {"after_work": 2}}
        assert "A runner is up" in recursor("config", "--stack", "one").out
        assert recursor("configure", "one", "--unset", "pause.after_work", "--json").json["settings"] == {}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "configure: nothing to change: give --set SECTION.KEY=VALUE or --unset SECTION.KEY"),
        (("--set", "pause.after_wrok=2"), "did you mean pause.after_work?"),
        (("--set", "runner.agents=2"), "settings: runner belongs to the runner, not to a stack"),
        (("--set", "pause.after_work=-1"), "settings.pause: after_work"),
        (("--set", "pause.after_work=null"), "settings.pause: after_work"),
        (("--unset", "pause.after_wrok"), "did you mean pause.after_work?"),
        (("--unset", "pauze.after_work"), "did you mean pause?"),
        (("--unset", "pause"), "--unset: 'pause' is not SECTION.KEY"),
        (("--unset", "pause.after_work=2"), "unknown key 'pause.after_work=2'"),
        (("--unset", ""), "--unset: '' is not SECTION.KEY"),
        (("--set", "pause.after_work=2", "--unset", "pause.after_work"), "both set and unset"),
    ],
)
def test_what_cannot_be_configured_changes_nothing(run: Run, arguments: tuple[str, ...], says: str) -> None:
    run("create", "one")
    assert says in run("configure", "one", *arguments, code=2)
    assert json.loads(run("show", "one", "--json"))["settings"] == {}
