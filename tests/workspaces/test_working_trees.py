"""Commits become directories, and directories become commits."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recursor.domain.errors import ConflictError
from recursor.workspaces.commit import Author, with_trailers
from recursor.workspaces.errors import CommitMissingError, LimitExceededError, RepositoryError
from recursor.workspaces.repository import Repository, TreeLimits

from .conftest import BUILDER, NOW, Builder, git


def test_a_directory_becomes_a_commit_and_a_commit_a_directory(
    repository: Repository, builder: Builder, start: str
) -> None:
    def change(tree: Path) -> None:
        (tree / "inner").mkdir()
        (tree / "inner" / "script").write_text("one\ntwo\n")
        (tree / "inner" / "script").chmod(0o755)
        (tree / "link").symlink_to("inner/script")
        (tree / "empty").mkdir()

    made = builder.committed(start, change)

    assert made is not None
    assert (made.files, made.insertions, made.deletions, made.notes) == (2, 3, 0, ())
    again = builder.tree(made.commit)
    assert (again / "inner" / "script").read_text() == "one\ntwo\n"
    assert (again / "inner" / "script").stat().st_mode & 0o777 == 0o755
    assert (again / "link").readlink() == Path("inner/script")
    assert not (again / "empty").exists()
    assert repository.commit_directory(again, made.commit, BUILDER, "Again", NOW) is None


def test_a_commit_says_who_why_and_what_for(repository: Repository, start: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    repository.check_out(start, tree)
    (tree / "a").write_text("a")
    trailers = {"Recursor-Cycle": "c1", "Recursor-Todo": "3f\nForged: yes"}

    made = repository.commit_directory(tree, start, BUILDER, "Add a\n\nWhy.", NOW, trailers=trailers)

    assert made is not None
    (entry, _) = repository.log(made.commit, 10)
    assert (entry.author, entry.email, entry.at) == ("builder of shop", "builder@recursor.invalid", NOW)
    assert entry.message == "Add a\n\nWhy.\n\nRecursor-Cycle: c1\nRecursor-Todo: 3f Forged: yes\n"
    assert entry.trailers == {"Recursor-Cycle": "c1", "Recursor-Todo": "3f Forged: yes"}
    assert git(repository.path, "log", "-1", "--format=%an %s", made.commit) == "builder of shop Add a\n"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a\nb <x>", "a b x"), ("", "unknown"), ("<>", "unknown"), ("\udcff", "?"), ("Zoë", "Zoë")],
)
def test_any_name_of_a_stack_can_be_an_author(
    repository: Repository, builder: Builder, start: str, name: str, shown: str
) -> None:
    tree = builder.tree(start)
    (tree / "a").write_text("a")
    made = repository.commit_directory(tree, start, Author(name, "a@b"), "m", NOW)
    assert made is not None
    assert repository.log(made.commit, 1)[0].author == shown


@pytest.mark.parametrize(
    ("message", "text"),
    [("", "(no message)\n"), ("a\0b\udcff", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}\n")],
)
def test_any_text_can_be_a_message(message: str, text: str) -> None:
    assert with_trailers(message, {}) == text


def test_git_works_inside_a_working_tree(repository: Repository, builder: Builder, start: str) -> None:
    first = builder.commit(start, {"a": "1\n"}, "First")
    tree = builder.tree(first)
    assert git(tree, "status", "--short") == ""
    (tree / "a").write_text("2\n")
    assert "+2" in git(tree, "diff")
    git(tree, "commit", "-qam", "Inside")
    assert git(tree, "log", "--format=%s").split("\n")[:3] == ["Inside", "First", "Start"]
    inside = git(tree, "rev-parse", "HEAD").strip()
    assert not repository.exists(inside)

    made = repository.commit_directory(tree, first, BUILDER, "Outside", NOW)

    assert made is not None
    assert [entry.title for entry in repository.log(made.commit, 9)] == ["Outside", "First", "Start"]


def test_ignored_files_stay_out_unless_they_were_committed(
    repository: Repository, builder: Builder, start: str
) -> None:
    first = builder.commit(start, {"build/kept": "1", "a.o": "1"})

    def change(tree: Path) -> None:
        (tree / ".gitignore").write_text("*.o\nbuild/\n!good.o\n/only-here\n")
        for name in (
            "b.o",
            "good.o",
            "build/new",
            "only-here",
            "in/only-here",
            "in/b.o",
            "in/x.log",
            "x.log",
        ):
            (tree / name).parent.mkdir(exist_ok=True)
            (tree / name).write_text("2")
        (tree / "in" / ".gitignore").write_text("*.log")
        (tree / "a.o").write_text("2")
        (tree / "build" / "kept").write_text("2")
        (tree / os.fsdecode(b"\xff.o")).write_text("")

    made = builder.committed(first, change)

    assert made is not None
    assert {file.path for file in repository.files_changed(first, made.commit)} == {
        ".gitignore",
        "a.o",
        "build/kept",
        "good.o",
        "in/.gitignore",
        "in/only-here",
        "x.log",
    }


def test_a_directory_in_use_is_not_written_to(repository: Repository, start: str, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "mine").write_text("")
    with pytest.raises(RepositoryError, match="is not empty"):
        repository.check_out(start, tmp_path / "tree")


def test_a_commit_that_is_too_large_is_not_checked_out(
    repository: Repository, builder: Builder, start: str, tmp_path: Path
) -> None:
    made = builder.commit(start, {"a/x": "1234", "b/x": "1234"})
    for limits, text in (
        (TreeLimits(files=1), "2 files, more than 1"),
        (TreeLimits(bytes=7), "8 bytes of files, more than 7"),
    ):
        with pytest.raises(LimitExceededError, match=text):
            repository.check_out(made, tmp_path / "tree", limits)
    assert not (tmp_path / "tree").exists()
    repository.check_out(made, tmp_path / "tree", TreeLimits(files=2, bytes=8))


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (TreeLimits(file_bytes=3), "x: 4 bytes, more than the 3 that a changed file may have"),
        (TreeLimits(changed_files=1), "more than 1 files changed"),
        (TreeLimits(changed_bytes=7), "y: more than 7 bytes in new and changed files"),
    ],
)
def test_changes_that_are_too_large_are_not_committed(
    repository: Repository, builder: Builder, start: str, limits: TreeLimits, text: str
) -> None:
    def change(tree: Path) -> None:
        (tree / "x").write_text("1234")
        (tree / "y").write_text("5678")

    before = repository.size()
    with pytest.raises(LimitExceededError, match=f"^{text}$"):
        builder.committed(start, change, limits)
    assert repository.size() == before


def test_a_large_file_that_did_not_change_is_no_obstacle(
    repository: Repository, builder: Builder, start: str
) -> None:
    first = builder.commit(start, {"large": "x" * 1000, "small": "1"})
    limits = TreeLimits(file_bytes=10)

    made = builder.committed(first, lambda tree: (tree / "small").write_text("2") and None, limits)
    assert made is not None
    assert [file.path for file in repository.files_changed(first, made.commit)] == ["small"]
    with pytest.raises(LimitExceededError, match="large: 1,000 bytes"):
        builder.committed(first, lambda tree: (tree / "large").write_text("y" * 1000) and None, limits)


def test_many_new_files_become_one_pack(repository: Repository, builder: Builder, start: str) -> None:
    made = builder.commit(start, {f"{number % 7}/{number}": str(number) for number in range(300)})
    assert len(list((repository.path / "objects" / "pack").glob("*.pack"))) == 1
    assert repository.file(made, "3/3", 10) == b"3"
    git(repository.path, "fsck", "--strict")


def test_a_repository_is_made_once(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="exists already"):
        Repository.make(repository.path, NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["repository.git"]


def test_what_is_no_repository_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"nothing\.git"):
        Repository.open(tmp_path / "nothing.git")


@pytest.mark.parametrize("commit", ["0" * 40, "main", "", "4b825dc642cb6eb9a060e54bf8d69288fbee4904"])
def test_an_unknown_commit_is_named(repository: Repository, tmp_path: Path, commit: str) -> None:
    with pytest.raises(CommitMissingError, match=f"no commit {commit}"):
        repository.check_out(commit, tmp_path / "tree")
    assert not repository.exists(commit)


def _allowed(name: bytes) -> bool:
    return name not in {b".", b".."} and b"git" not in name.lower()


_NAMES = (
    st.binary(min_size=1, max_size=12)
    .map(lambda name: name.replace(b"/", b"-").replace(b"\0", b"0"))
    .filter(_allowed)
)
_FILES = st.tuples(st.binary(max_size=40), st.booleans())
_LINKS = st.binary(min_size=1, max_size=30).map(lambda target: target.replace(b"\0", b"0"))
_TREES = st.recursive(
    st.dictionaries(_NAMES, _FILES | _LINKS, max_size=4),
    lambda inner: st.dictionaries(_NAMES, _FILES | _LINKS | inner, max_size=4),
    max_leaves=8,
)


def _write(directory: bytes, tree: dict[bytes, object]) -> None:
    for name, value in tree.items():
        path = directory + b"/" + name
        if isinstance(value, dict):
            os.mkdir(path)
            _write(path, value)
        elif isinstance(value, bytes):
            os.symlink(value, path)
        else:
            content, executable = value  # type: ignore[misc]  # a file, by the strategy
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, 0o755 if executable else 0o644)


def _read(directory: bytes) -> dict[bytes, object]:
    found: dict[bytes, object] = {}
    for name in os.listdir(directory):
        path = directory + b"/" + name
        if os.path.islink(path):
            found[name] = os.readlink(path)
        elif os.path.isdir(path):
            if name != b".git" and (inner := _read(path)):
                found[name] = inner
        else:
            with open(path, "rb") as file:
                found[name] = (file.read(), os.access(path, os.X_OK) and bool(os.stat(path).st_mode & 0o100))
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_TREES, _TREES)
def test_any_tree_comes_back_as_it_was(first: dict[bytes, object], second: dict[bytes, object]) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place)
        commit = Repository.make(path / "r.git", NOW)
        repository = Repository.open(path / "r.git")
        for number, tree in enumerate((first, second)):
            # Written into an empty directory: what the commit had is gone.
            (path / f"w{number}").mkdir()
            _write(os.fsencode(path / f"w{number}"), tree)
            made = repository.commit_directory(path / f"w{number}", commit, BUILDER, "m", NOW)
            commit = made.commit if made else commit
            repository.check_out(commit, path / f"c{number}")
            assert _read(os.fsencode(path / f"c{number}")) == _read(os.fsencode(path / f"w{number}"))
        git(repository.path, "fsck", "--strict", commit)
