"""The task set of the benchmarks: its todos can be done as it says, and a team does them."""

import shutil
from pathlib import Path

import pytest

from benchmarks.task_set.__main__ import PATIENCE, TRY_MODEL, by_rules, tried
from benchmarks.task_set.rule_model import RuleModel
from benchmarks.task_set.solving import run_check, task_team
from benchmarks.task_set.task_repository import TaskRepository, task_set
from tests.model_stub.server import ModelStub

TASKS = task_set()


def test_there_are_ten_repositories_with_four_to_eight_todos_and_two_with_conflicts() -> None:
    assert len(TASKS) == 10
    assert sum(tasks.conflicts for tasks in TASKS) == 2
    assert all(4 <= len(tasks.todos) <= 8 for tasks in TASKS)


def test_a_chain_takes_as_long_as_its_slowest_todos_that_need_each_other() -> None:
    (tasks,) = task_set(["log_reader"])
    seconds = {"parsing": 1.0, "filtering": 5.0, "counting": 2.0, "span": 3.0, "summary": 1.0, "report": 1.0}
    assert tasks.longest_chain(seconds) == 7.0
    assert tasks.longest_chain({**seconds, "span": 9.0}) == 12.0


def test_a_real_model_that_nobody_names_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRY_MODEL, raising=False)
    assert tried(TASKS, 1) == "skipped: RECURSOR_TRY_MODEL names no model"


@pytest.mark.slow
@pytest.mark.parametrize("tasks", TASKS, ids=lambda tasks: tasks.name)
def test_each_edit_fits_and_the_tests_fail_before_and_pass_afterwards(
    tasks: TaskRepository, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(tasks.files, tree)
    assert run_check(tree).succeeded
    for todo in tasks.todos:
        (tree / todo.pending_test).rename(tree / todo.test)
    before = run_check(tree).output
    assert all(f"test_{todo.name}" in before for todo in tasks.todos)
    for edit in (edit for todo in tasks.todos for edit in todo.edits):
        path = tree / edit.path
        if edit.search is None or edit.replace is None:
            assert not path.exists()
            path.write_text(edit.content or "")
        else:
            assert path.read_text().count(edit.search) == 1
            path.write_text(path.read_text().replace(edit.search, edit.replace))
    after = run_check(tree)
    assert after.succeeded, after.output
    assert list((tree / "pending").glob("*.py")) == []


@pytest.mark.slow
def test_two_builders_whose_commits_conflict_solve_a_task() -> None:
    (tasks,) = task_set(["unit_converter"])
    tiny = tasks.only(["kilometres", "miles"])
    with ModelStub(RuleModel(latency=0.0)) as stub, task_team(builders=2) as team:
        solved = team.solve(tiny, 2, by_rules(stub.url), PATIENCE)
    assert solved.succeeded, solved.problem
    assert (solved.merged, solved.refused, solved.repeated) == (2, 1, 1)
