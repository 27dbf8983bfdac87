"""Repositories follow the records: the branch shows the tip, and what nobody needs is kept no longer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recursor.domain.workspace import Workspace
from recursor.workspaces.commit import Author
from recursor.workspaces.repository import Repository
from recursor.workspaces.upkeep import Upkeep, kept_for_merge, kept_for_todo

STACK = "5eed000000000001"
NOW = 1_700_000_000.0


@pytest.fixture
def upkeep(tmp_path: Path) -> Iterator[Upkeep]:
    made = Upkeep(tmp_path / "workspaces")
    yield made
    made.close()


@pytest.fixture
def first(upkeep: Upkeep) -> str:
    path = upkeep.workspaces.repository_path(STACK)
    path.parent.mkdir(parents=True)
    return Repository.make(path, NOW)


def commit(upkeep: Upkeep, parent: str, name: str) -> str:
    repository = upkeep.workspaces.open(STACK)
    with upkeep.workspaces.run_directory(STACK, name) as directory:
        repository.check_out(parent, directory / "tree")
        (directory / "tree" / name).write_text(name)
        author = Author("builder", "builder@recursor.invalid")
        made = repository.commit_directory(directory / "tree", parent, author, name, NOW)
    assert made is not None
    return made.commit


def workspace(tip: str) -> Workspace:
    return Workspace(stack_id=STACK, branch="main", tip=tip, updated_at=NOW, updated_by="integrator")


def test_the_branch_shows_the_recorded_tip(upkeep: Upkeep, first: str) -> None:
    tip = commit(upkeep, first, "a")
    upkeep.publish(workspace(tip), (), "", None)
    upkeep.close()
    assert upkeep.workspaces.open(STACK).branch("main") == tip


def test_commits_are_kept_while_their_todo_is_open_or_their_merge_may_be_recorded(
    upkeep: Upkeep, first: str
) -> None:
    made = [commit(upkeep, first, name) for name in "abcd"]
    repository = upkeep.workspaces.open(STACK)
    names = [
        kept_for_todo("2 open", made[0]),
        kept_for_todo("1 closed", made[1]),
        kept_for_todo("4 newer", made[1]),
        kept_for_merge("2 running", made[2]),
        kept_for_merge("1 ended", made[3]),
    ]
    for name, each in zip(names, [made[0], *made], strict=True):
        repository.keep(name, each)
    repository.keep("pulls/1", made[0])
    upkeep.publish(workspace(first), {"2 open"}, "3", "2 running")
    upkeep.close()
    assert set(upkeep.workspaces.open(STACK).kept()) == {names[0], names[2], names[3], "pulls/1"}


def test_repositories_of_stacks_that_are_gone_are_removed(upkeep: Upkeep, first: str) -> None:
    del first
    upkeep.tidy({STACK})
    assert upkeep.workspaces.stacks() == (STACK,)
    upkeep.tidy(())
    upkeep.close()
    assert upkeep.workspaces.stacks() == ()


def test_a_repository_that_is_missing_is_no_one_elses_trouble(
    upkeep: Upkeep, first: str, caplog: pytest.LogCaptureFixture
) -> None:
    del first
    upkeep.publish(workspace("a" * 40), (), "", None)
    upkeep.close()
    assert "the branch of stack 5eed000000000001 could not be set" in caplog.text
