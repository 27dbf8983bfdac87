"""What people ask for while the runner is about to die, and what they may rely on once they are answered."""

import time
from dataclasses import dataclass, field
from random import Random
from typing import Any

from recursor.actors.messages import (
    AddTodo,
    CancelTodo,
    ControlStack,
    CreateStack,
    DeleteStack,
    SendStackMessage,
    SendUserMessage,
    SetIdea,
)
from recursor.domain.commands import Command
from recursor.domain.new_records import new_idea, new_message, new_stack, new_todo, new_user_message
from recursor.domain.stack import Stack
from recursor.storage.tables import MESSAGES, TODOS, USER_MESSAGES
from tests.crash.process import Child
from tests.simulation.book import Book
from tests.simulation.register import Asked

PERMANENT = 4
MOST_DOOMED = 3
# Enough for queues to form, and few enough to be worked off soon after.
MOST_UNANSWERED = 20

_KINDS = (
    *("visit",) * 8, *("todo",) * 5, *("message",) * 4, *("pause",) * 4, *("resume",) * 6,
    *("stop",) * 2, *("start",) * 3, "create", "create", "delete", "idea", "cancel", "cancel",
)  # fmt: skip


@dataclass
class Load:
    """Asks at random, and keeps the book of it."""

    random: Random
    book: Book
    stacks: dict[str, Stack] = field(default_factory=dict)
    """Those that were ever to be created, and are not to be deleted."""
    _serial: int = 0

    def create_permanent(self, child: Child) -> None:
        """Create the stacks that are never deleted."""
        for number in range(PERMANENT):
            self._create(child, f"team {number}")

    def give(self, child: Child, seconds: float) -> None:
        """Ask for things for a while, or until the child has died."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not child.ended:
            # Now and then several at once, so that they meet in one commit.
            for _ in range(self.random.choice((1, 1, 1, 6))):
                if child.unanswered < MOST_UNANSWERED:
                    self.command(child, self.random.choice(_KINDS))
            child.await_death(self.random.uniform(0, 0.03))

    def command(self, child: Child, kind: str, stack_id: str | None = None) -> None:
        """Ask for one thing of a kind, of this stack or of any."""
        random, now, text = self.random, time.time(), self._text()
        doomed = list(self.stacks)[PERMANENT:]
        if kind == "create":
            if len(doomed) < MOST_DOOMED:
                self._create(child, f"doomed {text}")
            return
        if kind == "delete":
            if doomed:
                self.delete(child, random.choice(doomed))
            return
        of = stack_id or random.choice(list(self.stacks))
        match kind:
            case "visit":
                words = random.choice(("hello", "hello", "please add a button"))
                message = new_user_message(of, "visitor", f"{words} {text}", now)
                self._give(child, USER_MESSAGES.name, message, SendUserMessage(message))
            case "todo":
                todo = new_todo(of, text, random.randrange(1, 6), now)
                self._give(child, TODOS.name, todo, AddTodo(todo))
            case "message":
                to = None if random.random() < 0.3 else of
                letter = new_message(random.choice(list(self.stacks.values())), to, f"{text} 2", now)
                self._give(child, MESSAGES.name, letter, SendStackMessage(letter))
            case "idea":
                asked = self._ask(child, of)
                self.book.set_idea(asked, text)
                child.ask(asked, SetIdea(new_idea(of, text, now)))
            case "cancel":
                self._cancel(child, of)
            case _:
                asked = self._ask(child, of, kind)
                self.book.control(asked, kind)
                child.ask(asked, ControlStack(of, Command(kind)))

    def delete(self, child: Child, stack_id: str) -> None:
        """Delete a stack."""
        del self.stacks[stack_id]
        asked = self._ask(child, stack_id, "delete")
        self.book.control(asked, "delete")
        child.ask(asked, DeleteStack(stack_id))

    def ask(self, child: Child, message: object) -> Asked:
        """Ask for something that changes no stack."""
        asked = self._ask(child, "")
        child.ask(asked, message)
        return asked

    def _ask(self, child: Child, stack_id: str, kind: str = "") -> Asked:
        return self.book.ask(kind, stack_id, child.life)

    def _create(self, child: Child, name: str) -> None:
        now = time.time()
        stack = new_stack(name, now)
        self.stacks[stack.id] = stack
        idea = new_idea(stack.id, self._text(), now) if self.random.random() < 0.7 else None
        command = CreateStack(stack, idea, start=True)
        asked = self._ask(child, stack.id, "create")
        self.book.create(asked, command)
        child.ask(asked, command)

    def _give(self, child: Child, table: str, item: Any, message: Any) -> None:
        asked = self._ask(child, message.stack_id)
        self.book.give(asked, table, item.id, item.content)
        child.ask(asked, message)

    def _cancel(self, child: Child, stack_id: str) -> None:
        items = [item for item in self.book.stacks[stack_id].items.values() if item.table == TODOS.name]
        if items:
            item = self.random.choice(items[-5:])
            asked = self._ask(child, stack_id)
            self.book.cancel(asked, item)
            child.ask(asked, CancelTodo(stack_id, item.id))

    def forget(self, gone: set[str]) -> None:
        """Leave alone the stacks that were never created after all."""
        for stack_id in gone & set(self.stacks):
            del self.stacks[stack_id]

    def _text(self) -> str:
        self._serial += 1
        return f"text-{self._serial}"
