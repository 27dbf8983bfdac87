"""What a repository holds, and how its versions differ."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from recursor.domain.errors import InvalidInputError, NotFoundError
from recursor.workspaces.differences import LARGEST_COMPARED
from recursor.workspaces.errors import LimitExceededError
from recursor.workspaces.history import ListedFile
from recursor.workspaces.repository import Repository

from .conftest import BUILDER, NOW, Builder, git


def test_a_history_is_listed_newest_first_and_by_path(
    repository: Repository, builder: Builder, start: str
) -> None:
    first = builder.commit(start, {"a/x": "1", "b": "1"}, "First")
    second = builder.commit(first, {"a/y": "1"}, "Second\n\nMore.")
    third = builder.commit(second, {"b": "2"}, "Third")
    assert [entry.title for entry in repository.log(third, 9)] == ["Third", "Second", "First", "Start"]
    assert [entry.title for entry in repository.log(third, 2)] == ["Third", "Second"]
    assert [entry.title for entry in repository.log(third, 9, "a")] == ["Second", "First"]
    assert [entry.title for entry in repository.log(third, 9, "b")] == ["Third", "First"]
    assert repository.log(third, 9, "nothing") == ()
    assert (repository.is_ancestor(first, third), repository.is_ancestor(third, first)) == (True, False)
    assert repository.is_ancestor(first, first)


def test_directories_and_files_are_read(repository: Repository, builder: Builder, start: str) -> None:
    def change(tree: Path) -> None:
        (tree / "in").mkdir()
        (tree / "in" / "a").write_text("12345")
        (tree / "in" / "b").symlink_to("a")
        (tree / "run").write_text("")
        (tree / "run").chmod(0o755)

    made = builder.committed(start, change)
    assert made is not None
    root = repository.tree(made.commit)
    assert root.entries == (ListedFile("in", "directory", None), ListedFile("run", "executable", 0))
    part = repository.tree(made.commit, "in/", offset=1, limit=1)
    assert (part.entries, part.total) == ((ListedFile("in/b", "link", 1),), 2)
    assert repository.file(made.commit, "in/a", 5) == b"12345"
    with pytest.raises(LimitExceededError, match="in/a: 5 bytes, more than 4"):
        repository.file(made.commit, "in/a", 4)
    for path in ("nothing", "in/a/x", "../r"):
        with pytest.raises(NotFoundError, match="no such file or directory"):
            repository.file(made.commit, path, 5)
    with pytest.raises(NotFoundError, match="a directory, not a file"):
        repository.file(made.commit, "in", 5)
    with pytest.raises(NotFoundError, match="no directory"):
        repository.tree(made.commit, "run")


def test_a_difference_counts_lines_and_shows_them(
    repository: Repository, builder: Builder, start: str
) -> None:
    old = builder.commit(
        start, {"a": "1\n2\n", "gone": "x\n", "moved": "same\n" * 9, "in/b": "1\n", "c": b"\0"}
    )
    new = builder.commit(
        old, {"a": "1\n3\n4\n", "gone": None, "moved": None, "to": "same\n" * 9, "in/b": "2\n", "c": b"\0\1"}
    )
    difference = repository.diff(old, new, 100_000)
    found = {
        file.path: (file.change, file.old_path, file.insertions, file.deletions) for file in difference.files
    }
    assert found == {
        "a": ("changed", "a", 2, 1),
        "c": ("changed", "c", None, None),
        "gone": ("removed", "gone", 0, 1),
        "in/b": ("changed", "in/b", 1, 1),
        "to": ("renamed", "moved", 0, 0),
    }
    assert (difference.insertions, difference.deletions) == (3, 3)
    assert "-2\n+3\n+4\n" in difference.text
    assert [file.path for file in repository.diff(old, new, 100_000, ["in", "moved"]).files] == ["in/b", "to"]
    assert [file.path for file in repository.files_changed(old, new)] == [
        file.path for file in difference.files
    ]


def test_a_difference_is_bounded(repository: Repository, builder: Builder, start: str) -> None:
    large = "x\n" * (LARGEST_COMPARED // 2 + 1)
    new = builder.commit(start, {"large": large, "a": "1\n" * 100, "b": "1\n"})
    difference = repository.diff(start, new, 200)
    assert [(file.path, file.insertions) for file in difference.files] == [
        ("a", 100),
        ("b", 1),
        ("large", None),
    ]
    assert len(difference.text) < 300
    assert difference.text.endswith("+1\n(2 more files differ; too large to show here)\n")


def test_references_keep_commits(repository: Repository, builder: Builder, start: str) -> None:
    made = builder.commit(start, {"a": "1"})
    repository.set_branch("main", made)
    repository.set_branch("feature/x", start)
    assert (repository.branch("main"), repository.branch("feature/x"), repository.branch("no")) == (
        made,
        start,
        None,
    )
    repository.keep("runs/c1:builder~1..2.lock", made)
    repository.keep("runs/c1:builder~1..2.lock", start)
    repository.keep("reviewed", made)
    assert repository.kept() == {"runs/c1:builder~1..2.lock": start, "reviewed": made}
    git(repository.path, "pack-refs", "--all")
    assert repository.kept() == {"runs/c1:builder~1..2.lock": start, "reviewed": made}
    repository.forget("reviewed")
    repository.forget("reviewed")
    assert repository.kept() == {"runs/c1:builder~1..2.lock": start}
    repository.set_branch("main", start)
    assert repository.branch("main") == start
    assert git(repository.path, "rev-parse", "main").strip() == start


@pytest.mark.parametrize("files", [1, 150])
def test_objects_and_references_are_on_disk_before_they_are_relied_on(
    repository: Repository, builder: Builder, start: str, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    synced: set[str] = set()
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        synced.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    before = set((repository.path / "objects").rglob("*"))
    monkeypatch.setattr(os, "fsync", recorded)
    commit = builder.commit(start, {f"{number}": f"{number}" for number in range(files)})
    made = {path for path in (repository.path / "objects").rglob("*") if path.is_file()} - before
    assert made
    # Files are written elsewhere first; directories are synced in place.
    assert {path.name for path in made} <= {Path(path).name for path in synced}
    assert {str(path.parent) for path in made} | {str(repository.path / "objects")} <= synced
    synced.clear()
    repository.keep("runs/1", commit)
    runs = repository.path / "refs" / "recursor" / "runs"
    assert {str(runs), str(runs.parent), str(runs.parent.parent)} <= synced
    assert any(path.startswith(f"{runs}/") for path in synced)


@pytest.mark.parametrize("branch", ["", "a..b", "a b", "-x", "a.lock", "/a", "a\nb"])
def test_a_name_that_no_branch_can_have_is_refused(repository: Repository, start: str, branch: str) -> None:
    with pytest.raises(InvalidInputError, match="git allows no such name"):
        repository.set_branch(branch, start)


def test_compaction_loses_nothing(repository: Repository, builder: Builder, start: str) -> None:
    kept = builder.commit(start, {"kept": "1"})
    repository.keep("runs/1", kept)
    young = builder.commit(start, {"young": "1"})
    commit = start
    for number in range(30):
        commit = builder.commit(commit, {"a": f"{number}\n" * 50})
    repository.set_branch("main", commit)
    before = repository.size()
    assert repository.compact()
    assert repository.size() < before / 2
    assert repository.exists(kept)
    assert repository.exists(young)
    assert len(repository.log(commit, 100)) == 31
    assert repository.kept() == {"runs/1": kept}


def test_compaction_needs_git(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert not repository.compact()


def test_threads_commit_to_one_repository(repository: Repository, start: str, tmp_path: Path) -> None:
    def work(number: int) -> str:
        own = Repository.open(repository.path)
        tree = tmp_path / f"{number}"
        own.check_out(start, tree)
        (tree / f"{number}").write_text(f"{number}")
        made = own.commit_directory(tree, start, BUILDER, "m", NOW)
        assert made is not None
        own.keep(f"runs/{number}", made.commit)
        return made.commit

    with ThreadPoolExecutor(4) as pool:
        commits = list(pool.map(work, range(20)))
    assert repository.kept() == {f"runs/{number}": commit for number, commit in enumerate(commits)}
    tip = start
    for commit in commits:
        result = repository.merge(tip, commit, BUILDER, "m", NOW)
        assert hasattr(result, "commit")
        tip = result.commit
    assert len(repository.tree(tip).entries) == 20
    git(repository.path, "fsck", "--strict")


def test_what_lacks_the_extra_says_so() -> None:
    code = (
        "import sys; sys.modules['pygit2'] = None\n"
        "from recursor.domain.extras import ExtraMissingError\n"
        "for name in ('repository', 'directories'):\n"
        "    try: __import__(f'recursor.workspaces.{name}')\n"
        "    except ExtraMissingError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    line = 'A workspace needs recursor[workspaces]: pip install "recursor[workspaces]"\n'
    assert done.stdout == 2 * line
