"""The builder: one todo, one version."""

from recursor.agents.scripted.plan import MAX_SECTIONS, plan_of
from recursor.agents.scripted.review import review
from recursor.domain.effect import PublishArtifact, UpdateTodo
from recursor.domain.project import Artifact
from recursor.domain.stack import Phase
from recursor.domain.todo import TodoStatus


def test_the_most_urgent_todo_is_built_first(world):
    stack = world("Kanban board").until_quiet()
    stack.add_todo("Add a poll", priority=2)
    urgent = stack.add_todo("Add a quiz", priority=5)

    outcome = stack.run("builder")

    published, updated = outcome.effects[:2]
    assert isinstance(published, PublishArtifact)
    assert 'data-component="quiz"' in published.content
    assert 'data-component="poll"' not in published.content
    assert updated == UpdateTodo(todo_id=urgent, status=TodoStatus.COMPLETED)
    assert "version 4" in outcome.summary


def test_without_open_todos_nothing_is_built(world):
    assert world("Kanban board").run("builder").effects == ()


def test_a_todo_that_is_no_work_for_it_is_cancelled_with_the_reason(world):
    stack = world("Kanban board").until_quiet()
    todo = stack.add_todo("?!")

    outcome = stack.run("builder")

    assert UpdateTodo(todo_id=todo, status=TodoStatus.CANCELLED) in outcome.effects
    assert "do not understand" in outcome.summary
    stack.until_quiet()
    assert stack.phase is Phase.COMPLETE


def test_a_page_that_is_full_takes_no_further_section(world):
    stack = world("Kanban board").until_quiet()
    for number in range(MAX_SECTIONS + 3):
        stack.add_todo(f"Add another quiz of llama {number}")
    stack.until_quiet(most=80)

    assert len(plan_of(stack.snapshot.artifact).sections) == MAX_SECTIONS
    assert any(todo.status is TodoStatus.CANCELLED for todo in stack.snapshot.todos)
    assert stack.phase is Phase.COMPLETE


def test_what_the_page_has_is_noted_and_not_built_twice(world):
    stack = world("Kanban board").until_quiet()
    todo = stack.add_todo("Add a kanban board")
    stack.until_quiet()

    assert stack.page.count('data-component="board"') == 1
    assert f'data-todo="{todo}"' in stack.page


def test_a_page_by_other_hands_is_replaced_by_one_with_all_that_was_done(world):
    stack = world("Kanban board and a poll").until_quiet()
    foreign = Artifact(id="f", stack_id="stack-1", number=9, content="<p>hello", author="x", created_at=0)
    stack._change(artifact=foreign)
    stack.until_quiet()

    assert stack.snapshot.artifact.number > 9
    assert 'data-component="board"' in stack.page
    assert 'data-component="poll"' in stack.page
    assert review(stack.page, stack.snapshot.todos) == ()
    assert stack.phase is Phase.COMPLETE


def test_metadata_that_somebody_else_wrote_does_no_harm(world):
    stack = world("Kanban board").until_quiet()
    unknown = {"key": "x", "component": "nothing", "title": "x"}
    bad_key = {"key": "<x>", "component": "notes", "title": "x"}
    bad_options = {"key": "form-x", "component": "form", "title": "x", "options": {"fields": 3}}
    wrong = [{"step": {"do": "add", "section": section}} for section in (unknown, bad_key, bad_options)]
    wrong += [{"step": 7}, {"step": None, "makes_up_for": {"a": 1}, "recommendation": 9}]
    for metadata in wrong:
        stack.add_todo("Add a calendar", metadata=metadata)
    stack.until_quiet()

    assert stack.page.count('data-component="calendar"') == 1
    assert stack.phase is Phase.COMPLETE


def test_looks_change_on_a_wish(world):
    stack = world("Kanban board").until_quiet()
    before = plan_of(stack.snapshot.artifact).theme
    stack.ask("Please use a dark theme and make it green")
    stack.until_quiet()

    after = plan_of(stack.snapshot.artifact).theme
    assert (after.mode, after.hue) == ("dark", 148)
    assert after.layout == before.layout
    assert 'data-mode="dark"' in stack.page
