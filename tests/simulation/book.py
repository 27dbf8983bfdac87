"""The model: what people were told of each stack, and so what must be on disk."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recursor.domain.commands import CreateStack
from tests.simulation.disk import BROADCASTS
from tests.simulation.register import Answer, Asked, Refused, Register

ABSENT, IDLE, RUNNING, PAUSED, STOPPED = "absent", "idle", "running", "paused", "stopped"
GONE = "deleted"
"""Absent for ever: its id is not used again."""
SUSPENDED = "suspended"
"""Paused with a reason, by the engine."""

_TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    "start": {IDLE: RUNNING, STOPPED: RUNNING, RUNNING: RUNNING},
    "pause": {RUNNING: PAUSED, PAUSED: PAUSED, SUSPENDED: SUSPENDED},
    "resume": {PAUSED: RUNNING, SUSPENDED: RUNNING, RUNNING: RUNNING},
    "stop": {IDLE: STOPPED, RUNNING: STOPPED, PAUSED: STOPPED, SUSPENDED: STOPPED, STOPPED: STOPPED},
    "delete": dict.fromkeys((IDLE, RUNNING, PAUSED, SUSPENDED, STOPPED), GONE),
}
_HALTS = frozenset(("pause", "stop", "delete"))
_MOVES = frozenset(("start", "resume", "create"))


@dataclass(slots=True)
class Item:
    """A todo or a message that somebody gave a stack."""

    table: str
    stack_id: str
    """Whose it is; "all" for a message to all."""
    id: str
    there: Register = field(default_factory=lambda: Register(frozenset((False,))))
    content: Register = field(default_factory=lambda: Register(frozenset(("",))))
    cancelled: Register = field(default_factory=lambda: Register(frozenset((False,))))


@dataclass(slots=True)
class StackBook:
    """What is known of one stack."""

    id: str
    state: Register = field(default_factory=lambda: Register(frozenset((ABSENT,)), drifts=_suspensions))
    name: Register = field(default_factory=lambda: Register(frozenset(("",))))
    idea: Register = field(default_factory=lambda: Register(frozenset((None,))))
    settings: Register = field(default_factory=lambda: Register(frozenset(("{}",))))
    items: dict[str, Item] = field(default_factory=dict)
    moved: int = 0
    """The number of the newest command after which agents may begin."""
    cut: Asked | None = None
    """The newest command that gives up agents: also where it fails, they are gone."""
    halted: Asked | None = None
    """The newest acknowledged command after which none may."""
    pruned: bool = False
    """Whether what is closed may be gone."""
    damaged: bool = False
    """Whether one of its records was made unreadable: all that is left to do is to delete it."""
    doomed: bool = False
    """Whether its deletion was asked for."""

    @property
    def is_unreadable(self) -> bool:
        """Whether nothing can be said of it: it was damaged, and is not known to be deleted."""
        return self.damaged and self.state.possible() != frozenset((GONE,))

    def cuts_what_began_after(self, commands: int) -> bool:
        """Whether agents that began after so many commands were given up, or may have been."""
        return self.cut is not None and self.cut.number >= commands

    @property
    def banned(self) -> Asked | None:
        """Why no agent of it may begin."""
        halted = self.halted
        return halted if halted is not None and halted.number > self.moved else None


class Book:
    """All stacks."""

    def __init__(self) -> None:
        self.stacks: dict[str, StackBook] = {}
        self.asked: list[Asked] = []
        self.broadcasts: dict[str, Item] = {}
        """By id."""
        self.broadcasts_pruned = False
        """Whether those that all have read may be gone."""

    def ask(self, kind: str, stack_id: str, life: int) -> Asked:
        """Note a command."""
        asked = Asked(len(self.asked), kind, stack_id, life)
        self.asked.append(asked)
        return asked

    def create(self, asked: Asked, command: CreateStack) -> StackBook:
        """Note the creation of a stack; asked once more, it changes nothing but that it may start it."""
        book = self.stacks.get(asked.stack_id)
        if book is None:
            stack, idea = command.stack, command.idea
            book = self.stacks[asked.stack_id] = StackBook(asked.stack_id)
            book.name.found(stack.name)
            book.settings.found(frozen(stack.settings))
            book.idea.found(None if idea is None else idea.idea)

        def created(state: str) -> str:
            if state == GONE:
                raise Refused
            if state == ABSENT:
                return RUNNING if command.start else IDLE
            return _transition("start", state) if command.start else state

        if command.start:
            book.moved = asked.number
        book.state.ask(asked, created)
        return book

    def control(self, asked: Asked, command: str) -> None:
        """Note a start, pause, resume, stop or deletion."""
        book = self.stacks[asked.stack_id]
        book.state.ask(asked, lambda state: _transition(command, state))
        if command in _MOVES:
            book.moved = asked.number
        if command in ("stop", "delete"):
            book.cut = asked
        book.doomed = book.doomed or command == "delete"

    def answered(self, asked: Asked) -> None:
        """Take note of an answer."""
        book = self.stacks.get(asked.stack_id)
        if book is None or asked.answer is not Answer.DONE or asked.kind not in _HALTS:
            return
        if book.halted is None or book.halted.number < asked.number:
            book.halted = asked

    def give(self, asked: Asked, table: str, item_id: str, content: str) -> Item:
        """Note that a stack was given a todo or a message."""
        book = self.stacks.get(asked.stack_id)
        items = self.broadcasts if book is None else book.items
        if item_id not in items:
            items[item_id] = Item(table, BROADCASTS if book is None else book.id, item_id)
            items[item_id].content.found(content)
        item = items[item_id]
        item.there.ask(asked, lambda _: True)
        return item

    def edit(self, asked: Asked, item: Item, content: str) -> None:
        """Note a change of a todo."""
        item.content.ask(asked, lambda _: content)

    def cancel(self, asked: Asked, item: Item) -> None:
        """Note that a todo was cancelled."""
        item.cancelled.ask(asked, lambda _: True)

    def configure(self, asked: Asked, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Note a change of settings."""

        def configured(kept: str) -> str:
            settings = json.loads(kept)
            for section, values in changes.items():
                own = settings.setdefault(section, {})
                for key, value in values.items():
                    own.pop(key, None) if value is None else own.update({key: value})
            return frozen({section: values for section, values in settings.items() if values})

        self.stacks[asked.stack_id].settings.ask(asked, configured)

    def rename(self, asked: Asked, name: str) -> None:
        """Note a new name."""
        self.stacks[asked.stack_id].name.ask(asked, lambda _: name)

    def set_idea(self, asked: Asked, text: str) -> None:
        """Note another idea."""
        self.stacks[asked.stack_id].idea.ask(asked, lambda _: text)

    def may_be_gone(self, owner: str) -> bool:
        """Whether messages to a stack, or to all, that were read may have been removed."""
        return self.broadcasts_pruned if owner == BROADCASTS else self.stacks[owner].pruned

    def cut_off(self, life: int) -> None:
        """Note that a process has ended: what it has not answered may have been done, or never will be."""
        for asked in reversed(self.asked):
            if asked.life != life:
                return
            if asked.answer is Answer.OPEN:
                asked.answer = Answer.UNKNOWN


def frozen(settings: Any) -> str:
    """Return settings as text that can be compared."""
    return json.dumps(settings, sort_keys=True)


def _transition(command: str, state: str) -> str:
    after = _TRANSITIONS[command].get(state)
    if after is None:
        raise Refused
    return after


def _suspensions(states: frozenset[str]) -> frozenset[str]:
    return states | {SUSPENDED} if RUNNING in states else states
