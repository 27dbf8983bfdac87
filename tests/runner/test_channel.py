"""Questions, answers and events between the runner and its other processes."""

import asyncio
import json
import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pykka import ActorDeadError

from recursor.actors.event_stream import EventStream
from recursor.actors.messages import ControlAll, GetLoad, OrchestratorLoad, Subscribe, Unsubscribe
from recursor.domain.commands import AddTodo, Command, ControlStack, CreateStack, DeleteStack, RenameStack
from recursor.domain.errors import ConflictError, NotFoundError, RecursorError
from recursor.domain.events import ContentsChanged, Event, StackChanged
from recursor.domain.new_records import new_stack, new_todo
from recursor.runner import channel as channel_module
from recursor.runner import control_client
from recursor.runner.channel import Channel, WebLink
from recursor.runner.control_client import ControlClient
from recursor.runner.control_socket import connect, control_listener
from recursor.runner.errors import RunnerGoneError, RunnerSilentError, UnauthorizedError
from recursor.runner.frames import (
    DisconnectedError,
    Frame,
    FrameSocket,
    Kind,
    OtherReleaseError,
    greeting,
    pack,
    settled,
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
    made = Channel(orchestrator)
    made.start()
    yield made
    made.close()


@pytest.fixture
def data(tmp_path: Path, channel: Channel) -> Iterator[Path]:
    """A data directory in which the channel takes commands."""
    with control_listener(tmp_path) as (listener, place):
        assert place == PLACE
        channel.listen(listener)
        yield tmp_path
        channel.close()


def client(data: Path, pid: int | None = None) -> closing[ControlClient]:
    return closing(ControlClient(data, PLACE, os.getpid() if pid is None else pid))


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
        monkeypatch.setattr(channel_module, "_MOST_EVENTS", 3)
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


class TestACommand:
    def test_is_answered(self, data: Path) -> None:
        stack = new_stack("one", 1.0)
        with client(data) as runner:
            assert runner.ask(CreateStack(stack)) == stack
            assert runner.ask(GetLoad()) == LOAD
            with pytest.raises(NotFoundError, match="no stack 1"):
                runner.ask(DeleteStack("1"))
            with pytest.raises(ConflictError, match="stack 2: nothing to stop"):
                runner.ask(ControlStack("2", Command.STOP))

    def test_may_say_and_hear_much(self, data: Path) -> None:
        ids = [f"{number:016x}" for number in range(100_000)]
        with client(data) as runner:
            assert runner.ask(ControlAll(Command.STOP, ids)) == ids
            with pytest.raises(RecursorError, match="bytes are more than a runner takes at a time"):
                runner.ask(ControlAll(Command.STOP, ["x" * 9_000_000]))

    def test_of_another_version_is_refused_in_one_line(
        self, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = pack(Kind.GREETING, b'{"release": "99.1", "pid": 1}')
        with closing(FrameSocket(connect(data, PLACE, 5))) as end:
            end.send(other)
            assert json.loads(end.receive(30).body)["pid"] == os.getpid()
            with pytest.raises(DisconnectedError):
                end.receive(30)
        monkeypatch.setattr(channel_module, "greeting", lambda: other)
        with pytest.raises(OtherReleaseError, match=r"the runner is of version 99\.1, and this is version "):
            client(data)

    def test_that_says_nothing_is_hung_up_on(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(channel_module, "_GREETING_SECONDS", 0.05)
        with closing(FrameSocket(connect(data, PLACE, 5))) as end:
            assert end.receive(30).kind == Kind.GREETING
            with pytest.raises(DisconnectedError):
                end.receive(30)

    @pytest.mark.parametrize(
        "sent",
        [b"GET / HTTP/1.1\r\n\r\n" * 10, pack(Kind.EVENTS), b"\x03" + b"\xff" * 12],
        ids=["HTTP", "no question", "too much"],
    )
    def test_that_makes_no_sense_is_hung_up_on(self, data: Path, sent: bytes) -> None:
        with closing(connect(data, PLACE, 5)) as connection:
            connection.sendall((b"" if sent.startswith(b"GET") else greeting()) + sent)
            connection.settimeout(30)
            with suppress(ConnectionResetError):
                while connection.recv(1000):
                    pass
        with client(data) as runner:
            assert runner.ask(GetLoad()) == LOAD

    def test_that_cannot_be_understood_is_told_so(self, data: Path) -> None:
        with closing(FrameSocket(connect(data, PLACE, 5))) as end:
            end.greet(5)
            end.send(pack(Kind.QUESTION, b"crecursor.domain.commands\nNoSuchCommand\n.", 5))
            frame = end.receive(30)
            value, error = settled(frame)
        assert (frame.number, value) == (5, None)
        assert "NoSuchCommand" in str(error)

    def test_that_reads_no_answer_holds_up_nobody(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(channel_module, "_MOST_WAITING", 1)
        monkeypatch.setattr(channel_module, "_STUCK_SECONDS", 0.2)
        todo = AddTodo(new_todo("0" * 16, "x" * 2000, 1, 1.0))
        question = pack(Kind.QUESTION, pickle.dumps(todo), 1)
        with closing(connect(data, PLACE, 5)) as stuck:
            stuck.settimeout(30)
            stuck.sendall(greeting())
            with pytest.raises(OSError, match=r"Broken pipe|reset"):
                _send_for_ever(stuck, question)
            with client(data) as runner:
                assert runner.ask(GetLoad()) == LOAD

    def test_more_than_are_taken_at_a_time_are_told_to_come_again(
        self, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(channel_module, "_MOST_COMMANDS", 1)
        with (
            client(data),
            client(data),
            pytest.raises(RunnerGoneError, match="takes no commands: it is ending, or busy"),
        ):
            client(data)
        with wait_for(lambda: _connected(data)):
            pass

    def test_is_told_that_the_runner_has_ended_meanwhile(self, data: Path, orchestrator: Any) -> None:
        with client(data) as runner:
            orchestrator.stop()
            with pytest.raises(RunnerGoneError, match="is ending"):
                runner.ask(GetLoad())

    def test_is_told_that_the_runner_ends_in_the_middle(self, data: Path, channel: Channel) -> None:
        asked: list[Exception] = []

        def ask() -> None:
            with client(data) as runner:
                try:
                    runner.ask(DeleteStack("slow"))
                except RunnerGoneError as error:
                    asked.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        wait_for(lambda: channel._conversations)
        channel.close()
        thread.join(30)
        Orchestrator.let.set()
        assert len(asked) == 1

    def test_does_not_wait_for_ever(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(control_client, "ANSWER_SECONDS", 0.05)
        with client(data) as runner, pytest.raises(RunnerSilentError, match=r"did not answer within 0\.05 s"):
            runner.ask(DeleteStack("slow"))
        Orchestrator.let.set()

    def test_a_stopped_process_is_silent(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(control_client, "GREETING_SECONDS", 0.05)
        with control_listener(tmp_path), pytest.raises(RunnerSilentError, match="did not answer within"):
            client(tmp_path)

    def test_takes_no_other_process_for_the_runner(self, data: Path) -> None:
        with pytest.raises(RunnerGoneError, match="answers in its place"):
            client(data, pid=1)

    def test_of_another_user_is_told_so(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        with pytest.raises(UnauthorizedError, match="is another user's: act as that user or root"):
            client(data)

    def test_of_nobody_there_is_told_so(self, tmp_path: Path) -> None:
        with pytest.raises(RunnerGoneError, match="No such file"):
            client(tmp_path)
        with control_listener(tmp_path) as (listener, _):
            os.link(tmp_path / PLACE, tmp_path / "kept")
            listener.close()
        os.link(tmp_path / "kept", tmp_path / PLACE)
        with pytest.raises(RunnerGoneError, match="refused"):
            client(tmp_path)


def _send_for_ever(connection: socket.socket, what: bytes) -> None:
    while True:
        connection.sendall(what)


def _connected(data: Path) -> closing[ControlClient] | None:
    try:
        return client(data)
    except RunnerGoneError:
        return None


class TestTheSocket:
    def test_is_for_its_user_alone(self, data: Path) -> None:
        assert (data / PLACE).stat().st_mode & 0o777 == 0o600
        assert (data / PLACE).parent.stat().st_mode & 0o777 == 0o700

    def test_goes_with_the_runner(self, tmp_path: Path) -> None:
        with control_listener(tmp_path):
            assert (tmp_path / PLACE).is_socket()
        assert not (tmp_path / PLACE).exists()

    def test_of_a_killed_runner_is_in_nobodys_way(self, tmp_path: Path) -> None:
        (tmp_path / "control").mkdir()
        with closing(socket.socket(socket.AF_UNIX)) as left:
            left.bind(str(tmp_path / PLACE))
        with control_listener(tmp_path) as (listener, place):
            assert (tmp_path / place).is_socket()
            connect(tmp_path, place, 5).close()
            listener.close()

    def test_of_a_deep_directory_is_elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        deep = tmp_path.joinpath(*["d" * 50] * 3)
        deep.mkdir(parents=True)
        with control_listener(deep) as (_, place):
            if len(str(tmp_path)) < 50:
                assert place.startswith(f"{tmp_path}/recursor-{os.geteuid()}/")
            assert len(place) <= 103
            assert Path(place).parent.stat().st_mode & 0o777 == 0o700
            connect(deep, place, 5).close()
        assert not Path(place).exists()

    def test_trusts_no_directory_that_is_open_to_others(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("XDG_RUNTIME_DIR", "TMPDIR"):
            monkeypatch.setenv(name, "/" + "x" * 200)
        monkeypatch.setattr("tempfile.tempdir", None)
        short = Path("/tmp") / f"recursor-{os.geteuid()}"
        short.mkdir(mode=0o700, exist_ok=True)
        before = short.stat().st_mode & 0o777
        deep = tmp_path.joinpath(*["d" * 50] * 3)
        deep.mkdir(parents=True)
        short.chmod(0o777)
        try:
            with pytest.raises(RecursorError, match="open to others: remove it"), control_listener(deep):
                pass
        finally:
            short.chmod(before)

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
    def test_is_closed_to_another_user(self, data: Path) -> None:
        code = (
            "import os, socket, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "end = socket.socket(socket.AF_UNIX); end.connect(sys.argv[1]); end.settimeout(30)\n"
            "sys.exit(3 if end.recv(1) == b'' else 4)"
        )
        command = [sys.executable, "-c", code, str(data / PLACE)]
        assert b"Permission denied" in subprocess.run(command, capture_output=True, check=False).stderr
        # Should the modes not hold, as on some file systems, it is asked who connects.
        for path in (*(data / PLACE).parents, data / PLACE):
            if path.is_relative_to(data.parents[2]):
                path.chmod(0o777)
        assert subprocess.run(command, check=False).returncode == 3


class TestAnAnswer:
    def test_makes_nobody_do_anything(self, tmp_path: Path) -> None:
        class Evil:
            def __reduce__(self) -> Any:
                return os.mkdir, (str(tmp_path / "made"),)

        for body in (
            pickle.dumps(Evil()),
            b"crecursor.runner.process\nRunner\n.",
            b"\x80\x04\x8c\x1crecursor.runner.web_process\x8c\x10subprocess.Popen\x93.",
            b"cbuiltins\neval\n.",
            b"cos\nsystem\n.",
        ):
            value, error = settled(Frame(Kind.ANSWER, 1, body))
            assert value is None
            assert "cannot be read" in str(error)
        assert list(tmp_path.iterdir()) == []
