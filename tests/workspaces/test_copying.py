"""Backups have the repositories of stacks, and restoring puts them back."""

from contextlib import closing
from pathlib import Path

from recursor.runner.data_paths import store_directory
from recursor.runner.maintenance import back_up, restore
from recursor.storage.data_directory import workspaces_directory
from recursor.storage.opening import open_store
from recursor.workspaces.commit import Author
from recursor.workspaces.directories import Workspaces
from recursor.workspaces.repository import Repository

STACK = "5eed000000000001"
NOW = 1_700_000_000.0


def repository_in(data: Path) -> str:
    """Make a data directory with a repository; return its newest commit."""
    with closing(open_store(store_directory(data))):
        pass
    workspaces = Workspaces(workspaces_directory(data))
    path = workspaces.repository_path(STACK)
    path.parent.mkdir(parents=True)
    first = Repository.make(path, NOW)
    repository = workspaces.open(STACK)
    with workspaces.run_directory(STACK, "run") as directory:
        repository.check_out(first, directory / "tree")
        (directory / "tree" / "a").write_text("a")
        made = repository.commit_directory(
            directory / "tree", first, Author("builder", "b@recursor.invalid"), "Add a", NOW
        )
    assert made is not None
    repository.set_branch("main", made.commit)
    return made.commit


def test_a_backup_has_repositories_and_no_working_trees(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    tip = repository_in(data)
    with Workspaces(workspaces_directory(data)).run_directory(STACK, "another") as directory:
        (directory / "left").write_text("over")
        back_up(data, copy)
    copied = Workspaces(workspaces_directory(copy))
    assert copied.open(STACK).branch("main") == tip
    assert copied.open(STACK).file(tip, "a", 10) == b"a"
    assert not list(workspaces_directory(copy).glob("*/runs"))


def test_restoring_replaces_the_repositories(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    tip = repository_in(data)
    back_up(data, copy)
    Workspaces(workspaces_directory(data)).delete(STACK)
    restore(copy, data, force=True)
    assert Workspaces(workspaces_directory(data)).open(STACK).branch("main") == tip
