"""What people see of a stack's repository, and how commits come and go, with commands."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from recursor.cli.app import run_command
from recursor.runner.data_paths import workspaces_directory
from recursor.workspaces.repository import Repository
from tests.repositories import Built, build, commit, make_origin

Run = Callable[..., str]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("built"))


@pytest.fixture
def site(once: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Built:
    """A copy of its own."""
    there = tmp_path / "built"
    shutil.copytree(once.data.parent, there)
    monkeypatch.setenv("RECURSOR_DATA", str(there / "data"))
    return Built(there / "data", there / "origin.git", once.start, once.stack_id, once.todos)


@pytest.fixture
def plain(once: Built, monkeypatch: pytest.MonkeyPatch) -> Built:
    """The one that all tests share: only for looking."""
    monkeypatch.setenv("RECURSOR_DATA", str(once.data))
    return once


def repository_of(built: Built) -> Path:
    return workspaces_directory(built.data) / built.stack_id / "repository.git"


def tip(run: Run) -> str:
    return str(json.loads(run("show", "site", "--json"))["workspace"]["tip"])


def test_a_stack_shows_its_repository(plain: Built, run: Run) -> None:
    shown = run("show", "site")
    assert f"repository  a clone of {plain.origin}, on the branch main" in shown
    assert "moved 2 times" in shown
    assert "1 check passed" in shown
    assert re.search(r"^disk  .*[KM]B$", shown, re.MULTILINE)
    assert json.loads(run("show", "site", "--json"))["disk_bytes"] > 10_000
    (listed,) = json.loads(run("list", "--json"))
    assert (listed["kind"], listed["tip"], listed["queued"]) == ("workspace", tip(run), 0)


def test_files_are_listed_and_printed(plain: Built, run: Run) -> None:
    assert [line.split()[-1] for line in run("files", "site").splitlines()[1:]] == ["README", "notes/"]
    entries = json.loads(run("files", "site", "notes", "--json"))
    assert [(each["path"], each["kind"]) for each in entries] == [
        ("notes/one.txt", "file"),
        ("notes/two.txt", "file"),
    ]
    assert run("files", "site", "notes/one.txt") == "one\n"
    assert json.loads(run("files", "site", "README", "--json"))["content"] == "read me\n"
    assert "notes" not in run("files", "site", "--at", "start")
    assert run("files", "site", "nothing", code=1).endswith("no such file or directory")
    assert run("files", "site", "--at", "abcdef", code=1) == "no commit abcdef in this repository"


def test_the_history_names_role_todo_and_checks(plain: Built, run: Run) -> None:
    second, first, person, _ = json.loads(run("log", "site", "--json"))
    assert [each["todo_id"] for each in (first, second)] == list(plain.todos[:2])
    assert [each["role"] for each in (second, first, person)] == ["builder", "builder", None]
    assert [each["passed"] for each in second["checks"]] == [True]
    assert person["commit"] == plain.start
    (only,) = json.loads(run("log", "site", "notes/one.txt", "--json"))
    assert only["commit"] == first["commit"]
    line = run("log", "site", "-n", "1").splitlines()[1].split()
    assert (line[0], line[-2:]) == (second["commit"][:10], ["passed", "two"])


def test_differences_are_since_the_beginning_or_between_commits(plain: Built, run: Run) -> None:
    assert "+one\n" in run("diff", "site")
    assert "+one\n" not in run("diff", "site", "tip^")
    assert run("diff", "site", "tip", "tip") == ""
    found = json.loads(run("diff", "site", "--path", "notes/two.txt", "--json"))
    assert [(each["path"], each["change"]) for each in found["files"]] == [("notes/two.txt", "added")]
    assert "2 files changed, +2 -0 lines" in run("diff", "site", "--stat")


def test_checks_show_the_output_of_what_failed(plain: Built, run: Run) -> None:
    shown = run("checks", "site")
    assert f"tip {tip(run)[:10]}" in shown
    assert "it is broken" in shown
    assert "exit status 3" in shown
    returned = json.loads(run("checks", "site", "--json"))["proposals"]
    assert {each["status"] for each in returned} == {"merged", "returned"}


def test_the_queue_shows_what_waits_and_what_became_of_the_rest(plain: Built, run: Run) -> None:
    assert json.loads(run("queue", "site", "--json")) == {"pulls": [], "proposals": []}
    found = json.loads(run("queue", "site", "--all", "--json"))["proposals"]
    assert sorted(each["status"] for each in found) == ["merged", "merged", "returned"]
    assert "the check" in run("queue", "site", "--all")


def test_todos_show_needs_paths_and_failures_and_take_changes(site: Built, run: Run) -> None:
    first, second, bad = site.todos
    shown = run("todos", "site")
    assert "NEEDS" in shown
    assert "1 times" in shown
    assert "it is broken" not in shown.splitlines()[0]
    run("todos", "site", "--edit", bad, "--needs", second[-8:], "--path", "docs", "--path", "src/a.js")
    changed = json.loads(run("todos", "site", "--status", "open", "--json"))[0]
    assert (changed["needs"], changed["paths"], changed["attempts"]) == ([second], ["docs", "src/a.js"], 0)
    run("todos", "site", "--edit", bad, "--needs", "", "--path", "")
    changed = json.loads(run("todos", "site", "--status", "open", "--json"))[0]
    assert (changed["needs"], changed["paths"]) == ([], [])
    added = json.loads(run("todos", "site", "--add", "three", "--needs", first, "--path", "x", "--json"))
    assert (added["needs"], added["paths"]) == ([first], ["x"])
    assert "no todo" in run("todos", "site", "--add", "four", "--needs", "f" * 32, code=1)


def test_an_export_is_files_or_one_file_that_git_can_clone(site: Built, run: Run, tmp_path: Path) -> None:
    run("export", "site", "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["README", "notes"]
    assert run("export", "site", "out", code=1).startswith("out: is not empty")
    run("export", "site", "site.bundle", "--bundle")
    cloned = tmp_path / "cloned"
    subprocess.run(["git", "clone", "-q", tmp_path / "site.bundle", cloned], check=True)
    assert (cloned / "notes" / "two.txt").read_text() == "two\n"


def test_the_tip_is_pushed_where_a_person_says(site: Built, run: Run) -> None:
    origin = Repository.open(site.origin)
    run("push", "site", str(site.origin), "recursor/site")
    assert origin.branch("recursor/site") == tip(run)
    moved = commit(site.origin, site.start, README="changed\n")
    refused = run("push", "site", str(site.origin), "main", code=1)
    assert "recursor pull site" in refused
    assert Repository.open(site.origin).branch("main") == moved
    assert run("push", "site", str(site.origin), "a:b", code=2) == "branch 'a:b': git allows no such name"
    assert "git push: fatal:" in run("push", "site", "nowhere", "main", code=1)


def test_a_persons_commits_wait_to_be_merged(site: Built, run: Run) -> None:
    theirs = commit(site.origin, site.start, README="changed\n")
    assert "waits to be merged" in run("pull", "site", str(site.origin), "main")
    (pull,) = json.loads(run("queue", "site", "--json"))["pulls"]
    assert (pull["commit"], pull["source"]) == (theirs, f"main of {site.origin}")
    assert Repository.open(repository_of(site)).exists(theirs)
    # The same commit is noted once.
    run("pull", "site", str(site.origin), "main")
    assert len(json.loads(run("queue", "site", "--json"))["pulls"]) == 1
    assert "git fetch: fatal:" in run("pull", "site", str(site.origin), "nothing", code=1)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--check", "true"), "create: --check is for work on a git repository: give --workspace or --repo"),
        (("--branch", "main", "--workspace"), "branch: names what to clone"),
        (("--repo", "nowhere"), "no such directory"),
        (("--repo", "origin.git", "--branch", "other"), "no branch other; known: main"),
        (("--repo", "file"), "not a repository"),
        (("--repo", "https://ada:secret@git.example/site"), "repo: contains a user name or password"),
        (("--workspace", "--agent", "nobody"), "settings.agent: name: must be model"),
        (("--workspace", "--builders", "2", "--set", "workspace.builders=3"), "--builders: 2 contradicts"),
    ],
)
def test_what_cannot_be_worked_on_is_refused_at_once(
    run: Run, tmp_path: Path, options: tuple[str, ...], complaint: str
) -> None:
    make_origin(tmp_path / "origin.git")
    (tmp_path / "file").write_text("")
    assert complaint in run("create", "x", *options, "--set", "workspace.sandbox=off", code=2)
    assert not (tmp_path / ".recursor").exists()


def test_without_a_sandbox_nothing_is_created(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    refused = run("create", "x", "--workspace", code=1)
    assert refused.startswith("sandbox: bubblewrap is not installed: apt-get install bubblewrap")
    assert not (tmp_path / ".recursor").exists()
    assert run("create", "x", "--workspace", "--set", "workspace.sandbox=off")


def test_a_page_has_no_repository(run: Run) -> None:
    run("create", "page")
    for command in ("files", "diff", "log", "checks", "queue"):
        told = run(command, "page", code=1)
        assert told.endswith("stack page makes a page and has no repository")


def test_pruning_removes_what_runs_have_left_and_packs(site: Built, run: Run) -> None:
    left = repository_of(site).parent / "runs" / f"{'0' * 32}-builder"
    (left / "tree").mkdir(parents=True)
    (left / "tree" / "large").write_bytes(b"x" * 1_000_000)
    foreseen = json.loads(run("prune", "site", "--dry-run", "--json"))
    assert (foreseen["runs"], foreseen["disk_bytes"]) == (1, 0)
    done = json.loads(run("prune", "site", "--json"))
    assert done["runs"] == 1
    assert done["disk_bytes"] >= 1_000_000
    assert not left.exists()
    # What the proposals of decided todos have left is no longer kept; what the team needs is there.
    assert Repository.open(repository_of(site)).exists(tip(run))
    assert run("files", "site", "notes/two.txt") == "two\n"
    assert json.loads(run("prune", "site", "--json"))["runs"] == 0


def test_the_doctor_tells_what_a_repository_lacks(
    site: Built, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    def findings() -> dict[str, str]:
        run_command(["doctor", "site", "--json"])
        found = json.loads(capsys.readouterr().out)["findings"]
        return {each["id"]: each["severity"] for each in found}

    assert findings() == {"sandbox": "warning", "needs-person": "warning", "not-running": "warning"}
    run("configure", "site", "--set", "workspace.disk_bytes=1048576")
    (repository_of(site).parent / "large").write_bytes(b"x" * 2_000_000)
    assert findings()["repository-full"] == "problem"
    repository_of(site).rename(repository_of(site).with_name("elsewhere"))
    assert findings()["repository"] == "problem"


def test_a_new_repository_and_a_clone_exclude_each_other(run: Run) -> None:
    said = run("create", "both", "--workspace", "--repo", ".", code=2)
    assert said == "create: --workspace makes a new repository and --repo clones one: give one"
