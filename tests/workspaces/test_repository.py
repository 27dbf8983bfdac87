"""One stack's repository: commits of directories, and merges."""

from pathlib import Path

import pytest

from recursor.domain.errors import ConflictError
from recursor.workspaces.commit import Author
from recursor.workspaces.errors import CommitMissingError, RepositoryError
from recursor.workspaces.repository import Repository

NOW = 1_000_000_000.0
BUILDER = Author("builder", "builder@recursor.invalid")


@pytest.fixture
def start(tmp_path: Path) -> str:
    return Repository.make(tmp_path / "repository.git", NOW)


@pytest.fixture
def repository(tmp_path: Path, start: str) -> Repository:
    return Repository.open(tmp_path / "repository.git")


def test_a_directory_becomes_a_commit_and_a_commit_a_directory(
    repository: Repository, start: str, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    repository.check_out(start, tree)
    (tree / "inner").mkdir()
    (tree / "inner" / "script").write_text("one\ntwo\n")
    (tree / "inner" / "script").chmod(0o755)
    (tree / "link").symlink_to("/etc/passwd")

    made = repository.commit_directory(tree, start, BUILDER, "Add a script", NOW)

    assert made is not None
    assert (made.files, made.insertions, made.deletions, made.notes) == (2, 3, 0, ())
    again = tmp_path / "again"
    repository.check_out(made.commit, again)
    assert (again / "inner" / "script").read_text() == "one\ntwo\n"
    assert (again / "inner" / "script").stat().st_mode & 0o777 == 0o755
    assert (again / "link").readlink() == Path("/etc/passwd")
    assert repository.commit_directory(again, made.commit, BUILDER, "Again", NOW) is None


def test_a_repository_is_made_once(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="exists already"):
        Repository.make(repository.path, NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["repository.git"]


def test_what_is_no_repository_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"nothing\.git"):
        Repository.open(tmp_path / "nothing.git")


@pytest.mark.parametrize("commit", ["0" * 40, "main", ""])
def test_an_unknown_commit_is_named(repository: Repository, tmp_path: Path, commit: str) -> None:
    with pytest.raises(CommitMissingError, match=f"no commit {commit}"):
        repository.check_out(commit, tmp_path / "tree")
