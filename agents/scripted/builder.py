"""The builder: takes the most urgent todo and makes the next version of the page."""

from pydantic import JsonValue

from recursor.agents.scripted.changes import describe, understand
from recursor.agents.scripted.page import render
from recursor.agents.scripted.plan import (
    AddPart,
    AddSection,
    PageIsFullError,
    PagePlan,
    Part,
    Rebuild,
    Step,
    plan_of,
    sections_in_sight,
    step_of,
)
from recursor.agents.scripted.theme import theme_of
from recursor.agents.scripted.wording import one_line, title_of
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome, PublishArtifact, Remember, SetFocus, UpdateTodo
from recursor.domain.snapshot import Snapshot
from recursor.domain.todo import Todo, TodoStatus


class ScriptedBuilder:
    """Makes a version of the page for one todo at a time."""

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:  # noqa: ARG002  # it needs only the snapshot
        """Propose the next version of the page, with the most urgent todo done."""
        if not snapshot.open_todos:
            return Outcome()
        todo = snapshot.open_todos[0]
        if todo.metadata.get("cannot"):
            return _cannot([each for each in snapshot.open_todos if each.metadata.get("cannot")])
        plan = plan_of(snapshot.artifact) or _first_plan(snapshot)
        steps = _steps_for(todo, plan, snapshot)
        if not steps:
            return _giving_up(todo, "I do not understand it as something that I can build.")
        made = plan
        try:
            for step in steps:
                made = made.after(step)
        except PageIsFullError as full:
            return _giving_up(todo, f"{str(full)[0].upper()}{str(full)[1:]}.")
        made = made.fulfilling(todo, steps[0]).but(missing=_missing(snapshot))
        content = render(made)
        number = snapshot.artifact.number + 1 if snapshot.artifact else 1
        said = f"Made version {number}: {one_line(todo.content, 160)}"
        metadata: dict[str, JsonValue] = {"plan": made.model_dump(mode="json"), "todo": todo.id}
        return Outcome(
            effects=(
                PublishArtifact(content=content, metadata=metadata),
                UpdateTodo(todo_id=todo.id, status=TodoStatus.COMPLETED),
                SetFocus(active_task=None, focus=one_line(said, 200)),
            ),
            summary=said,
            thoughts=(
                f"Most urgent of {len(snapshot.open_todos)}: “{one_line(todo.content, 120)}”.",
                *_thoughts(plan, made, steps),
                f"The page has {len(made.sections)} sections and {len(content.encode()):,} bytes.",
            ),
        )


def _first_plan(snapshot: Snapshot) -> PagePlan:
    """Return a plan for a page that does not exist yet, or that has no plan.

    The work of completed todos is included: a page made by others is replaced, but its todos are kept.
    """
    idea = snapshot.idea
    title = (idea.title if idea else None) or title_of(idea.idea if idea else "", snapshot.stack.name)
    plan = PagePlan(
        space=snapshot.stack.id,
        title=title,
        theme=theme_of(idea.idea if idea else snapshot.stack.name),
    )
    for todo in snapshot.todos:
        step = step_of(todo)
        if todo.status is TodoStatus.COMPLETED and step is not None:
            try:
                plan = plan.after(step).fulfilling(todo, step)
            except PageIsFullError:
                continue
    return plan


def _steps_for(todo: Todo, plan: PagePlan, snapshot: Snapshot) -> tuple[Step, ...]:
    """Return the steps of a todo: those noted on it, else those in its words."""
    if (step := step_of(todo)) is not None:
        return (step,)
    understood = understand(todo.content, plan.sections, is_order=True)
    if understood.steps:
        return understood.steps
    if understood.has_already:
        return (Rebuild(),)
    in_sight = sections_in_sight(snapshot.artifact, snapshot.todos)
    return understand(todo.content, in_sight, is_order=True).steps


def _missing(snapshot: Snapshot) -> tuple[str, ...]:
    reading = None if snapshot.idea is None else snapshot.idea.reading
    return () if reading is None else reading.missing


def _cannot(todos: list[Todo]) -> Outcome:
    """Cancel a todo that the planner did not understand: a page that claims to fulfil it would not be
    true."""
    parts = "; ".join(str(todo.metadata["cannot"]) for todo in todos)
    return Outcome(
        effects=tuple(UpdateTodo(todo_id=todo.id, status=TodoStatus.CANCELLED) for todo in todos),
        summary=one_line(f"Cannot make what no component of a scripted team does: {parts}", 400),
    )


def _giving_up(todo: Todo, why: str) -> Outcome:
    return Outcome(
        effects=(
            UpdateTodo(todo_id=todo.id, status=TodoStatus.CANCELLED),
            Remember(learnings=(one_line(f"Could not build “{todo.content}”: {why}", 400),)),
        ),
        summary=f"Cancelled “{one_line(todo.content, 160)}”: {why}",
        thoughts=("A version that claims to do it would not be true, so I make none.",),
    )


def _thoughts(before: PagePlan, after: PagePlan, steps: tuple[Step, ...]) -> list[str]:
    if before.sections == after.sections and before.parts == after.parts and before.theme == after.theme:
        if before.title == after.title:
            return ["The page has this already, so the new version only notes it."]
        return [f"It is now called “{after.title}”."]
    thoughts = []
    for step in steps:
        if isinstance(step, AddSection):
            thoughts.append(f"For “{step.section.title}” I use the component {step.section.component}.")
        elif isinstance(step, AddPart) and step.part is Part.BACKUP:
            thoughts.append("Export writes all sections' data to one file; import reads it back.")
        else:
            thoughts.append(f"{describe(step, before.sections)}.")
    return thoughts
