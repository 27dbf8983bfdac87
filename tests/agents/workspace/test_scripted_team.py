"""The scripted team on a repository, from the idea to the end."""

import subprocess
from pathlib import Path

import pytest

from recursor.agents.scripted.check_site import problems_of
from recursor.agents.scripted.site import SITE_CHECK
from recursor.domain.effect import SetPhase
from recursor.domain.stack import Phase
from recursor.domain.todo import TodoStatus
from recursor.workspaces.commit import Author
from recursor.workspaces.repository import Repository
from tests.agents.workspace.rounds import Rounds
from tests.making import NOW

IDEA = "A habit tracker with streaks and a weekly chart, and notes"


def written_to(team: Rounds, directory: Path) -> Path:
    """Write the files at the tip into a directory."""
    for path, text in team.files().items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    return directory


def cloned(tmp_path: Path) -> Path:
    """Make a repository to clone."""
    origin = tmp_path / "origin.git"
    Repository.make(origin, NOW)
    return origin


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The team after a whole project, with four builders and the site's own check; only read it."""
    root = tmp_path_factory.mktemp("site")
    return Rounds(root, IDEA, workspace={"builders": 4, "checks": [SITE_CHECK]}).until_quiet()


def test_a_project_ends_complete_with_a_site_that_passes_its_check(done, tmp_path):
    assert done.records.stack.phase is Phase.COMPLETE
    assert {todo.status for todo in done.todos} == {TodoStatus.COMPLETED}
    assert {todo.attempts for todo in done.todos} == {0}
    site = written_to(done, tmp_path)
    ended = subprocess.run(
        ["python3", "tests/check_site.py"], check=False, cwd=site, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (0, "4 pages, 0 problems\n")


def test_a_site_may_be_called_as_its_only_page(tmp_path):
    team = Rounds(tmp_path, "Notes", workspace={"checks": [SITE_CHECK]}).until_quiet()

    assert team.records.stack.phase is Phase.COMPLETE
    assert {todo.attempts for todo in team.todos} == {0}


def test_the_home_page_links_to_every_page(done):
    pages = [path for path in done.files() if path.endswith(".html") and path != "index.html"]

    assert len(pages) == 3
    assert all(f'href="{path}"' in done.files()["index.html"] for path in pages)


def test_each_todo_is_one_commit_of_the_files_that_it_names(done):
    assert len(done.merged()) == len(done.todos)
    for proposal in done.merged():
        todo = next(todo for todo in done.todos if todo.id == proposal.todo_id)
        assert set(proposal.paths) <= set(todo.paths)
    commits = done.repository.log(done.records.workspace.tip, 100)
    assert len(commits) == len(done.todos) + 1 == done.records.workspace.number + 1


def test_pages_are_built_at_once(done):
    at_once = [todo_id for role, todo_id, _ in done.ran if role == "builder"]

    assert len(at_once) == len(set(at_once)) == len(done.todos)
    waves = [1]
    for (before, _, _), (role, _, _) in zip(done.ran, done.ran[1:], strict=False):
        waves = [*waves[:-1], waves[-1] + 1] if role == before == "builder" else [*waves, 1]
    assert max(waves) == 3


def test_the_same_idea_gives_the_same_files(done, tmp_path):
    again = Rounds(tmp_path, IDEA).until_quiet()

    space = again.records.stack.id
    ours = {path: text.replace(done.records.stack.id, space) for path, text in done.files().items()}
    assert again.files() == ours


def test_an_idea_that_is_no_site_ends_with_the_reason(tmp_path):
    team = Rounds(tmp_path, "A command line tool that renames photos").until_quiet()

    assert team.records.stack.phase is Phase.PARTIAL
    assert team.todos == []
    assert "only web pages" in team.records.idea.reading.refusal


def test_a_cloned_repository_is_left_as_it_is(tmp_path):
    team = Rounds(tmp_path, IDEA, cloned(tmp_path)).until_quiet()

    assert team.records.stack.phase is Phase.PARTIAL
    assert "nothing in a cloned repository" in team.records.idea.reading.refusal
    todo = team.add_todo("add a calendar")
    team.until_quiet()
    (found,) = [each for each in team.todos if each.id == todo]
    assert found.status is TodoStatus.CANCELLED
    assert team.records.workspace.number == 0


def test_a_page_that_a_visitor_asks_for_is_added_and_linked(tmp_path):
    team = Rounds(tmp_path, "Notes").until_quiet()

    message = team.ask("Please add a calendar")
    team.until_quiet()

    assert "calendar.html" in team.files()
    assert 'href="calendar.html"' in team.files()["index.html"]
    assert team.records.stack.phase is Phase.COMPLETE
    (answer,) = [each.answer for each in team.records.user_messages if each.id == message]
    assert "The planner will read this" in answer


def test_a_page_that_a_visitor_does_not_want_goes_with_its_link(tmp_path):
    team = Rounds(tmp_path, IDEA).until_quiet()

    team.ask("Please remove the notes")
    team.until_quiet()

    assert "notes.html" not in team.files()
    assert "notes.html" not in team.files()["index.html"]
    assert problems_of(written_to(team, tmp_path / "out")) == []


def test_a_todo_of_a_person_is_built_or_cancelled_with_the_reason(tmp_path):
    team = Rounds(tmp_path, "Notes").until_quiet()
    known, unknown = team.add_todo("add a poll"), team.add_todo("make the logo sing")

    team.until_quiet()

    status = {todo.id: todo.status for todo in team.todos}
    assert (status[known], status[unknown]) == (TodoStatus.COMPLETED, TodoStatus.CANCELLED)
    assert 'href="poll.html"' in team.files()["index.html"]


def test_a_check_that_never_passes_ends_with_a_todo_that_needs_a_person(tmp_path):
    team = Rounds(tmp_path, "Notes", workspace={"checks": ["false"]}).until_quiet()

    first = team.todos[0]
    assert (first.status, first.attempts) == (TodoStatus.PENDING, team.settings.workspace.attempts)
    assert "`false` failed" in first.problem
    assert team.records.workspace.number == 0


def test_a_page_that_a_person_broke_is_written_again_at_most_twice(tmp_path):
    team = Rounds(tmp_path, "Notes").until_quiet()
    repository, workspace = team.repository, team.records.workspace
    tree = tmp_path / "tree"
    repository.check_out(workspace.tip, tree)
    page = tree / "notes.html"
    page.write_text(page.read_text().replace('href="index.html"', 'href="nowhere.html"'))

    broken = repository.commit_directory(tree, workspace.tip, Author("Ada", "ada@example.org"), "Break", NOW)
    draft = team.desk.draft(team.now)
    draft.put_workspace(workspace.but(tip=broken.commit, number=workspace.number + 1))
    team.desk.keep(draft)

    team.until_quiet()

    assert "nowhere.html" not in team.files()["notes.html"]
    assert team.records.stack.phase is Phase.COMPLETE


def test_links_in_the_repository_lead_no_writer_out(tmp_path):
    team = Rounds(tmp_path, "Notes")
    team.round()
    secret = tmp_path / "secret"
    secret.write_text("mine")
    tree = tmp_path / "tree"
    repository, workspace = team.repository, team.records.workspace
    repository.check_out(workspace.tip, tree)
    (tree / "README.md").symlink_to(secret)
    (tree / "tests").symlink_to(tmp_path)

    made = repository.commit_directory(tree, workspace.tip, Author("Ada", "ada@example.org"), "Links", NOW)
    draft = team.desk.draft(team.now)
    draft.put_workspace(workspace.but(tip=made.commit))
    team.desk.keep(draft)

    team.until_quiet()

    assert secret.read_text() == "mine"
    assert not (tmp_path / "check_site.py").exists()
    assert team.todos[0].attempts == team.settings.workspace.attempts


def test_another_builder_gets_the_idea_as_one_todo(tmp_path):
    team = Rounds(
        tmp_path,
        "Rename photos by date",
        cloned(tmp_path),
        agent={"name": 'command:echo "$RECURSOR_TODO" > done'},
    ).until_quiet()

    assert [todo.content for todo in team.todos] == ["Rename photos by date"]
    assert team.files() == {"done": "Rename photos by date\n"}
    assert team.records.stack.phase is Phase.COMPLETE
    team.ask("Please add the time, too")
    team.until_quiet()
    assert team.files() == {"done": "Please add the time, too\n"}
    phases = [e.phase for _, _, outcome in team.ran for e in outcome.effects if isinstance(e, SetPhase)]
    assert phases.count(Phase.COMPLETE) == 2


def test_the_check_names_each_problem(tmp_path):
    (tmp_path / "a.html").write_text(
        "<html lang=en><title>A</title><h1>A</h1><a href=b.html#x>b</a><i id=y></i><i id=y>"
    )
    (tmp_path / "b.html").write_text(
        "<title>A</title><a href=../c.html>c</a><img src=https://example.org/x.png>"
    )

    assert problems_of(tmp_path) == [
        "a.html: two elements have the id 'y'",
        "a.html: nothing has the id in the link to b.html#x",
        "b.html: a.html has the same title, 'A'",
        "b.html: it does not say which language it is in",
        "b.html: it has 0 main headings instead of 1",
        "b.html: the link to ../c.html leads nowhere",
        "b.html: it loads https://example.org/x.png from elsewhere",
    ]
