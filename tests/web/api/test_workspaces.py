"""The repository of a stack through the API: bounded, in pages, and with one clear line where it cannot."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from recursor.domain.settings import Settings
from recursor.domain.stack import StackKind
from recursor.domain.workspace import Workspace
from recursor.runtime.clock import SystemClock
from recursor.storage.commit import Commit
from recursor.storage.data_directory import workspaces_directory
from recursor.storage.memory_store import MemoryStore
from recursor.storage.tables import WORKSPACES
from recursor.web.api.workspaces import LARGEST_FILE, MOST_CHANGED
from recursor.web.engine import Engine
from recursor.web.orchestrator_client import ActorClient
from recursor.workspaces.repository import Repository
from tests.making import NOW, STACK, make_stack
from tests.repositories import commit
from tests.storing import put_all, put_stack
from tests.web.problems import problem

WHERE = f"/api/stacks/{STACK}/workspace"


@pytest.fixture
def engine(store: MemoryStore, orchestrator: Any, tmp_path: Path) -> Iterator[Engine]:
    with closing(SystemClock()) as clock:
        yield Engine(ActorClient(orchestrator), store, Settings(), clock, data=tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = workspaces_directory(tmp_path) / STACK / "repository.git"
    path.parent.mkdir(parents=True)
    return path


def put_workspace(store: MemoryStore, workspace: Workspace) -> None:
    def put(commit: Commit) -> None:
        put_stack(commit, make_stack(kind=StackKind.WORKSPACE))
        WORKSPACES.put(commit, workspace)

    put_all(store, put)


@pytest.fixture
def start(repository: Path, store: MemoryStore) -> str:
    """A repository of 1,200 small files, a large one and one with a strange name."""
    small = {f"file-{number:04}": f"{number}\n" for number in range(1_200)}
    start = commit(repository, Repository.make(repository, NOW), **{**small, "a\nb": "strange\n"})
    tip = commit(repository, start, **{"large": "x" * (LARGEST_FILE + 1), "file-0000": "changed\n"})
    workspace = Workspace(
        stack_id=STACK, branch="main", tip=tip, start=start, updated_at=NOW, updated_by="integrator"
    )
    put_workspace(store, workspace)
    return start


def test_a_folder_comes_in_pages(client: httpx.Client, start: str) -> None:
    names: list[str] = []
    cursor = ""
    while True:
        page = client.get(f"{WHERE}/files", params={"limit": 500, "cursor": cursor, "at": start}).json()
        assert (page["commit"], page["total"]) == (start, 1_201)
        names += [each["path"] for each in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert len(names) == len(set(names)) == 1_201
    assert names[0] == '"a\\nb"'
    # As it was listed.
    assert client.get(f"{WHERE}/file", params={"path": names[0]}).content == b"strange\n"


def test_a_file_is_never_a_page_and_never_huge(client: httpx.Client, start: str) -> None:
    found = client.get(f"{WHERE}/file", params={"path": "file-0000"})
    assert found.content == b"changed\n"
    assert found.headers["content-type"] == "application/octet-stream"
    assert found.headers["content-disposition"] == "attachment"
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in found.headers["content-security-policy"]
    refused = client.get(f"{WHERE}/file", params={"path": "large"})
    problem(refused, 422, "invalid-input")
    assert "clone the repository" in refused.json()["detail"]


def test_the_history_comes_in_pages_of_the_tip_they_began_with(client: httpx.Client, start: str) -> None:
    first = client.get(f"{WHERE}/commits", params={"limit": 1}).json()
    assert first["next"].startswith(first["items"][0]["commit"])
    second = client.get(f"{WHERE}/commits", params={"limit": 1, "cursor": first["next"]}).json()
    assert [each["commit"] for each in second["items"]] == [start]
    only = client.get(f"{WHERE}/commits", params={"path": "large"}).json()["items"]
    assert [each["commit"] for each in only] == [first["items"][0]["commit"]]
    assert (only[0]["author"], only[0]["role"], only[0]["checks"]) == ("Ada", None, [])


def test_a_difference_is_bounded(client: httpx.Client, start: str) -> None:
    found = client.get(f"{WHERE}/diff").json()
    assert {each["path"]: each["insertions"] for each in found["files"]} == {"file-0000": 1, "large": None}
    assert "1 more files differ" in found["text"]
    assert found["old"] == start
    whole = client.get(f"{WHERE}/diff", params={"old": "start^", "text_bytes": 1_000}).json()
    assert (len(whole["files"]), whole["more_files"]) == (MOST_CHANGED, 202)
    assert len(whole["text"]) < 1_200
    one = client.get(f"{WHERE}/diff", params={"old": "start^", "path": "file-0007"}).json()
    assert [each["path"] for each in one["files"]] == ["file-0007"]


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("files", {"at": "ffff"}, 404),
        ("files", {"at": "HEAD"}, 422),
        ("files", {"at": "start^^^"}, 404),
        ("files", {"path": "../.."}, 404),
        ("files", {"path": "/etc"}, 404),
        ("file", {"path": "nothing"}, 404),
        ("file", {"path": ""}, 404),
        ("diff", {"text_bytes": 10**9}, 422),
        ("commits", {"cursor": "tip-1"}, 422),
        ("commits", {"cursor": "f" * 40 + "-1"}, 404),
    ],
)
def test_what_there_is_not_is_told(
    client: httpx.Client, start: str, path: str, params: dict[str, Any], status: int
) -> None:
    del start
    refused = client.get(f"{WHERE}/{path}", params=params)
    assert refused.status_code == status, refused.text
    assert "\n" not in refused.json()["detail"]


def test_a_pull_is_of_commits_that_are_there(client: httpx.Client, start: str, repository: Path) -> None:
    theirs = commit(repository, start, README="by Ada\n")
    taken = client.post(f"{WHERE}/pulls", json={"commit": theirs, "source": "main of /home/ada"})
    assert (taken.status_code, [each["commit"] for each in taken.json()["pulls"]]) == (202, [theirs])
    problem(client.post(f"{WHERE}/pulls", json={"commit": "f" * 40, "source": "x"}), 404, "not-found")


def test_a_repository_that_is_missing_or_not_made_yet_is_told(
    client: httpx.Client, store: MemoryStore, start: str, repository: Path
) -> None:
    del start
    repository.rename(repository.with_name("elsewhere"))
    assert "has no repository at" in client.get(f"{WHERE}/files").json()["detail"]
    unmade = Workspace(stack_id=STACK, updated_at=NOW, updated_by="user")
    put_workspace(store, unmade)
    problem(client.get(f"{WHERE}/files"), 409, "conflict")
    assert client.get(WHERE).json()["workspace"]["tip"] is None
    # A page has none at all.
    page = client.post("/api/stacks", json={"name": "page"}).json()["id"]
    problem(client.get(f"/api/stacks/{page}/workspace"), 409, "conflict")


def test_a_workspace_is_created_for_a_repository_or_a_new_one(client: httpx.Client, tmp_path: Path) -> None:
    origin = tmp_path / "origin.git"
    Repository.make(origin, NOW)
    unconfined = {"workspace": {"sandbox": "off", "checks": ["true"]}}
    made = client.post("/api/stacks", json={"name": "a", "repo": str(origin), "settings": unconfined})
    assert (made.status_code, made.json()["kind"]) == (201, "workspace")
    workspace = client.get(f"/api/stacks/{made.json()['id']}/workspace").json()["workspace"]
    assert (workspace["origin"], workspace["tip"]) == (str(origin), None)
    new = client.post("/api/stacks", json={"name": "b", "kind": "workspace", "settings": unconfined})
    assert client.get(f"/api/stacks/{new.json()['id']}/workspace").json()["workspace"]["origin"] is None
    for wrong in (
        {"repo": "relative"},
        {"repo": str(tmp_path)},
        {"kind": "page", "repo": str(origin)},
        {"kind": "page", "branch": "main"},
        {"kind": "workspace", "branch": "main"},
    ):
        refused = client.post("/api/stacks", json={"name": "c", "settings": unconfined, **wrong})
        problem(refused, 422, "invalid-input"), refused.text
    assert client.get("/api/stacks").json()["total"] == 2


def test_todos_name_what_they_need_and_what_they_are_about(client: httpx.Client, stack: str) -> None:
    first = client.post(f"{stack}/todos", json={"content": "one", "paths": ["src", "docs/a.md"]}).json()
    second = client.post(f"{stack}/todos", json={"content": "two", "needs": [first["id"]]}).json()
    assert (first["paths"], second["needs"]) == (["src", "docs/a.md"], [first["id"]])
    circle = client.patch(f"{stack}/todos/{first['id']}", json={"needs": [second["id"]]})
    problem(circle, 409, "conflict")
    cleared = client.patch(f"{stack}/todos/{second['id']}", json={"needs": [], "paths": ["src"]}).json()
    assert (cleared["needs"], cleared["paths"]) == ([], ["src"])
    nobody = client.post(f"{stack}/todos", json={"content": "three", "needs": ["f" * 32]})
    problem(nobody, 404, "not-found")
