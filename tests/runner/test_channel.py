"""Questions, answers and events between the runner and its other processes."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any, ClassVar

import pytest
from pykka import ActorDeadError

from recursor.actors.event_stream import EventStream
from recursor.actors.messages import ControlAll, GetLoad, OrchestratorLoad, Subscribe, Unsubscribe
from recursor.domain.commands import AddTodo, Command, ControlStack, CreateStack, DeleteStack, RenameStack
from recursor.domain.errors import ConflictError, NotFoundError
from recursor.domain.events import ContentsChanged, Event, StackChanged
from recursor.domain.new_records import new_stack, new_todo
from recursor.runner import channel as channel_module
from recursor.runner.channel import Channel, WebLink
from recursor.runner.event_relay import EventRelay
from recursor.runner.frames import (
    DisconnectedError,
    FrameSocket,
    Kind,
    greeting,
    pack,
)
from recursor.runner.web_asking import WebAsking, assignment
from recursor.runtime.actor import DispatchedActor
from recursor.runtime.dispatcher import Dispatcher
from tests.processes import wait_for

PLACE = "control/runner.sock"
LOAD = OrchestratorLoad(
    active_stacks=0, sleeping_stacks=7, agents_running=0, agents_queued=0, agents_abandoned=0
)


class NotOursError(Exception):
    """Cannot be put together again from what it says of itself."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


class Orchestrator(DispatchedActor):
    """Answers as the real one does, and writes nothing."""

    let: ClassVar = threading.Event()
    """Until it is set, what is slow is not done."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(dispatcher=dispatcher)
        self._events = EventStream()

    def on_receive(self, message: Any) -> Any:
        match message:
            case Subscribe():
                self._events.subscribe(message.listener, rate=message.rate)
            case Unsubscribe():
                self._events.unsubscribe(message.listener)
            case GetLoad():
                return LOAD
            case CreateStack(stack=stack):
                return stack
            case AddTodo(todo=todo):
                return todo
            case ControlAll():
                return message.stack_ids
            case ControlStack():
                raise ConflictError(f"stack {message.stack_id}: nothing to {message.command}")
            case RenameStack():
                raise NotOursError(message.stack_id, message.name)
            case DeleteStack(stack_id="slow"):
                assert self.let.wait(60)
            case DeleteStack():
                raise NotFoundError(f"no stack {message.stack_id}")
            case ContentsChanged() | StackChanged():
                self._events.publish(message)
        return None


@pytest.fixture
def orchestrator() -> Iterator[Any]:
    dispatcher = Dispatcher(2, "test-control")
    Orchestrator.let.clear()
    actor = Orchestrator.start(dispatcher)
    yield actor
    if actor.is_alive():
        actor.stop()
    dispatcher.shutdown(timeout=5)


@pytest.fixture
def channel(orchestrator: Any) -> Iterator[Channel]:
    with EventRelay(orchestrator) as events:
        made = Channel(orchestrator, events)
        made.start()
        yield made
        made.close()


class Web:
    """The end of the process that serves, on a thread of this process."""

    def __init__(self, channel: Channel, *, reads: bool = True) -> None:
        ours, theirs = socket.socketpair()
        self.served = threading.Event()
        self.link: WebLink = channel.attach(ours, {"port": 7}, self.served.set)
        self.socket = theirs
        frames = FrameSocket(theirs)
        frames.send(greeting())
        self.assigned = assignment(frames)
        self.asking = WebAsking(frames)
        self.events: list[Event] = []
        self.missed = 0
        self.goodbye: bool | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        if reads:
            self.start()

    def start(self) -> None:
        self._thread.start()

    def ask(self, message: object, seconds: float = 30) -> Any:
        return asyncio.run(self.asking.ask(message, seconds))

    def wait(self) -> None:
        self._thread.join(30)

    def _run(self) -> None:
        self.goodbye = self.asking.run(self._told)

    def _told(self, events: tuple[Event, ...], missed: int) -> None:
        self.events += events
        self.missed += missed


@pytest.fixture
def web(channel: Channel) -> Iterator[Web]:
    web = Web(channel)
    yield web
    web.link.close()
    web.wait()
    web.socket.close()


def changed(number: float = 1.0) -> ContentsChanged:
    return ContentsChanged(stack_id="0" * 16, at=number, what="todos")


class TestTheProcessThatServes:
    def test_is_told_what_to_do_and_tells_that_it_does(self, web: Web) -> None:
        assert web.assigned == {"port": 7}
        assert not web.link.serving
        web.asking.say_serving()
        assert web.served.wait(30)
        assert web.link.serving

    def test_asks_and_hears_what_happens(self, web: Web, orchestrator: Any) -> None:
        stack = new_stack("one", 1.0)
        assert web.ask(CreateStack(stack)) == stack
        orchestrator.tell(changed())
        assert wait_for(lambda: web.events) == [changed()]

    def test_gets_an_error_as_what_it_is(self, web: Web) -> None:
        with pytest.raises(NotFoundError, match="no stack 0"):
            web.ask(DeleteStack("0" * 16))
        with pytest.raises(ConflictError):
            web.ask(ControlStack("1" * 16, Command.RESUME))

    def test_gets_an_error_that_does_not_travel_as_what_it_says(self, web: Web) -> None:
        with pytest.raises(RuntimeError, match="NotOursError: 1 and 2"):
            web.ask(RenameStack("1", "2"))

    def test_gets_each_answer_to_its_own_question(self, web: Web) -> None:
        todos = [new_todo("0" * 16, f"todo {number}", 1, 1.0) for number in range(2000)]

        async def all_at_once() -> list[Any]:
            return await asyncio.gather(*(web.asking.ask(AddTodo(todo)) for todo in todos))

        assert asyncio.run(all_at_once()) == todos

    def test_is_spared_most_of_a_storm_and_told_how_much(self, web: Web, orchestrator: Any) -> None:
        for number in range(1000):
            orchestrator.tell(changed(float(number)))
        # The rate allows some more while it lasts; together they are all that happened.
        wait_for(lambda: web.missed and len(web.events) + web.missed >= 1000)
        assert len(web.events) + web.missed == 1000
        times = [event.at for event in web.events]
        assert len(times) < 1000
        assert times == sorted(times)

    def test_that_stands_still_is_told_how_much_it_missed(
        self, channel: Channel, orchestrator: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(channel_module, "_MOST_UNSENT", 3)
        monkeypatch.setattr(channel_module, "_BATCH", 3)
        # Nobody is spared these; and no buffer of the system holds them all.
        events = [
            StackChanged(
                stack_id="0" * 16,
                at=float(number),
                name="x",
                state="paused",
                phase="planning",
                reason="x" * 20_000,
            )
            for number in range(200)
        ]
        web = Web(channel, reads=False)
        for event in events:
            orchestrator.tell(event)
        orchestrator.ask(GetLoad())
        web.start()
        wait_for(lambda: web.missed and len(web.events) + web.missed == 200)
        assert [event.at for event in web.events][:1] == [0.0]
        web.link.close()
        web.wait()
        web.socket.close()

    def test_is_refused_after_the_goodbye(self, web: Web) -> None:
        web.link.close()
        web.wait()
        assert web.goodbye is True
        with pytest.raises(ActorDeadError):
            web.ask(GetLoad())

    def test_is_told_of_the_end_in_the_middle_of_a_question(self, channel: Channel) -> None:
        ours, theirs = socket.socketpair()
        link = channel.attach(ours, None)
        with closing(theirs):
            end = FrameSocket(theirs)
            end.send(greeting())
            assert assignment(end) is None
            theirs.sendall(pack(Kind.QUESTION, b"x" * 100, 1)[:20])
            link.close()
            assert end.receive(30).kind == Kind.GOODBYE
            with pytest.raises(DisconnectedError):
                end.receive(30)

    def test_that_is_killed_is_known_to_be_gone(self, web: Web) -> None:
        assert web.ask(GetLoad()) == LOAD
        web.socket.shutdown(socket.SHUT_RDWR)
        assert web.link.heard.wait(30)
        assert web.link.failure is None

    def test_of_a_killed_runner_gets_no_goodbye(self) -> None:
        ours, theirs = socket.socketpair()
        asking = WebAsking(FrameSocket(theirs))
        ours.close()
        assert asking.run(lambda *_: None) is False
        theirs.close()

    def test_is_told_that_an_orchestrator_has_stopped(self, web: Web, orchestrator: Any) -> None:
        orchestrator.stop()
        with pytest.raises(ActorDeadError):
            web.ask(GetLoad())

    @pytest.mark.parametrize("trouble", ["it says so", "another version"])
    def test_says_why_it_cannot_serve(self, channel: Channel, trouble: str) -> None:
        ours, theirs = socket.socketpair()
        link = channel.attach(ours, None)
        with closing(theirs):
            if trouble == "it says so":
                theirs.sendall(greeting() + pack(Kind.TROUBLE, b"ImportError: it says so"))
            else:
                theirs.sendall(pack(Kind.GREETING, json.dumps({"release": "99.1", "pid": 1}).encode()))
                assert theirs.recv(1)
                theirs.shutdown(socket.SHUT_WR)
        assert link.heard.wait(30)
        assert link.failure is not None
        assert ("it says so" in link.failure) or ("is of version 99.1" in link.failure)
