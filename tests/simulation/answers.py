"""What people ask of the engine, and what they may rely on once they are answered."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pykka import ActorDeadError

from recursor.actors.messages import ControlAll
from recursor.domain.commands import Command, ControlStack
from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError
from recursor.orchestration.detection import DetectorFailedError
from recursor.runtime.future import DispatchedFuture
from recursor.storage.errors import StorageError, StorageFullError
from recursor.storage.store import Reader
from recursor.storage.tables import STACKS, TODOS
from tests.simulation.book import ABSENT, GONE, SUSPENDED, Book, Item, StackBook, frozen
from tests.simulation.disk import BROADCASTS, DAMAGED, Disk, Fields, fields
from tests.simulation.register import Answer, Asked

if TYPE_CHECKING:
    from tests.simulation.world import World

_REFUSALS = (ConflictError, NotFoundError, InvalidInputError, DetectorFailedError, StorageFullError)


class Answers:
    """Asks, and checks at each answer that what it says is on disk."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._unanswered: dict[int, Asked] = {}
        self._looks: set[str] = set()
        self._stopping: list[tuple[Asked, dict[str, None]]] = []

    # -- Asking ----------------------------------------------------------------------------------------------

    def asked(self, kind: str, stack_id: str) -> Asked:
        """Note that something is asked for; `follow` is to come next."""
        return self._world.book.ask(kind, stack_id, self._world.life)

    def control(self, stack_id: str, command: Command) -> None:
        """Start, pause, resume or stop a stack."""
        book = self._world.book
        asked = book.ask(command.value, stack_id, self._world.life)
        book.control(asked, command.value)
        for _, concerned in self._stopping:
            concerned.pop(stack_id, None)
        self.follow(asked, ControlStack(stack_id, command))

    def control_all(self, command: Command) -> None:
        """Start, pause, resume or stop all stacks that it makes a difference to."""
        world = self._world
        each = {
            stack_id: world.book.ask(command.value, stack_id, world.life) for stack_id in world.book.stacks
        }
        for asked in each.values():
            world.book.control(asked, command.value)
        whole = world.book.ask(f"{command.value}_all", "all", world.life)
        if command is Command.STOP:
            self._stopping.append((whole, dict.fromkeys(self._running(each))))

        def answered(value: Any) -> None:
            for stack_id, asked in each.items():
                error = value.get(stack_id)
                if stack_id not in value or isinstance(error, BaseException):
                    self._refused(asked, error if isinstance(error, BaseException) else None)
                else:
                    asked.answer = Answer.DONE
                    world.book.answered(asked)
                    self._check(asked)

        def failed(error: BaseException) -> None:
            for asked in each.values():
                self._refused(asked, error)

        self.follow(whole, ControlAll(command), answered, failed)

    def question(self, kind: str, stack_id: str, message: Any) -> Asked:
        """Ask for something that changes nothing which a person was told."""
        if kind == "work":
            self._looks.add(stack_id)
        asked = self.asked(kind, stack_id)
        self.follow(asked, message)
        return asked

    def asked_for_work(self, stack_id: str) -> bool:
        """Whether somebody has asked for a stack's work: its snapshot may be newer than its report then."""
        return stack_id in self._looks

    def follow(
        self,
        asked: Asked,
        message: Any,
        answered: Callable[[Any], None] = lambda _value: None,
        failed: Callable[[BaseException], None] = lambda _error: None,
    ) -> None:
        """Ask the orchestrator, and follow what becomes of it.

        Args:
            asked: what was noted of it.
            message: what is asked.
            answered: called with the answer.
            failed: called with the error, if there is one.
        """
        world = self._world
        if world.trace is not None:
            world.note(f"   command {asked.number}: {_briefly(message)}")
        self._unanswered[asked.number] = asked
        process = world.process

        def done(future: DispatchedFuture[Any]) -> None:
            if process is not world.process or asked.answer is Answer.UNKNOWN:
                # Said by a process that is gone, to nobody.
                return
            self._unanswered.pop(asked.number, None)
            error = future.exception()
            if world.trace is not None:
                world.note(f"   answer to command {asked.number} ({asked.kind}): {error or 'done'}")
            if error is not None:
                self._refused(asked, error)
                failed(error)
                return
            asked.answer = Answer.DONE
            answered(future.get())
            world.book.answered(asked)
            self._check(asked)

        world.process.ask(message).add_done_callback(done)

    def _refused(self, asked: Asked, error: BaseException | None) -> None:
        asked.error = None if error is None else f"{type(error).__name__}: {error}"
        if error is None or isinstance(error, _REFUSALS):
            asked.answer = Answer.UNDONE
        else:
            asked.answer = Answer.UNKNOWN
            if not self._is_explained(error):
                self._world.violate("answers", f"{asked}: {asked.error}")
        self._check(asked)

    def _is_explained(self, error: BaseException) -> bool:
        """Whether an error that is no refusal has a cause that people know of."""
        world = self._world
        if isinstance(error, ActorDeadError) and world.process.is_ending:
            return True
        damaged = any(book.damaged for book in world.book.stacks.values())
        return world.injected > 0 or (damaged and isinstance(error, StorageError))

    def missing(self) -> Iterator[str]:
        """Yield what is not answered yet."""
        yield from (f"{asked} is not answered" for asked in self._unanswered.values())

    def must_all_be_there(self, life: int) -> None:
        """Check that nobody waits for an answer that will never come."""
        for asked in self._unanswered.values():
            if asked.life == life:
                self._world.violate("7 liveness", f"{asked} is never answered")
        self._unanswered.clear()

    def forget(self) -> None:
        """Wait for no answer of a process that is gone."""
        self._unanswered.clear()

    # -- What must be on disk --------------------------------------------------------------------------------

    def _check(self, asked: Asked) -> None:
        book = self._world.book.stacks.get(asked.stack_id)
        with self._world.store.read() as reader:
            if book is not None and not book.damaged:
                for problem in stack_problems(book, stored_stack(reader, book.id)):
                    self._world.violate("1 durable", f"{asked}: {problem}")

    def know(self, disk: Disk) -> None:
        """Take what is on disk for what is: after a crash nothing of before is under way any more."""
        for book in self._world.book.stacks.values():
            stack = disk.stacks.get(book.id)
            if book.is_unreadable:
                continue
            if stack is None:
                book.state.found(*(book.state.possible() & {ABSENT, GONE}))
            else:
                book.state.found(state_of(stack))
                book.name.found(stack["name"])
                book.settings.found(frozen(stack["settings"]))
                idea = disk.ideas.get(book.id)
                book.idea.found(None if idea is None else idea["idea"])
        for item, found in items_found(self._world.book, disk):
            item.there.found(bool(found))
            if found:
                item.content.found(found[0]["content"])
                item.cancelled.found(found[0].get("status") == "cancelled")

    def begins_while_all_are_stopped(self, stack_id: str) -> str | None:
        """Say so, if a stop of all stacks is under way that another stack has obeyed already."""
        world = self._world
        for whole, concerned in self._stopping:
            if whole.answer is not Answer.OPEN or whole.life != world.life or stack_id not in concerned:
                continue
            if world.book.stacks[stack_id].moved > whole.number:
                continue
            with world.store.read() as reader:
                for other in concerned:
                    if state_of(stored_stack(reader, other)) == "stopped":
                        return f"{other} has obeyed {whole} already"
        return None

    def _running(self, each: Mapping[str, Asked]) -> Iterator[str]:
        """Yield the stacks that run, and that nothing but these commands will stop."""
        with self._world.store.read() as reader:
            for stack_id, asked in each.items():
                others = self._world.book.stacks[stack_id].state.commands
                stopped = any(other.kind == "stop" and other is not asked for other, _ in others)
                if state_of(stored_stack(reader, stack_id)) == "running" and not stopped:
                    yield stack_id


def _briefly(message: object) -> str:
    """Return a message without what is as it is by default."""
    named = re.sub(r"<\w+\.(\w+): [^>]*>", r"\1", str(message))
    return re.sub(r", \w+=(None|\(\)|\{\}|''|0|False|PLANNING|IDLE|PENDING|\d{10}\.\d+)", "", named)


def stored_stack(reader: Reader, stack_id: str) -> Fields | None:
    """Return a stack's own record, or None if there is none that can be read."""
    value = reader.get(STACKS.name, stack_id.encode())
    return None if value is None or value == DAMAGED else fields(value)


def state_of(stack: Fields | None) -> str:
    """Return the state of a stored stack."""
    if stack is None:
        return ABSENT
    if stack["state"] == "paused" and stack["state_reason"] is not None:
        return SUSPENDED
    state: str = stack["state"]
    return state


def stack_problems(book: StackBook, stack: Fields | None) -> Iterator[str]:
    """Yield what is not as it must be in a stack's own record."""
    state = state_of(stack)
    possible = book.state.possible()
    if state not in possible and not (state == ABSENT and GONE in possible):
        yield f"it is {state} on disk, and must be one of {sorted(possible)}"
    if stack is None:
        return
    names = book.name.possible()
    if stack["name"] not in names:
        yield f"its name is {stack['name']!r} on disk, and must be one of {sorted(names)}"
    settings = book.settings.possible()
    if frozen(stack["settings"]) not in settings:
        yield f"its settings are {stack['settings']} on disk, and must be one of {sorted(settings)}"


def item_problems(item: Item, found: list[Fields], *, may_be_gone: bool) -> Iterator[str]:
    """Yield what is not as it must be in a todo or a message."""
    what = f"{item.table} {item.id}"
    if len(found) > 1:
        yield f"{what} is there {len(found)} times"
    if bool(found) not in item.there.possible() and not (may_be_gone and not found):
        yield f"{what} is {'' if found else 'not '}on disk, and must{' not' if found else ''} be"
    if not found:
        return
    record = found[0]
    contents = item.content.possible()
    if record["content"] not in contents:
        yield f"{what} says {record['content']!r}, and must say one of {sorted(contents)}"
    if item.table == TODOS.name:
        cancelled = item.cancelled.possible()
        if (record["status"] == "cancelled") not in cancelled:
            yield f"{what} is {record['status']}; cancelled must be {sorted(cancelled)}"


def items_found(book: Book, disk: Disk) -> Iterator[tuple[Item, list[Fields]]]:
    """Yield each todo and message that was given, and the records there are of it; there should be one."""
    for stack in book.stacks.values():
        by_id: dict[str, list[Fields]] = defaultdict(list)
        for record in (*disk.todos(stack.id), *disk.user_messages(stack.id), *disk.messages(stack.id)):
            by_id[record["id"]].append(record)
        yield from ((item, by_id[item.id]) for item in stack.items.values())
    by_end: dict[str, list[Fields]] = defaultdict(list)
    for record in disk.messages(BROADCASTS):
        # One that others have overtaken has got a later time.
        by_end[record["id"][12:]].append(record)
    yield from ((item, by_end[item.id[12:]]) for item in book.broadcasts.values())
