"""Settings of the right form that mean nothing are refused wherever they are given, with what was meant."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recursor.cli.app import run_command
from tests.processes import run_to_end, started_runner

Run = Callable[..., str]
ROLE = "unknown role 'bulider'; did you mean builder?"
TEAM = """
from recursor.domain.work import WorkStatus
from recursor.orchestration.roles import Role

tester = Role("tester", lambda *_: WorkStatus(has_work=False, reason="none"), None)
"""


def overrides(capsys: pytest.CaptureFixture[str], stack: str = "garden") -> Any:
    assert run_command(["show", stack, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["settings"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('model.roles={"bulider":"openai:gpt-5-mini"}', f"model.roles: {ROLE}"),
        ('budget.role_tokens={"bulider":7}', f"budget.role_tokens: {ROLE}"),
        (
            'model.fallback=["scripted"]',
            "model.fallback: scripted is not a model and cannot replace",
        ),
        ("model.prompts=/nowhere", "model.prompts: there is no directory /nowhere: make it"),
        ("model.name=opnai:gpt-5", "model.name: unknown provider 'opnai'; did you mean openai?"),
    ],
)
def test_a_stack_cannot_be_made_or_changed_so(
    run: Run, capsys: pytest.CaptureFixture[str], setting: str, said: str
) -> None:
    assert run("create", "yard", "--set", setting, code=2).startswith(said)
    assert run("show", "yard", code=1)
    run("create", "garden")
    assert run("configure", "garden", "--set", setting, code=2).startswith(said)
    assert overrides(capsys) == {}


def test_a_budget_is_for_a_role_that_there_is(run: Run) -> None:
    run("create", "garden")
    said = run("budget", "garden", "--role", "bulider", "--tokens", "7", code=2)
    assert said.startswith(f"budget.role_tokens: {ROLE}")


def test_a_role_that_only_another_team_has_is_doubted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (
        ["create", "garden", "--set", 'model.roles={"tester":"ollama:qwen3"}'],
        ["configure", "garden", "--set", 'budget.role_tokens={"tester":5}'],
        ["budget", "garden", "--role", "tester", "--tokens", "7"],
    ):
        assert run_command(command) == 0
        assert "the standard team has no tester: use a team that has one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[budget]\nrole_tokens = {bulider = 7}\n", f"budget.role_tokens: {ROLE}"),
        (
            "[runner]\nrates = {opnai = {concurrent = 1}}\n",
            "runner.rates: unknown provider 'opnai'; did you",
        ),
        ('[model]\nfallback = ["scripted"]\n', "model.fallback: scripted is not a model"),
    ],
)
def test_the_settings_file_is_told_with_its_line(run: Run, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "recursor.toml").write_text(text)
    for command in (["config"], ["list"], ["run"]):
        assert f"recursor.toml:2: {said}" in run(*command, code=2)


def test_a_variable_and_a_flag_likewise(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = '{"opnai": {"concurrent": 1}}'
    said = run("run", "--set", 'model.fallback=["scripted"]', code=2)
    assert said.startswith("--set: model.fallback: scripted is not a model")
    monkeypatch.setenv("RECURSOR_RUNNER__RATES", rates)
    assert run("list", code=2).startswith("RECURSOR_RUNNER__RATES: runner.rates: unknown provider 'opnai'")


def test_a_team_of_ones_own_has_roles_of_its_own(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "testing_team.py").write_text(TEAM)
    (tmp_path / "recursor.toml").write_text(
        '[runner]\nteam = "testing_team:tester"\n[budget]\nrole_tokens = {tester = 9}\n'
    )
    run("create", "garden")
    run("budget", "garden", "--role", "tester", "--tokens", "7")
    said = run("budget", "garden", "--role", "tseter", "--tokens", "7", code=2)
    assert said == "budget.role_tokens: unknown role 'tseter'; did you mean tester?"
    # A team that has lost the role: what is there may stay, and be taken back, and nothing is added to it.
    (tmp_path / "recursor.toml").unlink()
    run("budget", "garden", "--role", "builder", "--tokens", "5")
    assert overrides(capsys)["budget"] == {"role_tokens": {"tester": 7, "builder": 5}}
    run("budget", "garden", "--role", "tester", "--off")
    assert overrides(capsys)["budget"] == {"role_tokens": {"builder": 5}}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    data = tmp_path_factory.mktemp("data")
    with started_runner(data=data):
        assert run_to_end("create", "garden", data=data).code == 0
        yield data


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "a", "--set", 'model.roles={"bulider":"openai:gpt-5"}'), f"model.roles: {ROLE}"),
        (("create", "a", "--set", "model.prompts=/nowhere"), "model.prompts: there is no directory /nowhere"),
        (("configure", "garden", "--set", 'model.fallback=["scripted"]'), "model.fallback: scripted is"),
        (
            ("budget", "garden", "--role", "bulider", "--runs-per-hour", "7"),
            f"budget.role_runs_per_hour: {ROLE}",
        ),
    ],
)
def test_a_runner_refuses_it_too(runner: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run_to_end(*arguments, data=runner)
    assert done.code == 2
    assert done.complaint.startswith(said)
