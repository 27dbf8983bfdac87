"""Files of a working tree by their paths: what they are, and that none leads out of it."""

import os
from pathlib import Path

import pytest

from recursor.domain.errors import NotFoundError
from recursor.workspaces.errors import LimitExceededError
from recursor.workspaces.outline import outline
from recursor.workspaces.tree_files import TreeFiles, TreePathError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "src").mkdir(parents=True)
    (tree / ".git").mkdir()
    (tree / "src" / "main.py").write_text("print()\n")
    (tree / "read\nme").write_text("")
    return tree


@pytest.fixture
def files(tree: Path) -> TreeFiles:
    return TreeFiles(tree, 1_000)


def test_a_directory_is_listed_without_git(files: TreeFiles) -> None:
    listing = files.directory("", 10)
    assert [entry.path for entry in listing.entries] == ['"read\\nme"', "src"]
    assert listing.total == 2
    assert files.directory("src", 10).entries[0].size == 8


def test_a_listed_name_can_be_used(files: TreeFiles) -> None:
    assert files.read('"read\\nme"') == b""


def test_a_file_is_written_whole_and_keeps_its_mode(files: TreeFiles, tree: Path) -> None:
    (tree / "src" / "main.py").chmod(0o750)
    assert files.write("src/main.py", b"pass\n") is False
    assert files.write("a/b/c", b"new") is True
    assert (tree / "src" / "main.py").stat().st_mode & 0o777 == 0o750
    assert (tree / "a" / "b" / "c").read_bytes() == b"new"
    assert sorted(os.listdir(tree / "src")) == ["main.py"]


def test_no_other_name_of_a_file_is_written(files: TreeFiles, tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("theirs")
    os.link(outside, tree / "inside")
    with pytest.raises(TreePathError, match="a hard link"):
        files.read("inside")
    files.write("inside", b"mine")
    assert outside.read_text() == "theirs"


def test_what_is_too_large_is_neither_read_nor_written(files: TreeFiles, tree: Path) -> None:
    (tree / "large").write_bytes(bytes(1_001))
    with pytest.raises(LimitExceededError, match="large: 1,001 bytes, more than 1,000"):
        files.read("large")
    with pytest.raises(LimitExceededError):
        files.write("other", bytes(1_001))
    assert not (tree / "other").exists()


def test_links_are_removed_and_not_followed(files: TreeFiles, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("")
    (tree / "link").symlink_to(tmp_path / "outside")
    for use in (files.read, files.remove, lambda path: files.write(path, b"")):
        with pytest.raises(TreePathError, match="link/secret: a part of it is no directory, or a link"):
            use("link/secret")
    with pytest.raises(TreePathError, match="no directory, or a link"):
        files.directory("link", 10)
    with pytest.raises(TreePathError, match="a link, which is not followed: remove it first"):
        files.write("link", b"")
    files.remove("link")
    assert (tmp_path / "outside" / "secret").exists()


def test_a_directory_is_removed_with_all_in_it(files: TreeFiles, tree: Path) -> None:
    (tree / "src" / "deep").mkdir()
    (tree / "src" / "deep").chmod(0o500)
    files.remove("src")
    assert sorted(os.listdir(tree)) == [".git", "read\nme"]


def test_nothing_is_moved_onto_something(files: TreeFiles, tree: Path) -> None:
    files.move("src/main.py", "lib/new/main.py")
    assert (tree / "lib" / "new" / "main.py").exists()
    with pytest.raises(TreePathError, match="exists already"):
        files.move("lib", "src")
    with pytest.raises(NotFoundError, match="nothing: no such file or directory"):
        files.move("nothing", "else")


@pytest.mark.parametrize(
    "path", ["..", "a/../b", "/", "/etc", ".git", "x/.git/config", ".GIT\u200d", "\0", "git~1"]
)
def test_no_such_path_is_used(files: TreeFiles, path: str) -> None:
    for use in (files.read, files.remove, lambda path: files.write(path, b"")):
        with pytest.raises(TreePathError):
            use(path)


class TestAnOutline:
    def test_shows_all_where_that_fits(self, files: TreeFiles) -> None:
        assert outline(files.directory, "", 10) == (
            '"read\\nme" (0 bytes)',
            "src/",
            "src/main.py (8 bytes)",
        )

    def test_shows_the_top_first_and_what_is_left_out(self, tree: Path, files: TreeFiles) -> None:
        for number in range(150):
            (tree / "src" / f"{number:03}").write_text("")
        for name in ("x", "y", "z"):
            (tree / name).mkdir()
        lines = outline(files.directory, "", 107)
        assert lines[1] == "src/ (100 of 151 entries are shown)"
        assert lines[-3:] == ("x/", "y/", "z/")
        assert outline(files.directory, "", 3)[-1] == "./ (3 of 5 entries are shown)"
        assert outline(files.directory, "", 5)[1] == "src/ (not shown)"
