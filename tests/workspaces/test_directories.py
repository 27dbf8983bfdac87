"""Where repositories and working trees are, and how they go."""

import os
import threading
from pathlib import Path

import pytest

from recursor.domain.errors import InvalidInputError, NotFoundError
from recursor.workspaces import removal
from recursor.workspaces.directories import Workspaces
from recursor.workspaces.names import as_file_name, from_file_name, quoted, unquoted
from recursor.workspaces.repository import Repository

from .conftest import NOW


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    return Workspaces(tmp_path / "workspaces")


def test_paths_are_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Workspaces(Path("data")).repository_path("s1") == tmp_path / "data/s1/repository.git"


def test_a_stack_has_a_repository_and_runs_have_directories(workspaces: Workspaces, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="stack s1 has no repository"):
        workspaces.open("s1")
    tip = Repository.make(workspaces.repository_path("s1"), NOW)
    assert workspaces.open("s1").exists(tip)
    assert workspaces.stacks() == ("s1",)
    with (
        workspaces.run_directory("s1", "cycle:builder:1") as first,
        workspaces.run_directory("s1", "b") as second,
    ):
        assert list(first.iterdir()) == list(second.iterdir()) == []
        workspaces.open("s1").check_out(tip, first / "tree")
        (first / "tree" / "x").write_text("x" * 100_000)
        assert workspaces.disk_use("s1") > 100_000
    assert not first.exists()
    assert workspaces.disk_use("s1") < 100_000
    workspaces.delete("s1")
    workspaces.delete("s1")
    assert list((tmp_path / "workspaces").iterdir()) == []


def test_a_run_that_raises_leaves_nothing(workspaces: Workspaces) -> None:
    directories = []

    def run() -> None:
        with workspaces.run_directory("s1", "k") as directory:
            directories.append(directory)
            (directory / "x").mkdir()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    assert [directory.exists() for directory in directories] == [False]


def test_what_dead_processes_left_is_removed(workspaces: Workspaces, tmp_path: Path) -> None:
    root = tmp_path / "workspaces"
    Repository.make(workspaces.repository_path("s1"), NOW)
    Repository.make(workspaces.repository_path("s2"), NOW)
    left = [root / "s1" / "runs" / "k" / "tree", root / "s2" / "runs" / "l", root / ".removed-1" / "runs"]
    left += [root / "s1" / ".unfinished-1", workspaces.repository_path("s1") / "objects" / "tmp_objdir-1"]
    for directory in left:
        directory.mkdir(parents=True)
    assert workspaces.remove_abandoned_runs("s1") == 1
    assert [directory.exists() for directory in left] == [False, True, True, False, False]
    assert workspaces.remove_abandoned_runs() == 1
    assert not any(directory.exists() for directory in left)
    assert workspaces.stacks() == ("s1", "s2")


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../../etc", ".removed-1", "é:~^ \n", "a" * 60, "%2E"])
def test_no_id_leads_out(workspaces: Workspaces, tmp_path: Path, name: str) -> None:
    root = tmp_path / "workspaces"
    assert workspaces.repository_path(name).parent.parent == root
    with workspaces.run_directory(name, name) as directory:
        assert directory.parent.parent.parent == root
        assert workspaces.stacks() == (name,)
    assert from_file_name(as_file_name(name)) == name


@pytest.mark.parametrize("name", ["", "a" * 201])
def test_an_id_that_is_no_name_is_refused(workspaces: Workspaces, name: str) -> None:
    with pytest.raises(InvalidInputError, match="must have 1 to 200 characters"):
        workspaces.repository_path(name)


@pytest.mark.parametrize(
    "path", [b"a/b", b'"', b"\\n", b"\n", b"\xff", "é\u202e".encode(), b"\x01", b'"a"', b""]
)
def test_any_path_has_a_text(path: bytes) -> None:
    assert unquoted(quoted(path)) == path
    assert quoted(path).isprintable()


def test_a_text_that_is_no_path_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="has characters that are not allowed"):
        unquoted("\udcff")


def test_a_directory_of_any_depth_is_removed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    descriptor = os.open(top, os.O_RDONLY)
    for number in range(5_000):
        os.mkdir("moved-0", dir_fd=descriptor)
        os.close(os.open(f"{number}", os.O_CREAT, dir_fd=descriptor))
        inner = os.open("moved-0", os.O_RDONLY, dir_fd=descriptor)
        if number % 10 == 0:
            os.fchmod(descriptor, 0)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    size = removal.bytes_on_disk(top)
    removal.remove(top)
    assert size > 0
    assert not top.exists()


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir(mode=0o500)
    (tmp_path / "outside" / "x").write_text("")
    (tmp_path / "top" / "in").mkdir(parents=True)
    for place in (tmp_path / "top" / "a", tmp_path / "top" / "in" / "b"):
        place.symlink_to(tmp_path / "outside")
    os.mkfifo(tmp_path / "top" / "pipe")
    removal.remove(tmp_path / "top")
    (tmp_path / "top").symlink_to(tmp_path / "outside")
    removal.remove(tmp_path / "top")
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert (tmp_path / "outside" / "x").exists()
    assert (tmp_path / "outside").stat().st_mode & 0o777 == 0o500


def test_runs_have_directories_at_once(workspaces: Workspaces) -> None:
    seen = []

    def run(number: int) -> None:
        with workspaces.run_directory("s1", f"{number}") as directory:
            (directory / "x").write_text("")
            seen.append(directory)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 8
