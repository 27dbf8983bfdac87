"""The plan of a page: sections, parts and looks, and the steps that change them.

The builder keeps the plan in the artifact's metadata and makes every version from it: the same plan gives the
same page, and no version is patched text.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, TypeAdapter, ValidationError, field_validator, model_validator

from recursor.agents.scripted.components import COMPONENTS, Options
from recursor.agents.scripted.style_request import StyleRequest
from recursor.agents.scripted.theme import Theme
from recursor.domain.project import Artifact
from recursor.domain.record import Line, Record
from recursor.domain.todo import Todo

# A page with more sections is too long to find one's way.
MAX_SECTIONS = 12
# The page lists its recent steps; older ones are dropped.
MAX_STEPS_TOLD = 200


class Part(StrEnum):
    """A part of a page besides its sections."""

    BACKUP = "backup"
    NAVIGATION = "navigation"
    GUIDE = "guide"


class PageSection(Record):
    """One component on the page, with its heading and options."""

    key: str = Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")
    """Its id on the page, and the name of its stored data."""
    component: str
    title: Line
    options: Mapping[str, JsonValue] = Field(default_factory=dict)

    @field_validator("component")
    @classmethod
    def _exists(cls, name: str) -> str:
        if name not in COMPONENTS:
            raise ValueError(f"no component is called {name!r}")
        return name

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        COMPONENTS[self.component].options.model_validate(dict(self.options))
        return self

    @property
    def settled(self) -> Options:
        """The options, complete with their defaults."""
        return COMPONENTS[self.component].options.model_validate(dict(self.options))


class AddSection(Record):
    """Add a section to the page."""

    do: Literal["add"] = "add"
    section: PageSection


class RemoveSection(Record):
    """Remove a section from the page. Visitors' entries stay in their browsers."""

    do: Literal["remove"] = "remove"
    key: str


class Restyle(Record):
    """Change the looks of the page."""

    do: Literal["restyle"] = "restyle"
    look: StyleRequest


class Retitle(Record):
    """Rename the page."""

    do: Literal["retitle"] = "retitle"
    title: Line


class AddPart(Record):
    """Add a part that serves all sections."""

    do: Literal["part"] = "part"
    part: Part


class Rebuild(Record):
    """Make the page again from its plan, with anything it lacks."""

    do: Literal["rebuild"] = "rebuild"


Step = Annotated[
    AddSection | RemoveSection | Restyle | Retitle | AddPart | Rebuild, Field(discriminator="do")
]
_STEP: TypeAdapter[Step] = TypeAdapter(Step)


class CompletedTodo(Record):
    """A todo that the page fulfils, with the place."""

    todo_id: str
    text: str
    section: str | None = None


class PagePlan(Record):
    """Everything a page is made from."""

    space: str
    """The name of the page's stored data in the browser: projects never share data."""
    title: Line
    theme: Theme
    sections: tuple[PageSection, ...] = ()
    parts: tuple[Part, ...] = ()
    done: tuple[CompletedTodo, ...] = ()
    missing: tuple[str, ...] = ()
    """The parts of the idea that the team cannot make, as stated on the page."""

    @property
    def lead(self) -> str:
        """The sentence below the title."""
        return lead_for(self.sections)

    def section(self, key: str) -> PageSection | None:
        """Return the section with this key."""
        return next((section for section in self.sections if section.key == key), None)

    def after(self, step: Step) -> Self:
        """Return the plan after `step`. A repeated step changes nothing.

        Raises:
            PageIsFullError: the step adds a section to a page that has `MAX_SECTIONS`.
        """
        changes: dict[str, object] = {}
        if isinstance(step, AddSection):
            if self.section(step.section.key) is None:
                if len(self.sections) >= MAX_SECTIONS:
                    raise PageIsFullError(f"the page has {len(self.sections)} sections: remove one first")
                changes["sections"] = (*self.sections, step.section)
        elif isinstance(step, RemoveSection):
            changes["sections"] = tuple(s for s in self.sections if s.key != step.key)
        elif isinstance(step, Restyle):
            changes["theme"] = self.theme.wearing(step.look)
        elif isinstance(step, Retitle):
            changes["title"] = step.title
        elif isinstance(step, AddPart) and step.part not in self.parts:
            changes["parts"] = (*self.parts, step.part)
        return self.model_copy(update=changes)

    def fulfilling(self, todo: Todo, step: Step) -> Self:
        """Return the plan with a note that `todo`, and every todo that it replaces, is done."""
        section = step.section.key if isinstance(step, AddSection) else None
        text = todo.content
        made_up_for = todo.metadata.get("makes_up_for")
        ids = [todo.id, made_up_for] if isinstance(made_up_for, str) else [todo.id]
        done = [note for note in self.done if note.todo_id not in ids]
        done += [CompletedTodo(todo_id=todo_id, text=text, section=section) for todo_id in ids]
        return self.model_copy(update={"done": tuple(done[-MAX_STEPS_TOLD:])})


def lead_for(sections: Sequence[PageSection]) -> str:
    """Return the opening sentence of a page with `sections`."""
    if not sections:
        return "A page that waits for its first section."
    return COMPONENTS[sections[0].component].tagline


class PageIsFullError(Exception):
    """The page has the maximum number of sections."""


def step_of(todo: Todo) -> Step | None:
    """Return the step that the planner noted on a todo, or None if there is no valid one."""
    noted = todo.metadata.get("step")
    if noted is None:
        return None
    try:
        return _STEP.validate_python(noted)
    except ValidationError:
        return None


def plan_of(artifact: Artifact | None) -> PagePlan | None:
    """Return the plan of an artifact, or None if it was not made from one."""
    if artifact is None:
        return None
    try:
        return PagePlan.model_validate(artifact.metadata.get("plan"))
    except ValidationError:
        return None


def sections_in_sight(artifact: Artifact | None, todos: Sequence[Todo]) -> tuple[PageSection, ...]:
    """Return the sections that are on the page or planned in open todos."""
    plan = plan_of(artifact)
    found = {section.key: section for section in plan.sections} if plan else {}
    for todo in todos:
        step = step_of(todo) if todo.status.open else None
        if isinstance(step, AddSection):
            found.setdefault(step.section.key, step.section)
        elif isinstance(step, RemoveSection):
            found.pop(step.key, None)
    return tuple(found.values())
