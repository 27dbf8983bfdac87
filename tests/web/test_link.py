"""Questions, answers and events between two processes' ends."""

import asyncio
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing import Pipe
from typing import Any

import pytest
from pykka import ActorDeadError

from recursor.actors.messages import AddTodo, ControlStack, CreateStack, GetLoad, OrchestratorLoad
from recursor.actors.orchestrator import Orchestrator
from recursor.domain.errors import ConflictError, NotFoundError
from recursor.domain.events import Event, StackChanged, StackDeleted
from recursor.domain.stack import ExecutionState, Stack
from recursor.orchestration.control import Command
from recursor.runner.team import observers_team
from recursor.storage.conversations import new_todo
from recursor.storage.memory_store import MemoryStore
from recursor.storage.stacks import new_stack
from recursor.storage.tables import TABLES
from recursor.web import link
from recursor.web.link import EngineEnd, WebEnd
from tests.processes import wait_for


class Ends:
    """Both ends in one process, over a real pipe."""

    def __init__(self, orchestrator: Any) -> None:
        ours, theirs = Pipe()
        self.orchestrator = orchestrator
        self.engine, self.web = EngineEnd(ours, orchestrator), WebEnd(theirs)
        self.events: list[Event] = []
        self.missed = 0
        self.goodbye: bool | None = None
        self.pipe = ours
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.engine.start()
        self._thread.start()

    def ask(self, message: object, seconds: float = 30) -> Any:
        return asyncio.run(self.web.ask(message, seconds))

    def wait(self) -> None:
        self._thread.join(30)

    def _run(self) -> None:
        self.goodbye = self.web.run(self._told)

    def _told(self, events: tuple[Event, ...], missed: int) -> None:
        self.events += events
        self.missed += missed


@pytest.fixture
def ends() -> Iterator[Ends]:
    with orchestrated() as orchestrator:
        ends = Ends(orchestrator)
        yield ends
        ends.engine.close()
        ends.wait()


@contextmanager
def orchestrated() -> Iterator[Any]:
    store = MemoryStore(TABLES)
    orchestrator = Orchestrator.start(store=store, roles=observers_team())
    try:
        yield orchestrator
    finally:
        if orchestrator.is_alive():
            orchestrator.stop()
        store.close()


def test_a_question_is_answered_and_what_happens_is_told(ends: Ends) -> None:
    stack = new_stack("one", 1.0)
    made = ends.ask(CreateStack(stack))
    assert isinstance(made, Stack)
    assert made.id == stack.id
    (event,) = wait_for(lambda: ends.events)
    assert isinstance(event, StackChanged)
    assert (event.stack_id, event.state) == (stack.id, ExecutionState.IDLE)


def test_an_error_arrives_as_what_it_is(ends: Ends) -> None:
    with pytest.raises(NotFoundError, match="no stack"):
        ends.ask(ControlStack("0" * 16, Command.START))
    stack = new_stack("one", 1.0)
    ends.ask(CreateStack(stack))
    with pytest.raises(ConflictError):
        ends.ask(ControlStack(stack.id, Command.RESUME))


def test_many_questions_are_answered_each_with_its_own(ends: Ends) -> None:
    stack = new_stack("one", 1.0)
    ends.ask(CreateStack(stack))
    todos = [new_todo(stack.id, f"todo {number}", 1, 1.0) for number in range(200)]

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(ends.web.ask(AddTodo(todo)) for todo in todos))

    assert asyncio.run(all_at_once()) == todos


def test_more_events_than_are_told_at_a_time_are_counted(ends: Ends) -> None:
    stack = new_stack("one", 1.0)
    ends.ask(CreateStack(stack))

    async def storm() -> None:
        await asyncio.gather(*(ends.web.ask(AddTodo(new_todo(stack.id, "x", 1, 1.0))) for _ in range(1000)))

    asyncio.run(storm())
    # The rate allows some more while it lasts; together they are all that happened.
    wait_for(lambda: ends.missed and len(ends.events) + ends.missed >= 1001)
    assert len(ends.events) < 1001


def test_what_waits_for_a_process_that_stands_still_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_MOST_WAITING", 3)
    ours, theirs = Pipe()
    with orchestrated() as orchestrator, closing(theirs):
        end = EngineEnd(ours, orchestrator)
        for number in range(5):
            end.tell(StackDeleted(stack_id="0" * 16, at=float(number)))
        end.start()
        told = theirs.recv()
        assert ([event.at for event in told.events], told.missed) == ([0.0, 1.0, 2.0], 2)
        end.close()


def test_a_question_after_the_end_is_refused(ends: Ends) -> None:
    ends.engine.close()
    ends.wait()
    assert ends.goodbye is True
    with pytest.raises(ActorDeadError):
        ends.ask(GetLoad())


def test_the_end_is_told_to_one_that_is_in_the_middle_of_a_question() -> None:
    ours, theirs = Pipe()
    with orchestrated() as orchestrator, closing(theirs):
        end = EngineEnd(ours, orchestrator)
        end.start()
        # How long a question is, and nothing of it yet.
        os.write(theirs.fileno(), struct.pack("!i", 100))
        end.close()
        assert theirs.poll(30)
        theirs.recv()
        assert theirs.poll(30)
        with pytest.raises(EOFError):
            theirs.recv()
        wait_for(lambda: ours.closed)


def test_a_killed_process_says_no_goodbye(ends: Ends) -> None:
    load = ends.ask(GetLoad())
    assert isinstance(load, OrchestratorLoad)
    # What the system does with the files of a process that dies.
    with socket.fromfd(ends.pipe.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.shutdown(socket.SHUT_RDWR)
    ends.wait()
    assert ends.goodbye is False


def test_an_orchestrator_that_has_stopped_is_said_to_be_dead(ends: Ends) -> None:
    ends.orchestrator.stop()
    with pytest.raises(ActorDeadError):
        ends.ask(GetLoad())
