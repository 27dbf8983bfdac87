"""What an agent may leave in a working tree, and what a repository may have in its commits."""

import os
import socket
import threading
from collections.abc import Iterable
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import ObjectType

from recursor.workspaces.errors import LimitExceededError, RepositoryError
from recursor.workspaces.names import is_dot_git
from recursor.workspaces.objects import TreeEntry, tree_bytes
from recursor.workspaces.repository import Repository, TreeLimits

from .conftest import BUILDER, NOW, Builder, git

SECRET = "not for agents"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "outside" / "secret"
    path.parent.mkdir()
    path.write_text(SECRET)
    return path


def stored(repository: Repository, commit: str) -> bytes:
    """All that a commit has, as one text."""
    listed = git(repository.path, "ls-tree", "-r", "-z", commit).split("\0")
    ids = [line.split()[2] for line in listed if line and line.split()[1] == "blob"]
    return b"\n".join(pygit2.Repository(str(repository.path))[each].peel(pygit2.Blob).data for each in ids)


@pytest.mark.parametrize(
    "name", [b"a\nb", b"\xff\xfe", b" ", b"-rf", b"\x1b[31m", b'"', b"\\", b"*", b"a" * 255, b"..."]
)
def test_any_name_is_kept(repository: Repository, builder: Builder, start: str, name: bytes) -> None:
    def change(tree: Path) -> None:
        (tree / os.fsdecode(name)).write_text("content")

    made = builder.committed(start, change)

    assert made is not None
    assert made.notes == ()
    assert (builder.tree(made.commit) / os.fsdecode(name)).read_text() == "content"
    (listed,) = repository.tree(made.commit).entries
    assert listed.path.isprintable()
    assert repository.file(made.commit, listed.path, 100) == b"content"
    difference = repository.diff(start, made.commit, 10_000)
    assert [file.path for file in difference.files] == [listed.path]
    assert repository.diff(start, made.commit, 10_000, [listed.path]).files == difference.files


@pytest.mark.parametrize(
    "name", [".GIT", ".Git", "git~1", ".git ", ".git.", ".g\u200cit", ".git::$INDEX_ALLOCATION", "a\\.git"]
)
def test_what_some_system_takes_for_a_repository_is_left_out(builder: Builder, start: str, name: str) -> None:
    def change(tree: Path) -> None:
        (tree / name / "hooks").mkdir(parents=True)
        (tree / name / "hooks" / "post-checkout").write_text("#!/bin/sh\n")
        (tree / "a").write_text("")

    made = builder.committed(start, change)

    assert made is not None
    assert made.files == 1
    assert len(made.notes) == 1
    assert "was left out: it would be taken for a repository's own" in made.notes[0]


@pytest.mark.parametrize(
    "name", [".github", ".gitignore", ".gitattributes", "git", "a.git", "git~10", ".git2"]
)
def test_other_names_are_not(name: str) -> None:
    assert not is_dot_git(name.encode())


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../outside/secret", "../outside", ".", "loop", "/", "../../../.."]
)
def test_a_link_is_stored_as_a_link(
    repository: Repository, builder: Builder, start: str, secret: Path, target: str
) -> None:
    def change(tree: Path) -> None:
        (tree / "loop").symlink_to(target)

    made = builder.committed(start, change)

    assert made is not None
    assert stored(repository, made.commit) == target.encode()
    assert repository.file(made.commit, "loop", 100) == target.encode()
    assert (builder.tree(made.commit) / "loop").readlink() == Path(target)


def test_a_directory_that_became_a_link_leads_nowhere(
    repository: Repository, builder: Builder, start: str, secret: Path
) -> None:
    first = builder.commit(start, {"inner/secret": "mine", "inner/deeper/x": "1"})

    def change(tree: Path) -> None:
        (tree / "inner" / "secret").unlink()
        (tree / "inner" / "deeper" / "x").unlink()
        (tree / "inner" / "deeper").rmdir()
        (tree / "inner").rmdir()
        (tree / "inner").symlink_to(secret.parent)

    made = builder.committed(first, change)

    assert made is not None
    assert stored(repository, made.commit) == os.fsencode(secret.parent)
    assert {(file.path, file.change) for file in repository.files_changed(first, made.commit)} == {
        ("inner", "added"),
        ("inner/secret", "removed"),
        ("inner/deeper/x", "removed"),
    }


def test_files_that_change_while_they_are_read_lead_nowhere(
    repository: Repository, builder: Builder, start: str, secret: Path
) -> None:
    tree = builder.tree(start)
    (tree / "a").mkdir()
    (tree / "a" / "secret").write_text("mine")
    stopped = threading.Event()

    def swap() -> None:
        while not stopped.is_set():
            os.rename(tree / "a", tree / "b")
            os.symlink(secret.parent, tree / "a")
            os.unlink(tree / "a")
            os.mkdir(tree / "a")
            os.symlink(secret, tree / "a" / "secret")
            os.unlink(tree / "a" / "secret")
            os.rmdir(tree / "a")
            os.rename(tree / "b", tree / "a")

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for _ in range(150):
            made = repository.commit_directory(tree, start, BUILDER, "m", NOW)
            assert made is None or SECRET.encode() not in stored(repository, made.commit)
    finally:
        stopped.set()
        swapping.join()


def test_what_is_no_file_is_left_out(builder: Builder, start: str) -> None:
    with socket.socket(socket.AF_UNIX) as listening:

        def change(tree: Path) -> None:
            os.mkfifo(tree / "pipe")
            here = os.getcwd()
            os.chdir(tree)  # the path of a socket is short
            listening.bind("socket")
            os.chdir(here)
            (tree / "a").write_text("")

        made = builder.committed(start, change)

    assert made is not None
    assert made.files == 1
    reason = "was left out: it is neither a file, a directory nor a link"
    assert made.notes == (f"pipe {reason}", f"socket {reason}")


def test_notes_are_few(builder: Builder, start: str) -> None:
    def change(tree: Path) -> None:
        for number in range(30):
            os.mkfifo(tree / f"{number:02}")
        (tree / "a").write_text("")

    made = builder.committed(start, change)

    assert made is not None
    assert len(made.notes) == 21
    assert made.notes[-1] == "10 more were left out"


@pytest.mark.parametrize("kind", ["file", "directory", "link", "gone"])
def test_the_git_of_the_tree_is_not_read(
    repository: Repository, builder: Builder, start: str, secret: Path, tmp_path: Path, kind: str
) -> None:
    ran = tmp_path / "ran"

    def change(tree: Path) -> None:
        (tree / ".git").rename(tmp_path / "taken")
        if kind == "file":
            (tree / ".git").write_text(f"gitdir: {secret.parent}\n")
        elif kind == "link":
            (tree / ".git").symlink_to(repository.path)
        elif kind == "directory":
            git(tree, "init", "-q")
            (tree / ".git" / "info" / "exclude").write_text("*\n")
            for hook in ("pre-commit", "post-checkout", "post-commit", "post-index-change"):
                (tree / ".git" / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {ran}\n")
                (tree / ".git" / "hooks" / hook).chmod(0o755)
            with (tree / ".git" / "config").open("a") as file:
                file.write(f'[core]\nfsmonitor = "touch {ran}"\nhooksPath = {tree}/.git/hooks\n')
                file.write(f'[filter "x"]\nclean = touch {ran}\nsmudge = touch {ran}\n')
        (tree / ".gitattributes").write_text("* filter=x\n")
        (tree / "a").write_text("a")

    made = builder.committed(start, change)

    assert made is not None
    assert {file.path for file in repository.files_changed(start, made.commit)} == {"a", ".gitattributes"}
    assert made.notes == ()
    builder.tree(made.commit)
    assert not ran.exists()


def test_attributes_change_no_file(repository: Repository, builder: Builder, start: str) -> None:
    files: dict[str, str | bytes | None] = {
        ".gitattributes": "* text=auto eol=crlf ident filter=lfs working-tree-encoding=UTF-16\n",
        "a": b"$Id$\n\r\n\n",
        "in/.gitattributes": "* merge=x -diff export-ignore\n",
        "in/b": b"\xff\xfe\r\n",
    }
    first = builder.commit(start, files)
    tree = builder.tree(first)
    for name, content in files.items():
        assert (tree / name).read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert repository.commit_directory(tree, first, BUILDER, "m", NOW) is None


def test_a_repository_inside_gives_its_files_and_no_submodule(
    repository: Repository, builder: Builder, start: str
) -> None:
    def change(tree: Path) -> None:
        (tree / "lib").mkdir()
        git(tree / "lib", "init", "-q")
        (tree / "lib" / "x").write_text("x")
        git(tree / "lib", "add", "x")
        git(tree / "lib", "commit", "-qm", "inner")

    made = builder.committed(start, change)

    assert made is not None
    assert [file.path for file in repository.files_changed(start, made.commit)] == ["lib/x"]
    assert made.notes == ("lib/.git was left out: it would be taken for a repository's own",)


def written(repository: Repository, parent: str, entries: Iterable[tuple[bytes, int, bytes]]) -> str:
    """A commit with any entries: (name, mode, content of a blob, or of a tree as bytes)."""
    handle = pygit2.Repository(str(repository.path))
    made = []
    for name, mode, content in entries:
        if mode == 0o160000:
            made.append(TreeEntry(name, mode, pygit2.Oid(hex=parent)))
        else:
            kind = ObjectType.TREE if mode == 0o040000 else ObjectType.BLOB
            made.append(TreeEntry(name, mode, handle.odb.write(kind, content)))
    tree = handle.odb.write(ObjectType.TREE, tree_bytes(made))
    author = pygit2.Signature("a", "b", 0, 0)
    return str(handle.create_commit(None, author, author, "hostile", tree, [pygit2.Oid(hex=parent)]))


@pytest.mark.parametrize("name", [b".git", b"..", b".", b".GIT", b"a/b", b"../x", b"git~1"])
@pytest.mark.parametrize("mode", [0o100644, 0o120000])
def test_a_commit_with_a_name_that_leads_out_is_refused(
    repository: Repository, start: str, tmp_path: Path, name: bytes, mode: int
) -> None:
    commit = written(repository, start, [(name, mode, b"/etc")])
    with pytest.raises(RepositoryError, match="no file can be named"):
        repository.check_out(commit, tmp_path / "tree")
    assert not (tmp_path / "x").exists()


def test_a_directory_that_is_a_link_too_is_refused(
    repository: Repository, start: str, tmp_path: Path, secret: Path
) -> None:
    handle = pygit2.Repository(str(repository.path))
    blob = handle.odb.write(ObjectType.BLOB, b"overwritten")
    inner = tree_bytes([TreeEntry(b"secret", 0o100644, blob)])
    commit = written(
        repository, start, [(b"a", 0o120000, os.fsencode(secret.parent)), (b"a", 0o040000, inner)]
    )
    with pytest.raises(RepositoryError, match="a is there twice"):
        repository.check_out(commit, tmp_path / "tree")
    assert secret.read_text() == SECRET


def test_a_submodule_stays_at_its_commit(
    repository: Repository, builder: Builder, start: str, tmp_path: Path
) -> None:
    first = written(
        repository,
        start,
        [
            (b"sub", 0o160000, b""),
            (b".gitmodules", 0o100644, b'[submodule "sub"]\n path = sub\n url = /etc\n'),
        ],
    )
    tree = builder.tree(first)
    assert list((tree / "sub").iterdir()) == []
    (tree / "sub" / "x").write_text("not in this repository")
    (tree / "a").write_text("")

    made = repository.commit_directory(tree, first, BUILDER, "m", NOW)

    assert made is not None
    assert [file.path for file in repository.files_changed(first, made.commit)] == ["a"]
    (tree / "sub" / "x").unlink()
    (tree / "sub").rmdir()
    removed = repository.commit_directory(tree, first, BUILDER, "m", NOW)
    assert removed is not None
    assert removed.files == 2


def test_a_tree_that_stands_for_billions_of_files_is_refused_at_once(
    repository: Repository, start: str, tmp_path: Path
) -> None:
    handle = pygit2.Repository(str(repository.path))
    entry = TreeEntry(b"0", 0o100644, handle.odb.write(ObjectType.BLOB, b"boom"))
    for _ in range(40):
        names = [TreeEntry(b"%d" % number, entry.mode, entry.id) for number in range(10)]
        entry = TreeEntry(b"0", 0o040000, handle.odb.write(ObjectType.TREE, tree_bytes(names)))
    author = pygit2.Signature("a", "b", 0, 0)
    commit = str(handle.create_commit(None, author, author, "bomb", entry.id, [pygit2.Oid(hex=start)]))
    with pytest.raises(LimitExceededError, match="files, more than 500,000"):
        repository.check_out(commit, tmp_path / "tree")


def test_a_file_of_two_gigabytes_is_refused_unread(builder: Builder, start: str) -> None:
    def change(tree: Path) -> None:
        with (tree / "large").open("wb") as file:
            file.truncate(2 * 1024**3)

    with pytest.raises(LimitExceededError, match=r"^large: 2,147,483,648 bytes, more than the 52,428,800"):
        builder.committed(start, change)


def test_a_tree_deeper_than_a_path_is_refused(builder: Builder, start: str) -> None:
    def change(tree: Path) -> None:
        descriptor = os.open(tree, os.O_RDONLY)
        for _ in range(100):
            os.mkdir("d" * 100, dir_fd=descriptor)
            inner = os.open("d" * 100, os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        os.close(descriptor)

    with pytest.raises(LimitExceededError, match=r"^ddd.* … .*d: a path of 4,039 bytes, more than 4,000$"):
        builder.committed(start, change)


def test_a_tree_of_many_levels_is_refused(builder: Builder, start: str) -> None:
    def change(tree: Path) -> None:
        tree.joinpath(*["d"] * 201).mkdir(parents=True)
        (tree.joinpath(*["d"] * 201) / "x").write_text("")

    with pytest.raises(LimitExceededError, match=r"^d/d/.*: in more than 200 directories$"):
        builder.committed(start, change)


def test_a_rule_that_takes_others_for_ever_takes_no_time(builder: Builder, start: str) -> None:
    def change(tree: Path) -> None:
        (tree / ".gitignore").write_text(
            "*a" * 60 + "b\n" + "**/x*a/" * 30 + "b\n" + "**/x*a/**/x*a/b\n" * 100
        )
        (tree / ("a" * 250)).write_text("")
        deep = tree.joinpath(*["xa"] * 60)
        deep.mkdir(parents=True)
        (deep / "c").write_text("")

    made = builder.committed(start, change)

    assert made is not None
    assert made.files == 3


def test_rules_that_are_a_link_or_huge_have_no_effect(builder: Builder, start: str, secret: Path) -> None:
    secret.write_text("*\n")

    def change(tree: Path) -> None:
        (tree / ".gitignore").symlink_to(secret)
        (tree / "in").mkdir()
        (tree / "in" / ".gitignore").write_text("*\n" + "#" * 1024 * 1024)
        os.mkdir(tree / "pipe")
        os.mkfifo(tree / "pipe" / ".gitignore")
        for name in ("a", "in/b", "pipe/c"):
            (tree / name).write_text("")

    made = builder.committed(start, change)

    assert made is not None
    assert made.files == 5


@pytest.mark.slow
def test_a_hundred_thousand_files(repository: Repository, builder: Builder, start: str) -> None:
    def change(tree: Path) -> None:
        for number in range(1_000):
            (tree / f"{number}").mkdir()
            for inner in range(100):
                (tree / f"{number}" / f"{inner}").write_text(f"{number} {inner}\n")

    with pytest.raises(LimitExceededError, match="more than 10,000 files changed"):
        builder.committed(start, change)
    made = builder.committed(start, change, TreeLimits(changed_files=100_000))
    assert made is not None
    assert made.files == 100_000
    tree = builder.tree(made.commit)
    (tree / "7" / "7").write_text("changed\n")
    after = repository.commit_directory(tree, made.commit, BUILDER, "m", NOW)
    assert after is not None
    assert (after.files, after.insertions, after.deletions) == (1, 1, 1)
