"""Questions, answers and events between the web process and the runner's."""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, TypeVar

import pytest
from pykka import ActorDeadError

from recursor.actors.event_bus import EventBus
from recursor.actors.messages import ControlAll, GetLoad, OrchestratorLoad, Subscribe, Unsubscribe
from recursor.agents.hosts.errors import FarError
from recursor.domain.commands import AddTodo, Command, ControlStack, CreateStack, DeleteStack, RenameStack
from recursor.domain.errors import ConflictError, NotFoundError
from recursor.domain.events import ContentsChanged, Event, StackChanged
from recursor.domain.new_records import new_stack, new_todo
from recursor.runner import orchestrator_server
from recursor.runner.event_relay import EventRelay
from recursor.runner.orchestrator_server import EventBatch, OrchestratorServer
from recursor.runner.remote_orchestrator import RemoteOrchestrator
from recursor.runtime.actor import DispatchedActor
from recursor.runtime.dispatcher import Dispatcher
from recursor.runtime.link import Link
from tests.processes import wait_for

T = TypeVar("T")

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
    asked: ClassVar = threading.Event()
    """Set when something slow is asked."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(dispatcher=dispatcher)
        self._events = EventBus()

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
                self.asked.set()
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
    Orchestrator.asked.clear()
    actor = Orchestrator.start(dispatcher)
    yield actor
    Orchestrator.let.set()
    if actor.is_alive():
        actor.stop()
    dispatcher.shutdown(timeout=5)


@pytest.fixture
def events(orchestrator: Any) -> Iterator[EventRelay]:
    with EventRelay(orchestrator) as events:
        yield events


class Web:
    """Both ends of a link, on a thread of this process."""

    remote: RemoteOrchestrator
    ours: Link
    theirs: Link

    def __init__(self, orchestrator: Any, events: EventRelay) -> None:
        self.events: list[Event] = []
        self.missed = 0
        self.gone = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._tasks = [self.run(self._begin(orchestrator, events))]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def read(self) -> None:
        """Have the web process's end receive what comes."""

        async def begin() -> asyncio.Task[None]:
            return asyncio.create_task(self._receive())

        self._tasks.append(self.run(begin()))

    def ask(self, message: object, seconds: float = 30) -> Any:
        return asyncio.run(self.remote.ask(message, seconds))

    def hang_up(self) -> None:
        self._loop.call_soon_threadsafe(self.ours.close)

    def kill(self) -> None:
        self._loop.call_soon_threadsafe(self.theirs.close)

    def close(self) -> None:
        self.hang_up()
        self.kill()
        self.run(self._ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _begin(self, orchestrator: Any, events: EventRelay) -> asyncio.Task[None]:
        ours, theirs = socket.socketpair()
        self.ours, self.theirs = await Link.over(ours), await Link.over(theirs)
        self.remote = RemoteOrchestrator(self.theirs)
        return asyncio.create_task(self._answer(OrchestratorServer(orchestrator, events, self.ours)))

    async def _answer(self, server: OrchestratorServer) -> None:
        try:
            while True:
                await server.take(await self.ours.receive())
        except EOFError:
            server.end()
            self.gone.set()

    async def _receive(self) -> None:
        await self.remote.receive(self._told)

    async def _ended(self) -> None:
        await asyncio.gather(*self._tasks)

    def _told(self, events: tuple[Event, ...], missed: int) -> None:
        self.events += events
        self.missed += missed


@pytest.fixture
def unread(orchestrator: Any, events: EventRelay) -> Iterator[Web]:
    """One that reads nothing yet."""
    web = Web(orchestrator, events)
    yield web
    web.close()


@pytest.fixture
def web(unread: Web) -> Web:
    unread.read()
    return unread


def changed(number: float = 1.0) -> ContentsChanged:
    return ContentsChanged(stack_id="0" * 16, at=number, what="todos")


class TestTheWebProcess:
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
        with pytest.raises(FarError, match="NotOursError: 1 and 2"):
            web.ask(RenameStack("1", "2"))

    def test_gets_each_answer_to_its_own_question(self, web: Web) -> None:
        todos = [new_todo("0" * 16, f"todo {number}", 1, 1.0) for number in range(2000)]

        async def all_at_once() -> list[Any]:
            return await asyncio.gather(*(web.remote.ask(AddTodo(todo)) for todo in todos))

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
        self, unread: Web, orchestrator: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(orchestrator_server, "_MOST_UNSENT", 3)
        monkeypatch.setattr(orchestrator_server, "_BATCH", 3)
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
        for event in events:
            orchestrator.tell(event)
        orchestrator.ask(GetLoad())
        unread.read()
        wait_for(lambda: unread.missed and len(unread.events) + unread.missed == 200)
        assert [event.at for event in unread.events][:1] == [0.0]

    def test_misses_nothing_from_the_first_message_on(self, unread: Web, orchestrator: Any) -> None:
        assert unread.run(unread.theirs.receive()) == EventBatch((), 0)
        orchestrator.tell(changed())
        assert unread.run(unread.theirs.receive()) == EventBatch((changed(),), 0)

    def test_gets_no_answer_when_the_runner_is_gone(self, web: Web) -> None:
        web.hang_up()
        with pytest.raises(ActorDeadError):
            web.ask(DeleteStack("slow"))
        with pytest.raises(ActorDeadError):
            web.ask(GetLoad())

    def test_is_told_of_the_end_while_it_waits_for_an_answer(self, web: Web) -> None:
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(web.ask, DeleteStack("slow"))
            assert Orchestrator.asked.wait(30)
            web.hang_up()
            with pytest.raises(ActorDeadError):
                waiting.result(30)

    def test_that_is_killed_is_known_to_be_gone(self, web: Web) -> None:
        assert web.ask(GetLoad()) == LOAD
        web.kill()
        assert web.gone.wait(30)

    def test_is_told_that_an_orchestrator_has_stopped(self, web: Web, orchestrator: Any) -> None:
        orchestrator.stop()
        with pytest.raises(ActorDeadError):
            web.ask(GetLoad())
