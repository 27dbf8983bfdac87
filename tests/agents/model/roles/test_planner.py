"""The planner that asks a model: its answers become effects, or are asked for again."""

from collections.abc import Callable
from typing import Any

import pytest

from recursor.domain.effect import (
    CreateTodo,
    Outcome,
    PlanUserMessages,
    SetPhase,
    SetProject,
    TakeRecommendations,
    UpdateTodo,
)
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError
from recursor.domain.stack import Phase
from recursor.domain.todo import Todo, TodoStatus
from tests.making import (
    NOW,
    make_artifact,
    make_idea,
    make_snapshot,
    make_stack,
    make_state,
    make_todo,
    make_user_message,
)

Effects = Callable[[Outcome, type[Any]], list[Any]]

PROJECT = {"title": "Garden", "description": "Plans beds.", "features": ["beds"]}
TODO = {"content": "Draw the beds", "priority": 4}
PLANNED = make_idea(title="Garden", updated_by="planner")


def building(**fields: Any) -> Snapshot:
    """A project with an idea that the planner knows, two open todos and a page that is reviewed."""
    return make_snapshot(
        make_state("reviewer", reviewed_artifact=1),
        **{
            "stack": make_stack(phase="building"),
            "idea": PLANNED,
            "todos": (make_todo(1, content="plant tree"), make_todo(2, content="dig", priority=5)),
            "artifact": make_artifact(1),
            **fields,
        },
    )


class TestANewIdea:
    def test_gets_a_project_and_todos(self, asking: Any, effects: Effects) -> None:
        snapshot = make_snapshot(stack=make_stack())
        outcome = asking("planner", snapshot, {"project": PROJECT, "new_todos": [TODO]})
        (project,), (todo,) = effects(outcome, SetProject), effects(outcome, CreateTodo)
        assert (project.title, project.features, project.idea) == ("Garden", ("beds",), None)
        assert (todo.content, todo.priority) == ("Draw the beds", 4)
        assert effects(outcome, SetPhase) == [SetPhase(phase=Phase.BUILDING)]

    def test_has_to_get_a_title(self, asking: Any, effects: Effects) -> None:
        snapshot = make_snapshot(stack=make_stack())
        outcome = asking(
            "planner", snapshot, {"new_todos": [TODO]}, {"project": PROJECT, "new_todos": [TODO]}
        )
        assert "give project" in asking.complaint
        assert effects(outcome, SetProject)

    def test_that_was_rewritten_gets_another_project(self, asking: Any, effects: Effects) -> None:
        rewritten = building(idea=make_idea(title="Garden", features=("beds",), updated_by="user"))
        done, said = (
            {"changed_todos": [{"number": 1, "priority": 5}]},
            {"project": {**PROJECT, "title": "Pond"}},
        )
        outcome = asking("planner", rewritten, done, {**done, **said})
        assert "give project" in asking.complaint
        assert [project.title for project in effects(outcome, SetProject)] == ["Pond"]

    def test_is_chosen_where_there_is_none(self, asking: Any, effects: Effects) -> None:
        snapshot = make_snapshot(stack=make_stack(), idea=None)
        chosen = {**PROJECT, "idea": "a planner for small gardens"}
        outcome = asking(
            "planner",
            snapshot,
            {"project": PROJECT, "new_todos": [TODO]},
            {"project": chosen, "new_todos": [TODO]},
        )
        assert "choose one" in asking.instructions
        assert "There is no idea yet" in asking.complaint
        assert effects(outcome, SetProject)[0].idea == "a planner for small gardens"


class TestTodos:
    def test_are_changed_and_cancelled_by_the_numbers_they_are_shown_with(
        self, asking: Any, effects: Effects
    ) -> None:
        snapshot = building()
        changes = [{"number": 1, "cancel": True}, {"number": 2, "priority": 5, "content": "plant two trees"}]
        outcome = asking("planner", snapshot, {"changed_todos": changes})
        digging, planting = snapshot.open_todos
        assert f"1. (priority 5, pending) {digging.content}" in asking.question
        assert effects(outcome, UpdateTodo) == [
            UpdateTodo(todo_id=digging.id, status=TodoStatus.CANCELLED),
            UpdateTodo(todo_id=planting.id, priority=5, content="plant two trees"),
        ]

    def test_that_do_not_exist_are_asked_about_again(self, asking: Any) -> None:
        asking("planner", building(), {"changed_todos": [{"number": 3, "cancel": True}]}, {})
        assert "There is no open todo 3: they are numbered 1 to 2." in asking.complaint

    def test_are_all_cancelled_to_start_over(self, asking: Any, effects: Effects) -> None:
        outcome = asking("planner", building(), {"start_over": True, "new_todos": [TODO]})
        cancelled = effects(outcome, UpdateTodo)
        assert [change.status for change in cancelled] == [TodoStatus.CANCELLED] * 2
        assert len(effects(outcome, CreateTodo)) == 1

    def test_are_not_added_twice(self, asking: Any, effects: Effects) -> None:
        outcome = asking("planner", building(), {"new_todos": [{"content": "Dig."}, TODO, TODO]})
        assert [todo.content for todo in effects(outcome, CreateTodo)] == ["Draw the beds"]
        assert "2 of the new todos are open already." in outcome.thoughts

    def test_are_not_more_than_a_team_can_oversee(self, asking: Any, effects: Effects) -> None:
        many = building(todos=tuple(make_todo(n) for n in range(1, 40)))
        two = [TODO, {"content": "Another"}]
        outcome = asking("planner", many, {"new_todos": two}, {"start_over": True, "new_todos": two})
        assert "41 todos would be open, and 40 may be" in asking.complaint
        assert len(effects(outcome, UpdateTodo)) == 39

    def test_are_a_dozen_at_a_time_at_most(self, asking: Any) -> None:
        with pytest.raises(AgentFailedError):
            asking("planner", building(), {"new_todos": [{"content": f"todo {n}"} for n in range(13)]})


class TestCompletion:
    def test_wants_all_todos_closed(self, asking: Any, effects: Effects) -> None:
        outcome = asking("planner", building(), {"complete": True}, {"complete": True, "start_over": True})
        assert "cannot be complete while 2 todos are open" in asking.complaint
        assert effects(outcome, SetPhase) == [SetPhase(phase=Phase.COMPLETE)]

    def test_is_declared_or_work_is_added_when_nothing_is_open(self, asking: Any, effects: Effects) -> None:
        outcome = asking("planner", building(todos=()), {}, {"complete": True})
        assert "add at least one todo, or declare" in asking.complaint
        assert effects(outcome, SetPhase) == [SetPhase(phase=Phase.COMPLETE)]

    def test_wants_a_page(self, asking: Any, effects: Effects) -> None:
        snapshot = building(todos=(), artifact=None)
        outcome = asking("planner", snapshot, {"complete": True}, {"new_todos": [TODO]})
        assert "there is no page yet" in asking.complaint
        assert effects(outcome, CreateTodo)

    def test_waits_for_the_review_without_asking_a_model(self, asking: Any, effects: Effects) -> None:
        snapshot = building(todos=(), artifact=make_artifact(2))
        outcome = asking("planner", snapshot, {})
        assert asking.stub.calls == []
        assert effects(outcome, SetPhase) == [SetPhase(phase=Phase.REVIEWING)]


class TestWhatCallsForAPlan:
    def test_is_shown_and_taken_up(self, asking: Any, effects: Effects) -> None:
        wish = make_user_message(7, content="please add a pond")
        snapshot = building(user_messages=(wish,)).but()
        reviewer = make_state("reviewer", reviewed_artifact=1, recommendations=("label it", "shorten it"))
        snapshot = snapshot.but(states={**snapshot.states, "reviewer": reviewer})
        todos = [{"content": "Add a pond", "message": 1}, {"content": "Label it", "recommendations": [1]}]
        outcome = asking("planner", snapshot, {"new_todos": todos})
        assert "please add a pond" in asking.question
        assert "2. shorten it" in asking.question
        assert effects(outcome, TakeRecommendations)[0].recommendations == ("label it", "shorten it")
        assert effects(outcome, PlanUserMessages)[0].message_ids == (wish.id,)
        pond, label = effects(outcome, CreateTodo)
        assert pond.metadata["message"] == wish.id
        assert label.metadata["recommendations"] == ["label it", "shorten it"]

    def test_is_not_referred_to_by_numbers_it_does_not_have(self, asking: Any) -> None:
        asking("planner", building(), {"new_todos": [{"content": "x", "message": 1}]}, {})
        assert "There is no message 1: there are none." in asking.complaint

    def test_waits_where_it_does_not_fit(self, asking: Any, effects: Effects) -> None:
        wishes = tuple(make_user_message(n, content=f"wish {n} " + "word " * 200) for n in range(1, 31))
        snapshot = building(user_messages=wishes)
        outcome = asking("planner", snapshot, {"phase": "building"}, context_tokens=6_000)
        planned = effects(outcome, PlanUserMessages)[0].message_ids
        assert 0 < len(planned) < len(wishes)
        assert [message.id for message in wishes if message.content[:9] in asking.question] == list(planned)
        assert f"({len(wishes) - len(planned)} of 30 left out" in asking.question
        assert outcome.metadata["left_out"] == {"messages": len(wishes) - len(planned)}


DONE = {"status": TodoStatus.COMPLETED, "closed_at": NOW - 100}
GIVEN_UP = {"status": TodoStatus.CANCELLED, "closed_at": NOW - 100}
WHOLE = {"metadata": {"whole_plan": True}}


def built(*todos: Todo, **fields: Any) -> Snapshot:
    return building(todos=todos or (make_todo(1, **DONE), make_todo(2, **DONE, **WHOLE)), **fields)


class TestAWholePlan:
    def test_is_marked_as_such(self, asking: Any, effects: Effects) -> None:
        answer = {"new_todos": [TODO], "whole": True}
        outcome = asking("planner", building(), answer)
        assert [todo.metadata for todo in effects(outcome, CreateTodo)] == [WHOLE["metadata"]]
        assert "whole" in asking.instructions

    def test_is_complete_without_another_call_when_it_is_built_and_reviewed(self, asking: Any) -> None:
        outcome = asking("planner", built())
        assert outcome.effects == (SetPhase(phase=Phase.COMPLETE),)
        assert outcome.summary
        assert asking.stub.calls == []

    def test_waits_for_its_review(self, asking: Any) -> None:
        outcome = asking("planner", built(artifact=make_artifact(2)))
        assert outcome.effects == (SetPhase(phase=Phase.REVIEWING),)
        assert asking.stub.calls == []

    @pytest.mark.parametrize(
        "snapshot",
        [
            pytest.param(built(make_todo(1, **DONE, **WHOLE), make_todo(2, **DONE)), id="a first step"),
            pytest.param(built(make_todo(1, **DONE)), id="nothing said"),
            pytest.param(
                built(make_todo(1, **DONE, **WHOLE), make_todo(2, **GIVEN_UP, **WHOLE)), id="given up"
            ),
            pytest.param(
                built(make_todo(1, **GIVEN_UP), make_todo(2, **DONE, **WHOLE)), id="an older one given up"
            ),
            pytest.param(
                built(make_todo(1, **DONE, **WHOLE), make_todo(2, **DONE, assigned_by="user")),
                id="a person's",
            ),
            pytest.param(built(user_messages=(make_user_message(1),)), id="a visitor's message"),
            pytest.param(built(idea=make_idea(title="Garden", updated_by="user")), id="another idea"),
            pytest.param(built(artifact=None), id="no page"),
        ],
    )
    def test_is_looked_at_again_when_anything_is_open(self, snapshot: Snapshot, asking: Any) -> None:
        asking("planner", snapshot, {"project": PROJECT, "new_todos": [TODO]})
        assert len(asking.stub.calls) == 1

    def test_is_looked_at_again_when_the_review_found_something(self, asking: Any, effects: Effects) -> None:
        reviewer = make_state("reviewer", reviewed_artifact=1, recommendations=("label it",))
        snapshot = built().but(states={**built().states, "reviewer": reviewer})
        outcome = asking("planner", snapshot, {"new_todos": [TODO]})
        assert effects(outcome, CreateTodo)
