"""What people, and other processes, do to the stacks while their runner is about to die."""

import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from recursor.domain.commands import Command
from recursor.domain.errors import ConflictError
from recursor.domain.ids import new_stack_id
from recursor.domain.new_records import new_todo, new_user_message
from recursor.domain.stack import Stack
from recursor.storage import conversations, stacks
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.nudges import leave_nudge
from recursor.storage.opening import open_store
from recursor.storage.store import Writer
from tests.crash.ledger import PAUSED, STOPPED, Asked, Ledger
from tests.crash.process import Child
from tests.crash.team import DOOMED

PERMANENT = 4
MOST_DOOMED = 3
# Enough for queues to form, and few enough to be worked off soon after.
MOST_UNANSWERED = 20

_OPS = (
    *("visit",) * 8, *("todo",) * 5, *("message",) * 4, *("pause",) * 4, *("resume",) * 6,
    *("stop",) * 2, *("start",) * 3, "create", "create", "delete", "idea", "cancel", "cancel",
)  # fmt: skip
_OPS_BESIDE = ("visit", "visit", "todo", "todo", "pause", "resume", "stop", "start", "start")


@dataclass
class Load:
    """Gives commands at random, and has the ledger note them."""

    random: Random
    ledger: Ledger
    names: dict[str, str] = field(default_factory=dict)
    """Stack id → name, of all that were ever to be created."""
    _serial: int = 0

    def create_permanent(self, child: Child) -> None:
        """Create the stacks that are never deleted."""
        for number in range(PERMANENT):
            self.tell(child, "create", new_stack_id(), name=f"team {number}", idea=self.text())

    def give(self, child: Child, seconds: float, directory: Path | None = None) -> None:
        """Give commands for a while, or until the child has died.

        Args:
            child: the runner.
            seconds: how long.
            directory: a store that is written to beside the runner, by this process.
        """
        end = time.monotonic() + seconds
        if directory is None:
            while time.monotonic() < end and not child.ended:
                self._give_one(child)
            return
        with closing(open_store(directory)) as store:
            while time.monotonic() < end and not child.ended:
                if self.random.random() < 0.4:
                    self.write_beside(store, self.random.choice(_OPS_BESIDE))
                else:
                    self._give_one(child)

    def steered(self) -> list[str]:
        """Return the stacks that take their commands from the runner.

        Of the other, steered by another process, nobody could vouch for the order of commands else.
        """
        return [stack_id for stack_id in self.ledger.existing() if stack_id != self.outsider]

    def command(self, child: Child, op: str, stack_id: str | None = None) -> Asked | None:
        """Give one command of this kind to this stack, or to any for which there is one."""
        random, there = self.random, self.ledger.existing()
        doomed = [stack_id for stack_id in there if self.names[stack_id].startswith(DOOMED)]
        if op == "create":
            return self._create(child) if len(doomed) < MOST_DOOMED else None
        if op == "delete":
            return self.tell(child, op, random.choice(doomed)) if doomed else None
        if op == "cancel":
            return self._cancel(child, there)
        if op == "message":
            to = None if random.random() < 0.3 else stack_id or random.choice(there)
            return self.tell(child, op, random.choice(self.steered()), to=to, text=f"{self.text()} 2")
        args: dict[str, Any] = {}
        if op == "visit":
            args["text"] = f"{self.text()} {random.choice(('hello', 'hello', 'please fix it'))}"
        elif op == "todo":
            args |= {"text": self.text(), "priority": random.randrange(1, 6)}
        elif op == "idea":
            args["text"] = self.text()
        return self.tell(child, op, stack_id or random.choice(there if args else self.steered()), **args)

    def set_going(self, child: Child, states: dict[str, str]) -> None:
        """Have every stack run."""
        for stack_id, state in states.items():
            if state in (PAUSED, STOPPED):
                self.tell(child, "resume" if state == PAUSED else "start", stack_id)

    def _give_one(self, child: Child) -> None:
        # Now and then several at once, so that they meet in one commit.
        for _ in range(self.random.choice((1, 1, 1, 6))):
            if child.open_commands < MOST_UNANSWERED:
                self.command(child, self.random.choice(_OPS))
        child.await_death(self.random.uniform(0, 0.03))

    def _create(self, child: Child) -> Asked:
        idea = self.text() if self.random.random() < 0.7 else None
        return self.tell(child, "create", new_stack_id(), name=f"{DOOMED} {len(self.names)}", idea=idea)

    def _cancel(self, child: Child, there: list[str]) -> Asked | None:
        todos = [asked for asked in self.ledger.acknowledged("todo") if asked.stack in there]
        if not todos:
            return None
        chosen = self.random.choice(todos[-5:])
        return self.tell(child, "cancel", chosen.stack, todo=chosen.result)

    def tell(self, child: Child, op: str, stack_id: str, **args: Any) -> Asked:
        if op == "create":
            self.names[stack_id] = args["name"]
        asked = self.ledger.ask(op, stack_id, time.time(), **args)
        child.tell(asked)
        return asked

    def write_beside(self, store: LmdbStore, op: str) -> None:
        """Do what another process does that cannot reach the runner."""
        stack_id, text, now = self.outsider, self.text(), time.time()
        args = {"text": text} if op in ("visit", "todo") else {}
        asked = self.ledger.ask(op, stack_id, now, **args)
        asked.beside = True

        def work(writer: Writer) -> Any:
            leave_nudge(writer, stack_id)
            if op == "visit":
                message = new_user_message(stack_id, "beside", text, now)
                return conversations.add_user_message(writer, message)
            if op == "todo":
                return conversations.add_todo(writer, new_todo(stack_id, text, 3, now))
            return stacks.control_stack(writer, stack_id, Command(op), now)

        try:
            result = store.write(work)
        except ConflictError as error:
            asked.ok, asked.error = False, str(error)
        else:
            asked.ok, asked.result = True, None if isinstance(result, Stack) else result.id
        asked.answered_at = time.time()

    @property
    def outsider(self) -> str:
        """The stack that is steered by another process."""
        return next(iter(self.names))

    def text(self) -> str:
        self._serial += 1
        return f"text-{self._serial}"
