"""What a value may be, after commands of which some were acknowledged and some were cut off."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Answer(Enum):
    """What is known of a command."""

    OPEN = "not answered"
    DONE = "acknowledged"
    UNDONE = "refused, and nothing was done"
    UNKNOWN = "cut off: it may have been done"


@dataclass(slots=True, eq=False)
class Asked:
    """A command that was given."""

    number: int
    kind: str
    stack_id: str
    life: int
    """Of the process that it was given to."""
    answer: Answer = Answer.OPEN
    error: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} of stack {self.stack_id} (command {self.number}, {self.answer.value})"


class Refused(Exception):  # noqa: N818  # it is no failure
    """The command is not possible in this state."""


Effect = Callable[[Any], Any]
"""From the value before to the value after; raises `Refused`."""


def unchanged(value: Any) -> Any:
    """Leave the value as it is."""
    return value


@dataclass(slots=True)
class Register:
    """One value. Commands are carried out in the order in which they were given."""

    values: frozenset[Any]
    """What it may have been before the commands below."""
    commands: list[tuple[Asked, Effect]] = field(default_factory=list)
    drifts: Callable[[frozenset[Any]], frozenset[Any]] = unchanged
    """What else it may become by itself, at any time."""

    def ask(self, asked: Asked, effect: Effect) -> None:
        """Note a command."""
        self.commands.append((asked, effect))

    def possible(self) -> frozenset[Any]:
        """Return what the value may be on disk now. Nothing: some answer was wrong."""
        while self.commands and self.commands[0][0].answer is not Answer.OPEN:
            self.values = self._after(self.drifts(self.values), *self.commands.pop(0))
        values = self.drifts(self.values)
        for asked, effect in self.commands:
            values = self.drifts(self._after(values, asked, effect))
        return values

    def found(self, *values: Any) -> None:
        """Note what the value is, or may be, when no command is under way any more."""
        self.values = frozenset(values)
        self.commands.clear()

    @staticmethod
    def _after(values: Iterable[Any], asked: Asked, effect: Effect) -> frozenset[Any]:
        done: set[Any] = set()
        for value in values:
            with suppress(Refused):
                done.add(effect(value))
        match asked.answer:
            case Answer.DONE:
                return frozenset(done)
            case Answer.UNDONE:
                return frozenset(values)
            case _:
                return frozenset(values) | done
