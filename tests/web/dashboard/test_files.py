"""A team's repository: files, differences, commits and the merge queue."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from recursor.domain.stack import StackKind
from recursor.domain.workspace import CheckResult, CommitProposal, ProposalStatus, Workspace
from recursor.runner.data_paths import store_directory, workspaces_directory
from recursor.storage.commit import Commit
from recursor.storage.opening import open_store
from recursor.storage.tables import PROPOSALS, WORKSPACES
from recursor.workspaces.commit import Author
from recursor.workspaces.directories import Workspaces
from recursor.workspaces.repository import Repository
from tests.browsing import serious_violations
from tests.making import NOW, STACK, make_idea, make_stack
from tests.storing import put_all, put_stack
from tests.web.dashboard.conftest import PHONE
from tests.web.teams import Teams

TODO = "7".rjust(32, "0")
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Teams]:
    """A runner with a team with a repository, with names and contents that mean no good."""
    path = tmp_path_factory.mktemp("site")
    data, tree = path / "data", path / "tree"
    with closing(open_store(store_directory(data))) as store:
        place = Workspaces(workspaces_directory(data)).repository_path(STACK)
        start = Repository.make(place, NOW)
        first = _commit(
            place,
            tree,
            start,
            "Begin <i>the</i> site",
            {
                "README.md": b"# Site\n{{ 127 * 131 }}\n",
                "docs/<b>bold<b>.html": b"<script>document.title = 'harm'</script>\n",
                "docs/new\nline.txt": b"x",
                "docs/dot.png": PIXEL,
                "docs/blob": b"\0\1",
            },
        )
        second = _commit(place, tree, first, "Say more", {"README.md": b"# Site\nmore\n"})
        check = CheckResult(command="make test", passed=True, seconds=1, commit=second, at=NOW)

        def fill(writer: Commit) -> None:
            put_stack(writer, make_stack(state="idle", kind=StackKind.WORKSPACE), make_idea())
            WORKSPACES.put(
                writer,
                Workspace(
                    stack_id=STACK,
                    branch="main",
                    tip=second,
                    number=2,
                    checks=(check,),
                    updated_at=NOW,
                    updated_by="integrator",
                ),
            )
            failed = check.but(passed=False, status=2, output="1 failed, <b>3</b> passed", commit=first)
            for number, status in ((1, ProposalStatus.RETURNED), (2, ProposalStatus.QUEUED)):
                ended = status is ProposalStatus.RETURNED
                PROPOSALS.add(
                    writer,
                    CommitProposal(
                        id=f"{number:032}",
                        stack_id=STACK,
                        execution_id="e" * 32,
                        role="builder",
                        todo_id=TODO,
                        commit=second,
                        base=first,
                        title=f"Attempt {number}",
                        files=1,
                        insertions=1,
                        deletions=1,
                        status=status,
                        created_at=NOW,
                        note="the check `make test` failed" if ended else None,
                        checks=(failed,) if ended else (),
                    ),
                )

        put_all(store, fill)
    with Teams.of_a_runner(data) as teams:
        yield teams


def _commit(place: Path, tree: Path, parent: str, title: str, files: dict[str, bytes]) -> str:
    repository = Repository(place)
    directory = tree / parent
    repository.check_out(parent, directory)
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    made = repository.commit_directory(
        directory, parent, Author("builder", "builder@recursor.invalid"), title, NOW
    )
    assert made is not None
    return made.commit


def test_files_differences_and_commits_are_shown_and_mean_nothing(site: Teams, visit) -> None:
    page = visit(site).open(f"/teams/{STACK}/files")
    tabs = page.get_by_role("navigation", name="Parts of this team")
    expect(tabs.get_by_role("link", name="Artifacts")).to_have_count(0)
    page.get_by_role("link", name="docs/").click()
    expect(page.get_by_role("link", name='"docs/new\\nline.txt"')).to_be_visible()
    assert serious_violations(page) == []
    page.get_by_role("link", name="<b>bold<b>.html").click()
    expect(page.locator(".source li")).to_have_text("<script>document.title = 'harm'</script>")
    page.go_back()
    page.get_by_role("link", name="dot.png").click()
    expect(page.get_by_role("img", name="The image docs/dot.png")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="blob").click()
    expect(page.get_by_text("A binary file of 2 B.")).to_be_visible()

    page.get_by_role("button", name="Differences").click()
    changes = page.get_by_role("region", name="Changes in README.md")
    expect(changes.locator("tr[data-sign='-']")).to_contain_text("{{ 127 * 131 }}")
    expect(changes.locator("tr[data-sign='+']")).to_contain_text("more")
    assert serious_violations(page) == []

    page.get_by_role("button", name="Commits").click()
    commits = page.get_by_role("list", name="Commits").locator("li.commit")
    expect(commits).to_have_count(3)
    expect(commits.first).to_contain_text("by builder")
    expect(commits.first).to_contain_text("Passed make test")
    expect(commits.nth(1)).to_contain_text("Begin <i>the</i> site")
    assert serious_violations(page) == []
    assert "harm" not in page.title()


@pytest.mark.slow
def test_the_merge_queue_says_what_waits_and_why_a_commit_came_back(site: Teams, visit) -> None:
    page = visit(site, viewport=PHONE, color_scheme="dark").open(f"/teams/{STACK}/files?view=queue")
    expect(page.get_by_role("list", name="Waiting commits")).to_contain_text("Next to be merged.")
    returned = page.get_by_role("list", name="Returned commits")
    expect(returned).to_contain_text("the check `make test` failed")
    expect(returned).to_contain_text("1 failed, <b>3</b> passed")
    assert serious_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    returned.get_by_role("link", name="Difference: Attempt 1").click()
    expect(page.get_by_role("region", name="Changes in README.md")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.slow
def test_a_commit_that_is_not_there_is_said_to_be_missing(site: Teams, visit) -> None:
    page = visit(site).open(f"/teams/{STACK}/files?at={'0' * 40}&path=README.md")
    expect(page.get_by_role("heading", name="Not there")).to_be_visible()
    expect(page.get_by_text("no commit 0000")).to_be_visible()
