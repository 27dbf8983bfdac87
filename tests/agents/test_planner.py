"""The planner: todos from the idea, the reviewer and the visitors; the project's phase."""

from recursor.agents.scripted.plan import AddPart, AddSection, Rebuild, RemoveSection, step_of
from recursor.agents.scripted.planner import TRIES_PER_RECOMMENDATION
from recursor.domain.effect import (
    CreateTodo,
    PlanUserMessages,
    ReviewArtifact,
    SetPhase,
    SetProject,
    TakeRecommendations,
    UpdateTodo,
)
from recursor.domain.stack import Phase
from recursor.domain.todo import TodoStatus


def of(kind, outcome):
    return [effect for effect in outcome.effects if isinstance(effect, kind)]


def test_the_idea_becomes_a_title_features_and_prioritised_todos(world):
    outcome = world("A habit tracker with streaks and a weekly chart").run("planner")

    (project,) = of(SetProject, outcome)
    assert project.title == "Habit tracker"
    assert len(project.features) == 2
    todos = of(CreateTodo, outcome)
    assert [todo.priority for todo in todos] == [5, 4]
    assert [todo.metadata["component"] for todo in todos] == ["habits", "chart"]
    assert of(SetPhase, outcome) == [SetPhase(phase=Phase.BUILDING)]
    assert outcome.summary
    assert outcome.thoughts


def test_an_idea_of_one_component_gets_no_other(world):
    stack = world("Kanban board")
    todos = of(CreateTodo, stack.run("planner"))

    assert [(todo.metadata["component"], todo.priority) for todo in todos] == [("board", 5)]
    assert stack.until_quiet().page.count("<section") == 1


def test_an_idea_that_a_person_changes_is_planned_again(world):
    stack = world("Kanban board").until_quiet()
    idea = stack.snapshot.idea.model_copy(update={"idea": "A quiz and a poll", "updated_by": "user"})
    stack._change(idea=idea)

    outcome = stack.run("planner")

    todos = of(CreateTodo, outcome)
    assert [todo.metadata.get("component") for todo in todos] == ["quiz", "poll", None]
    assert todos[-1].content == "Call the page “Quiz and a poll”"
    assert SetPhase(phase=Phase.BUILDING) in outcome.effects


def test_a_title_that_came_with_the_idea_stays(world):
    stack = world("Kanban board")
    stack._change(idea=stack.snapshot.idea.model_copy(update={"title": "Our work"}))
    stack.until_quiet()

    assert "<h1>Our work</h1>" in stack.page


def test_with_all_built_the_review_is_awaited_without_further_proposals(world):
    stack = world("Kanban board")
    for role in ("planner", "builder", "builder"):
        for effect in stack.run(role).effects:
            stack.apply(role, effect)

    first = stack.run("planner")
    assert first.effects[0] == SetPhase(phase=Phase.REVIEWING)
    for effect in first.effects:
        stack.apply("planner", effect)
    second = stack.run("planner")
    assert (second.effects, second.summary, second.thoughts) == ((), "", ())


def test_a_finding_of_a_part_that_is_missing_becomes_the_todo_to_add_it(world):
    stack = world("Kanban board").until_quiet()
    stack.apply("reviewer", ReviewArtifact(number=4, recommendations=("Add links. [navigation]",)))

    outcome = stack.run("planner")

    (todo,) = of(CreateTodo, outcome)
    assert isinstance(step_of_effect(stack, todo), AddPart)
    assert of(TakeRecommendations, outcome)
    assert SetPhase(phase=Phase.BUILDING) in outcome.effects


def test_a_fault_becomes_the_todo_to_make_the_page_anew(world):
    stack = world("Kanban board").until_quiet()
    stack.apply("reviewer", ReviewArtifact(number=4, recommendations=("The page has no title. [title]",)))

    (todo,) = of(CreateTodo, stack.run("planner"))

    assert isinstance(step_of_effect(stack, todo), Rebuild)
    assert todo.priority == 5


def test_a_recommendation_in_other_words_is_understood_as_a_wish(world):
    stack = world("Kanban board").until_quiet()
    stack.apply("reviewer", ReviewArtifact(number=4, recommendations=("Please add a calendar",)))

    (todo,) = of(CreateTodo, stack.run("planner"))

    assert todo.metadata["component"] == "calendar"


def test_a_recommendation_that_does_not_help_is_not_followed_for_ever(world):
    stack = world("Kanban board").until_quiet()
    for _ in range(TRIES_PER_RECOMMENDATION + 1):
        number = stack.snapshot.artifact.number
        stack.apply("reviewer", ReviewArtifact(number=number, recommendations=("It is ugly.",)))
        stack.until_quiet()

    tried = [t for t in stack.snapshot.todos if t.metadata.get("recommendation") == "It is ugly."]
    assert len(tried) == TRIES_PER_RECOMMENDATION
    assert stack.phase is Phase.COMPLETE


def test_a_wish_after_completion_reopens_the_project_and_ends_complete_again(world):
    stack = world("Kanban board").until_quiet()
    before = stack.snapshot.artifact.number
    message = stack.ask("Please add a calendar")

    outcome = stack.run("planner")
    assert SetPhase(phase=Phase.BUILDING) in outcome.effects
    assert of(PlanUserMessages, outcome) == [PlanUserMessages(message_ids=(message,))]

    stack.until_quiet()
    assert stack.phase is Phase.COMPLETE
    assert stack.snapshot.artifact.number > before
    assert 'data-component="calendar"' in stack.page


def test_all_messages_are_marked_as_planned_also_those_that_ask_for_nothing(world):
    stack = world("Kanban board").until_quiet()
    asked = [stack.ask("Hello"), stack.ask("please add a poll"), stack.ask("please fix the bug")]

    outcome = stack.run("planner")

    assert of(PlanUserMessages, outcome)[0].message_ids == tuple(asked)
    assert len(of(CreateTodo, outcome)) == 1


def test_two_wishes_for_the_same_lead_to_one_todo(world):
    stack = world("Kanban board").until_quiet()
    stack.ask("please add a poll")
    stack.ask("could you add a poll?")

    assert len(of(CreateTodo, stack.run("planner"))) == 1


def test_a_removal_is_planned_and_leaves_the_page(world):
    stack = world("Kanban board and notes").until_quiet()
    stack.ask("Please remove the notes")
    stack.until_quiet()

    assert 'data-component="notes"' not in stack.page
    assert stack.phase is Phase.COMPLETE


def test_what_was_removed_can_be_added_again(world):
    stack = world("Kanban board and notes").until_quiet()
    for wish in ("Please remove the notes", "Please add notes again"):
        stack.ask(wish)
        stack.until_quiet()

    assert 'data-component="notes"' in stack.page
    assert any(isinstance(step_of(todo), RemoveSection) for todo in stack.snapshot.todos)
    assert stack.phase is Phase.COMPLETE


def test_todos_that_a_person_cancelled_are_not_made_again(world):
    stack = world("Kanban board")
    for effect in stack.run("planner").effects:
        stack.apply("planner", effect)
    for todo in stack.snapshot.open_todos:
        stack.apply("planner", UpdateTodo(todo_id=todo.id, status=TodoStatus.CANCELLED))

    stack.until_quiet()

    assert stack.phase is Phase.COMPLETE
    assert stack.snapshot.artifact is None


def test_a_todo_closed_by_hand_is_built_because_the_review_misses_it(world):
    stack = world("Kanban board").until_quiet()
    todo = stack.add_todo("Add a calendar", status=TodoStatus.COMPLETED)
    stack.add_todo("Add a poll")
    stack.until_quiet()

    assert 'data-component="calendar"' in stack.page
    assert f'data-todo="{todo}"' in stack.page
    assert stack.phase is Phase.COMPLETE


def step_of_effect(stack, effect):
    """The step noted on a todo that is only proposed."""
    stack.apply("planner", effect)
    step = step_of(stack.snapshot.todos[-1])
    assert not isinstance(step, AddSection)
    return step
