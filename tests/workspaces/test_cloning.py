"""Copies of repositories from elsewhere."""

import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from recursor.domain.errors import ConflictError, InvalidInputError
from recursor.workspaces.cloning import CloneProgress
from recursor.workspaces.directories import Workspaces
from recursor.workspaces.errors import CloneError, LimitExceededError
from recursor.workspaces.repository import Repository

from .conftest import git


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.mkdir()
    git(path, "init", "-q")
    for number in range(3):
        (path / f"{number}").write_text(f"{number}\n")
        git(path, "add", ".")
        git(path, "commit", "-qm", f"Add {number}")
    git(path, "tag", "v1", "HEAD~1")
    git(path, "tag", "-am", "Two", "v2", "HEAD")
    git(path, "checkout", "-qb", "later")
    git(path, "commit", "--allow-empty", "-qm", "Later")
    git(path, "tag", "v3")
    git(path, "checkout", "-q", "main")
    git(path, "branch", "other", "HEAD~1")
    return path


def leftovers(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "data").glob("*")] + [
        path.name for path in (tmp_path / "data").glob(".*")
    ]


@pytest.mark.parametrize("form", ["{}", "file://{}", "{}/.git", "{}/"])
def test_a_branch_is_cloned_with_its_history(source: Path, tmp_path: Path, form: str) -> None:
    seen: list[CloneProgress] = []
    tip = Repository.clone(tmp_path / "data" / "r.git", form.format(source), on_progress=seen.append)
    repository = Repository.open(tmp_path / "data" / "r.git")
    assert tip == git(source, "rev-parse", "HEAD").strip()
    assert [entry.title for entry in repository.log(tip, 9)] == ["Add 2", "Add 1", "Add 0"]
    assert repository.branch("main") == tip
    assert git(repository.path, "for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/main",
        "refs/tags/v1",
        "refs/tags/v2",
    ]
    assert str(source) not in (repository.path / "config").read_text()
    assert seen[-1].objects == seen[-1].of_objects
    git(repository.path, "fsck", "--strict")
    git(tmp_path, "clone", "-q", str(repository.path), "again")
    assert (tmp_path / "again" / "2").exists()
    assert leftovers(tmp_path) == ["r.git"]


def test_a_named_branch_is_cloned(source: Path, tmp_path: Path) -> None:
    tip = Repository.clone(tmp_path / "data" / "r.git", str(source), "other")
    assert tip == git(source, "rev-parse", "other").strip()
    assert git(tmp_path / "data" / "r.git", "symbolic-ref", "HEAD") == "refs/heads/other\n"


def test_a_clone_does_not_need_its_source(source: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    git(tmp_path, "clone", "-q", "--shared", str(source), str(shared))
    tip = Repository.clone(tmp_path / "data" / "r.git", str(shared))
    (source / ".git").rename(tmp_path / "away")
    assert Repository.open(tmp_path / "data" / "r.git").file(tip, "2", 10) == b"2\n"


def test_what_cannot_be_cloned_is_explained(source: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "-q")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{source}", "shallow")
    git(tmp_path, "clone", "-q", str(source), "detached")
    git(tmp_path / "detached", "branch", "same")
    git(tmp_path / "detached", "checkout", "-q", "--detach")
    for given, branch, text in (
        (str(tmp_path / "nothing"), None, r"clone of .*/nothing: no such directory"),
        (str(tmp_path / "plain"), None, r"clone of .*/plain: not a repository that can be read \(.*\)"),
        (str(source / "0"), None, r"clone of .*/source/0: not a repository .*"),
        (str(tmp_path / "empty"), None, r"clone of .*/empty: it has no commits; .*"),
        (str(tmp_path / "shallow"), None, r"clone of .*/shallow: its history is cut off; run `git fetch .*"),
        (
            str(tmp_path / "detached"),
            None,
            r"clone of .*: it has no branch checked out; name one: main, same",
        ),
        (str(source), "no", r"clone of .*/source: no branch no; known: later, main, other"),
        ("ext::sh -c true", None, r"clone of .*"),
        ("ftp://example.org/x", None, r"clone of ftp://…: use a path, or one of file, git, http, https, ssh"),
        (
            "http://a:secret@127.0.0.1:9/x",
            None,
            r"clone of http://127\.0\.0\.1:9/x: cannot be reached \(.*\)",
        ),
        (
            "http://a:secret@nowhere.invalid/x",
            None,
            r"clone of http://nowhere\.invalid/x: cannot be reached .*",
        ),
    ):
        with pytest.raises(CloneError, match=rf"^{text}$") as failed:
            Repository.clone(tmp_path / "data" / "r.git", given, branch)
        assert "secret" not in str(failed.value)
        assert leftovers(tmp_path) == []
    with pytest.raises(InvalidInputError, match="git allows no such name"):
        Repository.clone(tmp_path / "data" / "r.git", str(source), "a..b")
    Repository.clone(tmp_path / "data" / "r.git", str(source))
    with pytest.raises(ConflictError, match="exists already"):
        Repository.clone(tmp_path / "data" / "r.git", str(source))


@pytest.fixture
def server() -> Iterator[tuple[str, list[int]]]:
    """A server that answers with the first status of the list, and its address."""
    answers: list[int] = [401]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers[0])
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}/x.git", answers
        running.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (
            401,
            "needs authentication, or does not exist; clone it with your own git and give the path instead",
        ),
        (403, "clone it with your own git and give the path instead"),
        (404, "no repository there"),
        (500, "500"),
    ],
)
def test_what_a_server_refuses_is_explained(
    server: tuple[str, list[int]], tmp_path: Path, status: int, text: str
) -> None:
    address, answers = server
    answers[0] = status
    with pytest.raises(CloneError, match=text):
        Repository.clone(tmp_path / "data" / "r.git", address)
    assert leftovers(tmp_path) == []


def test_a_clone_can_be_cancelled_and_is_bounded(source: Path, tmp_path: Path) -> None:
    def cancel(_: CloneProgress) -> None:
        raise InterruptedError("stopped")

    with pytest.raises(InterruptedError, match="stopped"):
        Repository.clone(tmp_path / "data" / "r.git", str(source), on_progress=cancel)
    assert leftovers(tmp_path) == []
    with pytest.raises(LimitExceededError, match="more than 10 bytes"):
        Repository.clone(tmp_path / "data" / "r.git", str(source), most_bytes=10)
    assert leftovers(tmp_path) == []


@pytest.mark.crash
def test_a_process_killed_while_it_clones_leaves_no_repository(source: Path, tmp_path: Path) -> None:
    workspaces = Workspaces(tmp_path / "data")
    path = workspaces.repository_path("s1")
    code = (
        "import sys, time; from pathlib import Path\n"
        "from recursor.workspaces.repository import Repository\n"
        "def wait(_):\n"
        "    print('received', flush=True)\n"
        "    time.sleep(60)\n"
        "Repository.clone(Path(sys.argv[1]), sys.argv[2], on_progress=wait)\n"
    )
    command = [sys.executable, "-c", code, str(path), str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"received\n"
        os.kill(process.pid, signal.SIGKILL)
    assert not path.exists()
    assert len(list(path.parent.iterdir())) == 1
    workspaces.remove_abandoned_runs()
    assert list(path.parent.iterdir()) == []
    tip = Repository.clone(path, str(source))
    assert len(workspaces.open("s1").log(tip, 9)) == 3
