"""Teams and roles of one's own are found by their names, and what is wrong with one is said in a line."""

import signal
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from recursor.domain.errors import InvalidInputError
from recursor.runner import custom_team
from recursor.runner.team import observers_team_named, team_named
from tests.processes import Done, run_to_end, started_runner, wait_for

MODULE = """
from recursor.domain.effect import Outcome
from recursor.domain.work import WorkStatus
from recursor.orchestration.roles import Role, RoleRegistry

class Agent:
    def run(self, snapshot, run):
        return Outcome()

def detect(snapshot, settings, now):
    return WorkStatus(has_work=False, reason="never")

role = Role("tester", detect, Agent())
several = [role, Role("archivist", detect, Agent())]
whole = RoleRegistry([role])
number = 7
nothing = []

def team():
    return whole

def clash():
    return Role("planner", detect, Agent())

def broken():
    raise RuntimeError("no\\nluck")
"""

STANDARD = ["planner", "builder", "communicator", "integrator", "reviewer"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current directory, with modules in it."""
    (tmp_path / "own_team.py").write_text(MODULE)
    (tmp_path / "raising_team.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("own_team", "raising_team"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.parametrize("made", [team_named, observers_team_named])
@pytest.mark.parametrize(
    ("name", "roles"),
    [
        (None, STANDARD),
        ("own_team:role", [*STANDARD, "tester"]),
        ("own_team:several", [*STANDARD, "tester", "archivist"]),
        ("own_team:whole", ["tester"]),
        ("own_team:team", ["tester"]),
    ],
)
def test_a_team_is_what_its_name_says(
    made: Callable[..., object], name: str | None, roles: list[str]
) -> None:
    assert list(made(name)) == roles


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nowhere:team", "nowhere cannot be imported: .*No module named 'nowhere'"),
        ("raising_team:team", "raising_team cannot be imported: .*division by zero"),
        ("own_team:tean", "unknown name 'tean'; did you mean team?"),
        ("own_team:number", "it is of type int: give a RoleRegistry, a Role, or several"),
        ("own_team:nothing", "it is of type list: give a RoleRegistry, a Role, or several"),
        ("own_team:clash", "role 'planner' is registered twice"),
        ("own_team:broken", "no luck"),
        ("unheard-of", "it is neither MODULE:NAME nor installed"),
        (":team", "cannot be imported"),
    ],
)
def test_what_is_none_is_refused_in_one_line(name: str, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem) as refused:
        team_named(name)
    assert str(refused.value).startswith(f"team {name}: ")
    assert "\n" not in str(refused.value)


def test_what_is_installed_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def offered(*, group: str) -> list[EntryPoint]:
        return [EntryPoint("tester", "own_team:role", group), EntryPoint("gone", "nowhere:role", group)]

    monkeypatch.setattr(custom_team, "entry_points", offered)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    assert list(team_named("tester")) == [*STANDARD, "tester"]
    with pytest.raises(InvalidInputError, match=r"team gone: it cannot be loaded: .*nowhere"):
        team_named("gone")
    with pytest.raises(InvalidInputError, match="gone, tester"):
        team_named("testers")


def test_the_command_says_what_is_wrong_before_it_runs_anything(
    recursor: Callable[..., Done], data: Path
) -> None:
    done = recursor("run", "--team", "nowhere:team")
    assert "team nowhere:team: nowhere cannot be imported" in done.complaint
    assert not data.exists()


@pytest.mark.slow
def test_a_runner_without_a_role_that_has_run_says_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "own_team.py").write_text(MODULE.replace("has_work=False", "has_work=True, priority=9"))
    stack = run_to_end("create", "garden", "--start", data=data).out.strip()
    with started_runner("--team", "own_team:role", data=data):
        wait_for(lambda: len(run_to_end("executions", "garden", "--json", data=data).json) > 0)
    with started_runner(data=data) as runner:
        wait_for(lambda: "tester" in run_to_end("work", "garden", data=data).out)
        assert "start it with the --team that has the role" in run_to_end("work", "garden", data=data).out
        findings = run_to_end("doctor", "--json", data=data).json["findings"]
        assert [each["figures"] for each in findings if each["id"] == "roles"] == [{"roles": ["tester"]}]
        assert runner.end(signal.SIGTERM) == 0
        assert f"role tester is not in the team, and has run in 1 stack ({stack[:8]})" in runner.err
