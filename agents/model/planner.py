"""The planner that asks a model."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field, JsonValue

from recursor.agents.model import prompt_sections
from recursor.agents.model.answer import Answer, Passage, Sentence, insist, unknown_numbers
from recursor.agents.model.context import Context, PromptSection, fit
from recursor.agents.model.role import ModelRole, Task
from recursor.agents.recommendations import noted
from recursor.agents.scripted.wording import one_line
from recursor.domain.agent import Run
from recursor.domain.effect import (
    CreateTodo,
    Effect,
    Outcome,
    PlanUserMessages,
    SetPhase,
    SetProject,
    TakeRecommendations,
    UpdateTodo,
)
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase
from recursor.domain.todo import Todo, TodoStatus

# Marks the last todo of a plan that is meant to be complete.
WHOLE = "whole_plan"
# More todos at once are not a plan but a wish list.
MOST_NEW_TODOS = 12
# The most open todos: a longer list should be cleared, not extended.
MOST_OPEN_TODOS = 40
# Messages beyond this many wait for the next run.
MOST_MESSAGES = 30

Priority = Annotated[int, Field(ge=1, le=5)]
TodoWords = Annotated[Passage, Field(min_length=1, max_length=2_000)]


class Project(BaseModel):
    """The meaning of the idea."""

    idea: Passage | None = Field(default=None, max_length=2_000, description="Only where there is none yet.")
    title: Annotated[Sentence, Field(min_length=1, max_length=120)]
    description: Annotated[Passage, Field(max_length=2_000)] = ""
    features: list[Sentence] = Field(default=[], max_length=20)


class PlannedTodo(BaseModel):
    """A piece of work to add."""

    content: TodoWords
    priority: Priority = 3
    recommendations: list[int] = Field(
        default=[], description="Numbers of the recommendations that it follows."
    )
    message: int | None = Field(default=None, description="Number of the visitor's message that it answers.")


class TodoChange(BaseModel):
    """A change to an open todo."""

    number: int
    content: TodoWords | None = None
    priority: Priority | None = None
    cancel: bool = False


class PlannerAnswer(Answer):
    """The planner's decisions."""

    project: Project | None = None
    new_todos: Sequence[PlannedTodo] = Field(default=[], max_length=MOST_NEW_TODOS)
    changed_todos: Sequence[TodoChange] = Field(default=[], max_length=MOST_OPEN_TODOS)
    start_over: bool = Field(default=False, description="Cancel all open todos first.")
    whole: bool = Field(
        default=False, description="Nothing is left to plan: with what is open then, all that is asked for."
    )
    phase: Literal["planning", "building", "reviewing"] | None = None
    complete: bool = Field(default=False, description="The project is finished.")


class ModelPlanner(ModelRole[PlannerAnswer]):
    """Turns requests into todos, and sets the project's phase."""

    prompt = "planner"

    def task(self, snapshot: Snapshot, run: Run) -> Task[PlannerAnswer] | Outcome:
        """See `ModelRole.task`.

        It does not ask where `PlanningTask.outcome_without_asking` knows the answer.
        """
        task = PlanningTask(snapshot, run)
        return task.outcome_without_asking() or task


class PlanningTask(Task[PlannerAnswer]):
    """Everything that calls for a plan, in one run."""

    output: type[PlannerAnswer] = PlannerAnswer
    nothing = "there is no page yet"
    """Why the project cannot be complete before anything is built."""

    def __init__(self, snapshot: Snapshot, run: Run) -> None:
        super().__init__(snapshot, run)
        reviewer = snapshot.states.get("reviewer")
        self.recommendations = reviewer.long_term.recommendations if reviewer else ()
        self.messages = [m for m in snapshot.user_messages if m.planned_at is None][:MOST_MESSAGES]
        self.todos: Sequence[Todo] = snapshot.open_todos

    def outcome_without_asking(self) -> Outcome | None:
        """Return what to do where there is nothing to ask.

        That is so while the newest version waits for its review, and when a plan that was meant to be
        complete is built and its review found nothing.
        """
        if self.awaits_review:
            if self.snapshot.stack.phase is Phase.REVIEWING:
                return Outcome()
            return Outcome(
                effects=(SetPhase(phase=Phase.REVIEWING),),
                summary="All is built; the newest version waits for its review.",
            )
        if self.is_done_as_planned:
            return Outcome(
                effects=(SetPhase(phase=Phase.COMPLETE),),
                summary="All that was planned, which was to be all, is built, and its review found nothing.",
            )
        return None

    @property
    def version(self) -> int:
        """The number of the newest version; 0 if there is none."""
        artifact = self.snapshot.artifact
        return 0 if artifact is None else artifact.number

    @property
    def awaits_review(self) -> bool:
        """Whether everything is built and a pending review will judge it."""
        return self._is_built and not self._is_reviewed

    @property
    def is_done_as_planned(self) -> bool:
        """Whether a complete plan is built, with no todo given up, and its review found nothing."""
        todos = self.snapshot.todos
        if not (self._is_built and self._is_reviewed and todos):
            return False
        last = max(todos, key=lambda todo: (todo.created_at, todo.id))
        cancelled = [todo for todo in todos if todo.status is TodoStatus.CANCELLED]
        given_up = any((todo.closed_at or 0.0) > last.created_at for todo in cancelled)
        return last.assigned_by == self.run.role and last.metadata.get(WHOLE) is True and not given_up

    @property
    def _is_built(self) -> bool:
        """Whether there is a version, and nothing more to build or plan that this role knows of."""
        snapshot = self.snapshot
        if self.version == 0 or "reviewer" not in snapshot.states or snapshot.open_todos:
            return False
        return not (self.recommendations or self.messages or self._has_new_idea)

    @property
    def _is_reviewed(self) -> bool:
        return self.snapshot.states["reviewer"].long_term.reviewed_artifact >= self.version

    @property
    def _has_new_idea(self) -> bool:
        idea = self.snapshot.idea
        return idea is None or idea.title is None or idea.updated_by == "user"

    def values(self) -> dict[str, object]:
        """See `Task.values`."""
        return {
            "has_idea": self.snapshot.idea is not None,
            "has_title": not self._has_new_idea,
            "most_new": MOST_NEW_TODOS,
            "most_open": MOST_OPEN_TODOS,
        }

    def sections(self) -> Sequence[PromptSection]:
        """See `Task.sections`."""
        snapshot = self.snapshot
        messages = ((f"from {m.sender}: {m.content}", m.id) for m in self.messages)
        recommendations = ((text, text) for text in self.recommendations)
        return (
            prompt_sections.state(snapshot, self.run),
            prompt_sections.idea(snapshot),
            PromptSection(
                "recommendations",
                "The reviewer recommends",
                prompt_sections.numbered(recommendations),
                cut=True,
            ),
            PromptSection(
                "messages", "Visitors wrote", prompt_sections.numbered(messages), share=0.25, cut=True
            ),
            prompt_sections.open_todos(self.todos),
            prompt_sections.outline(snapshot),
            prompt_sections.closed_todos(snapshot),
            prompt_sections.memory(snapshot, self.run.role),
        )

    def fitted(self, sections: Sequence[PromptSection], room: int) -> Context:
        """See `Task.fitted`. Items that are not shown are not taken up, and wait for the next run."""
        context = fit(sections, room)
        self.recommendations = self.recommendations[: len(context.shown["recommendations"])]
        self.messages = self.messages[: len(context.shown["messages"])]
        self.todos = self.todos[: len(context.shown["open todos"])]
        return context

    def check(self, answer: PlannerAnswer) -> PlannerAnswer:
        """See `Task.check`."""
        insist(self.problems(answer))
        return answer

    def effects(self, answer: PlannerAnswer) -> Sequence[Effect]:
        """See `Task.effects`."""
        effects: list[Effect] = []
        if answer.project is not None:
            effects.append(self._project(answer.project))
        effects += self._changes(answer)
        effects += self._additions(answer)
        if self.recommendations:
            effects.append(TakeRecommendations(recommendations=tuple(self.recommendations)))
        if self.messages:
            effects.append(PlanUserMessages(message_ids=tuple(message.id for message in self.messages)))
        phase = self._phase(answer)
        if phase is not None and phase is not self.snapshot.stack.phase:
            effects.append(SetPhase(phase=phase))
        return effects

    def problems(self, answer: PlannerAnswer) -> list[str]:
        """Return what is wrong with an answer."""
        snapshot, project = self.snapshot, answer.project
        problems = unknown_numbers("open todo", (c.number for c in answer.changed_todos), len(self.todos))
        asked = (number for todo in answer.new_todos for number in todo.recommendations)
        problems += unknown_numbers("recommendation", asked, len(self.recommendations))
        told = (todo.message for todo in answer.new_todos if todo.message is not None)
        problems += unknown_numbers("message", told, len(self.messages))
        if snapshot.idea is None and (project is None or not project.idea):
            problems.append("There is no idea yet: choose one, and give it as project.idea.")
        elif snapshot.idea is not None and snapshot.idea.title is None and project is None:
            problems.append("The project has no title yet: give project.")
        elif self._has_new_idea and project is None:
            problems.append("The idea was rewritten: give project, with what it means now.")
        left = self._open_after(answer)
        if answer.complete and left:
            problems.append(
                f"The project cannot be complete while {left} todos are open: cancel them, or go on."
            )
        elif not answer.complete and not left:
            problems.append("Nothing is open then: add at least one todo, or declare the project complete.")
        elif answer.complete and not self.has_tried:
            problems.append(f"The project cannot be complete: {self.nothing}. Add todos for it.")
        if left > MOST_OPEN_TODOS and self._new(answer):
            problems.append(
                f"{left} todos would be open, and {MOST_OPEN_TODOS} may be: cancel some, or add fewer."
            )
        return problems

    @property
    def has_tried(self) -> bool:
        """Whether there is a page, or one was given up."""
        given_up = (todo.status is TodoStatus.CANCELLED for todo in self.snapshot.todos)
        return self.version > 0 or any(given_up)

    def _open_after(self, answer: PlannerAnswer) -> int:
        return len(self.snapshot.open_todos) - len(self._cancelled(answer)) + len(self._new(answer))

    def _cancelled(self, answer: PlannerAnswer) -> list[Todo]:
        if answer.start_over:
            return list(self.snapshot.open_todos)
        numbers = {change.number for change in answer.changed_todos if change.cancel}
        return [todo for number, todo in enumerate(self.todos, 1) if number in numbers]

    def _new(self, answer: PlannerAnswer) -> list[PlannedTodo]:
        """Return the new todos, except those already open with the same words."""
        known = set(self.still_open(answer))
        new = []
        for todo in self.in_order(answer):
            if words_of(todo.content) not in known:
                known.add(words_of(todo.content))
                new.append(todo)
        return new

    def still_open(self, answer: PlannerAnswer) -> dict[str, Todo]:
        """Return the todos that stay open, by their words."""
        gone = {todo.id for todo in self._cancelled(answer)}
        return {words_of(todo.content): todo for todo in self.snapshot.open_todos if todo.id not in gone}

    def in_order(self, answer: PlannerAnswer) -> Sequence[PlannedTodo]:
        """Return the new todos in the order in which to add them."""
        return answer.new_todos

    def _project(self, project: Project) -> Effect:
        return SetProject(
            idea=project.idea if self.snapshot.idea is None else None,
            title=one_line(project.title, 120),
            description=project.description,
            features=tuple(feature for feature in project.features if feature),
        )

    def _changes(self, answer: PlannerAnswer) -> list[Effect]:
        cancelled = self._cancelled(answer)
        gone = {todo.id for todo in cancelled}
        effects: list[Effect] = [
            UpdateTodo(todo_id=todo.id, status=TodoStatus.CANCELLED) for todo in cancelled
        ]
        for change in answer.changed_todos:
            todo = self.todos[change.number - 1]
            if todo.id not in gone and not change.cancel:
                effects += self.update(todo, change)
        return effects

    def update(self, todo: Todo, change: TodoChange) -> list[Effect]:
        """Return the effects of a change to an open todo."""
        if not (change.content or change.priority):
            return []
        return [UpdateTodo(todo_id=todo.id, content=change.content, priority=change.priority)]

    def create(self, todo: PlannedTodo, metadata: Mapping[str, JsonValue]) -> CreateTodo:
        """Return the effect that adds a todo."""
        return CreateTodo(content=todo.content, priority=todo.priority, metadata=metadata)

    def _additions(self, answer: PlannerAnswer) -> list[Effect]:
        new = self._new(answer)
        follows = [{self.recommendations[number - 1] for number in todo.recommendations} for todo in new]
        if new:
            # Recommendations that no todo follows: they need not be repeated before all todos are built.
            last = min(range(len(new)), key=lambda index: (new[index].priority, -index))
            follows[last] |= set(self.recommendations).difference(*follows)
        effects: list[Effect] = []
        for todo, recommendations in zip(new, follows, strict=True):
            metadata = noted(sorted(recommendations))
            if todo.message is not None:
                metadata["message"] = self.messages[todo.message - 1].id
            if answer.whole:
                metadata[WHOLE] = True
            effects.append(self.create(todo, metadata))
        return effects

    def _phase(self, answer: PlannerAnswer) -> Phase | None:
        if answer.complete:
            return Phase.COMPLETE
        return Phase(answer.phase) if answer.phase else Phase.BUILDING

    def thoughts(self, answer: PlannerAnswer) -> Sequence[str]:
        """See `Task.thoughts`."""
        dropped = len(answer.new_todos) - len(self._new(answer))
        said = [f"{dropped} of the new todos are open already."] if dropped else []
        return [*answer.thoughts, *said]


def words_of(text: str) -> str:
    """Return a todo's text in a form that is equal for the same words."""
    return " ".join(text.casefold().split()).rstrip(".!")
