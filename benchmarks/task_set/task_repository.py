"""The repositories of the task set: their files, their todos, and how the fake model does each todo.

Each is a folder of `repositories`: `files` is what the team starts with, `todos.toml` has the todos. Tests
in `tests` pass, as the tip of a workspace always passes its checks. The failing test of each todo is in
`pending`, and belongs in `tests` when the todo is done.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

ROOT = Path(__file__).parent / "repositories"
CHECK = "python3 -m unittest discover -s tests"


class FileEdit(BaseModel):
    """One change of a file: a replacement, or a new file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    search: str | None = None
    """Occurs exactly once in the file, whatever other todos are done."""
    replace: str | None = None
    content: str | None = None
    """The whole of a new file."""

    @model_validator(mode="after")
    def _is_either(self) -> Self:
        if (self.search is None) == (self.content is None) or (self.search is None) != (self.replace is None):
            raise ValueError(f"{self.path}: give either content, or search and replace")
        return self


class PlannedTodo(BaseModel):
    """A todo as a planner would give it, with the edits that do it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    content: str
    needs: tuple[str, ...] = ()
    """Names of the todos that must be done first."""
    paths: tuple[str, ...] = ()
    priority: int = 3
    edits: tuple[FileEdit, ...]

    @property
    def pending_test(self) -> str:
        """Where its failing test is."""
        return f"pending/test_{self.name}.py"

    @property
    def test(self) -> str:
        """Where its test is when it is done."""
        return f"tests/test_{self.name}.py"

    @property
    def text(self) -> str:
        """What the builder is told."""
        return f"{self.content} Its test is {self.pending_test}: move it, unchanged, to {self.test}."


class TaskRepository(BaseModel):
    """One repository of the set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    about: str
    """What is particular about its todos."""
    conflicts: bool = False
    """Whether todos are about the same lines without saying so."""
    todos: tuple[PlannedTodo, ...]

    @property
    def files(self) -> Path:
        """The directory with what the team starts with."""
        return ROOT / self.name / "files"

    def longest_chain(self, seconds: dict[str, float]) -> float:
        """Return the time of the slowest chain of todos that need each other.

        Args:
            seconds: the time of each todo by its name.
        """
        ends: dict[str, float] = {}
        # A todo stands after those that it needs.
        for todo in self.todos:
            begins = max((ends[name] for name in todo.needs), default=0.0)
            ends[todo.name] = begins + seconds[todo.name]
        return max(ends.values())

    def only(self, names: Sequence[str]) -> "TaskRepository":
        """Return it with some of its todos, which must need no other."""
        return self.model_copy(update={"todos": tuple(todo for todo in self.todos if todo.name in names)})


def task_set(names: Sequence[str] = ()) -> list[TaskRepository]:
    """Return the repositories of these names, or all.

    Raises:
        ValueError: there is no such repository, or its file is invalid; the text says which.
    """
    known = sorted(path.name for path in ROOT.iterdir())
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"there is no repository {', '.join(unknown)}: there are {', '.join(known)}")
    return [_read(name) for name in (names or known)]


def _read(name: str) -> TaskRepository:
    content = tomllib.loads((ROOT / name / "todos.toml").read_text())
    repository = TaskRepository(name=name, **content)
    before: set[str] = set()
    for todo in repository.todos:
        if not before.issuperset(todo.needs):
            raise ValueError(f"{name}: {todo.name} stands before a todo that it needs")
        before.add(todo.name)
    return repository
