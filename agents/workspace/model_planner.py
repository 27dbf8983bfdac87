"""The planner that asks a model about a repository."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue

from recursor.agents.model import prompt_sections
from recursor.agents.model.answer import Sentence
from recursor.agents.model.context import PromptSection
from recursor.agents.model.planner import (
    MOST_NEW_TODOS,
    MOST_OPEN_TODOS,
    PlannedTodo,
    PlannerAnswer,
    PlanningTask,
    TodoChange,
    words_of,
)
from recursor.agents.model.role import ModelRole, Task
from recursor.agents.workspace import sections
from recursor.agents.workspace.contents import WorkspaceContents
from recursor.domain.agent import Run
from recursor.domain.effect import CreateTodo, Effect, Outcome, UpdateTodo
from recursor.domain.extras import needing
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError
from recursor.domain.todo import Todo
from recursor.domain.workspace import Workspace

with needing("workspaces", "A workspace"):
    from recursor.workspaces.errors import RepositoryError

# Paths of one todo, and their characters.
MOST_PATHS, LONGEST_PATH = 50, 1_000
MOST_NEEDS = 20
# Commits shown.
MOST_COMMITS = 20

# A model may write the number of a todo as a number or as text.
_Need = Annotated[Sentence, BeforeValidator(str)]


class RepositoryTodo(PlannedTodo):
    """A piece of work to add."""

    label: Sentence | None = Field(
        default=None, description="A short name by which other new todos can need this one."
    )
    needs: list[_Need] = Field(
        default=[],
        max_length=MOST_NEEDS,
        description="What must be merged first: labels of new todos, or numbers of open todos.",
    )
    paths: list[Sentence] = Field(
        default=[],
        max_length=MOST_PATHS,
        description="Files and folders that it will change, as far as known.",
    )


class RepositoryTodoChange(TodoChange):
    """A change to an open todo."""

    needs: list[int] | None = Field(
        default=None, max_length=MOST_NEEDS, description="Numbers of open todos, in place of what it needed."
    )
    paths: list[Sentence] | None = Field(default=None, max_length=MOST_PATHS)


class RepositoryPlan(PlannerAnswer):
    """The planner's decisions about a repository."""

    new_todos: Sequence[RepositoryTodo] = Field(default=[], max_length=MOST_NEW_TODOS)
    changed_todos: Sequence[RepositoryTodoChange] = Field(default=[], max_length=MOST_OPEN_TODOS)


class WorkspacePlanner(ModelRole[PlannerAnswer]):
    """Turns requests into todos that several builders can do at once."""

    prompt = "workspace-planner"

    async def task(self, snapshot: Snapshot, run: Run) -> Task[PlannerAnswer] | Outcome:
        """See `ModelRole.task`."""
        workspace = snapshot.workspace
        if workspace is None:
            return Outcome()
        task = WorkspacePlanningTask(snapshot, run, workspace)
        if (outcome := task.outcome_without_asking()) is not None:
            return outcome
        if workspace.tip is not None:
            try:
                task.shown = await _shown(snapshot, run, workspace.tip)
            except RepositoryError as error:
                raise AgentFailedError(str(error)) from None
        return task


async def _shown(snapshot: Snapshot, run: Run, tip: str) -> list[PromptSection]:
    contents = WorkspaceContents(snapshot, run)
    return [
        sections.files(await contents.files(tip)),
        await sections.guide(contents, tip, sections.READMES, "What the repository says of itself"),
        await sections.guide(contents, tip, sections.GUIDES, "The guide for those who change the files"),
        sections.commits(await contents.commits(tip, MOST_COMMITS)),
    ]


class WorkspacePlanningTask(PlanningTask):
    """Everything that calls for a plan, in one run."""

    output = RepositoryPlan
    nothing = "no todo has been done yet"

    def __init__(self, snapshot: Snapshot, run: Run, workspace: Workspace) -> None:
        super().__init__(snapshot, run)
        self._workspace = workspace
        self.shown: Sequence[PromptSection] = ()
        """What the repository holds."""
        self._labels: set[str | None] = set()
        self._ids: dict[str, str] = {}
        """Labels of new todos that are open already, with the ids of these."""

    @property
    def version(self) -> int:
        """See `PlanningTask.version`."""
        return self._workspace.number

    @property
    def has_tried(self) -> bool:
        """See `PlanningTask.has_tried`: what needs no change is completed without a commit."""
        return self.version > 0 or any(not todo.status.open for todo in self.snapshot.todos)

    def values(self) -> dict[str, object]:
        """See `Task.values`."""
        settings = self.run.settings.workspace
        return {
            **super().values(),
            "builders": settings.builders,
            "checks": list(settings.checks),
            "attempts": settings.attempts,
            "is_empty": self._workspace.origin is None and self._workspace.number == 0,
        }

    def sections(self) -> Sequence[PromptSection]:
        """See `Task.sections`."""
        snapshot = self.snapshot
        messages = ((f"from {m.sender}: {m.content}", m.id) for m in self.messages)
        asked = ((text, text) for text in self.recommendations)
        return (
            prompt_sections.state(snapshot, self.run),
            prompt_sections.idea(snapshot),
            PromptSection(
                "recommendations", "The reviewer recommends", prompt_sections.numbered(asked), cut=True
            ),
            PromptSection(
                "messages", "Visitors wrote", prompt_sections.numbered(messages), share=0.2, cut=True
            ),
            sections.open_todos(snapshot, self.todos),
            sections.queue(snapshot.proposals),
            sections.checks(self._workspace.checks),
            *self.shown,
            sections.closed_todos(snapshot),
            prompt_sections.memory(snapshot, self.run.role),
        )

    def problems(self, answer: PlannerAnswer) -> list[str]:
        """See `PlanningTask.problems`."""
        found = super().problems(answer)
        assert isinstance(answer, RepositoryPlan)
        labels = [todo.label for todo in answer.new_todos if todo.label is not None]
        kept = {todo.id for todo in self.still_open(answer).values()}
        found += [f"Two new todos have the label “{each}”." for each in sorted(_repeated(labels))]
        for todo in answer.new_todos:
            found += [
                f"There is no todo “{need}” to need: give a new one's label, or an open one's number."
                for need in todo.needs
                if need not in labels and self._numbered(need) not in kept
            ]
        if not found and (circle := _circle({t.label or "": t.needs for t in answer.new_todos})):
            found.append(f"These new todos need one another, so none can be begun: {', '.join(circle)}.")
        if not found:
            found += self._problems_of_changes(answer)
        return found

    def _problems_of_changes(self, answer: RepositoryPlan) -> list[str]:
        needs: dict[str, Sequence[str]] = {todo.id: todo.needs for todo in self.snapshot.todos}
        found: list[str] = []
        for change in answer.changed_todos:
            unknown = [need for need in change.needs or () if self._numbered(str(need)) is None]
            found += [f"There is no open todo {need} to need." for need in unknown]
            if change.needs is not None and not unknown:
                needs[self.todos[change.number - 1].id] = self._ids_of(change.needs)
        if not found and (circle := _circle(needs)):
            numbers = {todo.id: str(number) for number, todo in enumerate(self.todos, 1)}
            told = ", ".join(numbers.get(each, "another") for each in circle)
            found.append(f"These open todos need one another, so none can be begun: {told}.")
        return found

    def in_order(self, answer: PlannerAnswer) -> Sequence[PlannedTodo]:
        """See `PlanningTask.in_order`: what another needs comes before it."""
        assert isinstance(answer, RepositoryPlan)
        open_ones = self.still_open(answer)
        self._labels = {todo.label for todo in answer.new_todos}
        self._ids = {
            todo.label: open_ones[words_of(todo.content)].id
            for todo in answer.new_todos
            if todo.label is not None and words_of(todo.content) in open_ones
        }
        ordered: list[RepositoryTodo] = []
        waiting = list(answer.new_todos)
        while waiting:
            missing = {todo.label for todo in waiting}
            ready = [todo for todo in waiting if not missing.intersection(todo.needs)]
            if not ready:
                # A circle, which `problems` reports.
                return [*ordered, *waiting]
            ordered += ready
            waiting = [todo for todo in waiting if todo not in ready]
        return ordered

    def create(self, todo: PlannedTodo, metadata: Mapping[str, JsonValue]) -> CreateTodo:
        """See `PlanningTask.create`."""
        assert isinstance(todo, RepositoryTodo)
        needs = [
            self._ids.get(need) or (need if need in self._labels else self._numbered(need) or need)
            for need in todo.needs
        ]
        return (
            super()
            .create(todo, metadata)
            .but(label=todo.label, needs=tuple(dict.fromkeys(needs)), paths=_paths(todo.paths))
        )

    def update(self, todo: Todo, change: TodoChange) -> list[Effect]:
        """See `PlanningTask.update`."""
        assert isinstance(change, RepositoryTodoChange)
        needs = None if change.needs is None else self._ids_of(change.needs)
        paths = None if change.paths is None else _paths(change.paths)
        if change.content is None and change.priority is None and needs is None and paths is None:
            return []
        return [
            UpdateTodo(
                todo_id=todo.id,
                content=change.content,
                priority=change.priority,
                needs=needs,
                paths=paths,
            )
        ]

    def _ids_of(self, numbers: Sequence[int]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.todos[number - 1].id for number in numbers))

    def _numbered(self, need: str) -> str | None:
        """Return the id of the open todo with this number, or None."""
        number = int(need) if need.isascii() and need.isdecimal() and len(need) < 6 else 0
        return self.todos[number - 1].id if 1 <= number <= len(self.todos) else None


def _paths(given: Iterable[str]) -> tuple[str, ...]:
    """Return paths in one form, from the top of the repository."""
    found: dict[str, None] = {}
    for path in given:
        parts = path.removeprefix("/workspace/").replace("\0", "").split("/")
        clean = "/".join(part for part in parts if part not in ("", ".", ".."))[:LONGEST_PATH]
        if clean:
            found[clean] = None
    return tuple(found)


def _repeated(names: Sequence[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}


def _circle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return names that need one another in a circle; empty if there is none."""
    left = {name: [need for need in needed if need in needs] for name, needed in needs.items()}
    while ready := [name for name, needed in left.items() if not any(need in left for need in needed)]:
        for name in ready:
            del left[name]
    # Of those that are left, each needs another one that is left: any path among them ends in a circle.
    if not left:
        return []
    path: list[str] = []
    name = next(iter(left))
    while name not in path:
        path.append(name)
        name = next(need for need in left[name] if need in left)
    return path[path.index(name) :]
