"""Acting on a data directory whether or not a runner is up, and whether or not it is well."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from recursor.actors.messages import ControlAll, LimitAll, Prune, PruneBroadcasts
from recursor.domain.commands import (
    AddTodo,
    CancelTodo,
    Command,
    ConfigureStack,
    ControlStack,
    CreateStack,
    DeleteStack,
    EditTodo,
    RenameStack,
    SendMessage,
    SendUserMessage,
    SetIdea,
)
from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError
from recursor.domain.new_records import new_idea, new_message, new_stack, new_todo, new_user_message
from recursor.domain.settings import RetentionSettings
from recursor.domain.stack import Stack
from recursor.runner import client
from recursor.runner.access import Access
from recursor.runner.errors import RunnerSilentError
from recursor.runner.frames import Kind, OtherReleaseError, pack
from recursor.runner.holding import hold_for_command, hold_for_runner, runner_of
from recursor.runner.port import listen
from recursor.runner.process import Runner
from recursor.runner.team import observers_team
from recursor.storage.data_directory import DataDirectoryLock
from recursor.storage.errors import DirectoryInUseError, StorageError
from recursor.storage.queries import list_stacks
from recursor.storage.tables import TODOS, USER_MESSAGES
from tests.processes import COMMAND, TIMEOUT, environment, wait_for

NOW = 1_700_000_000.0


@contextmanager
def held(data: Path, **details: str) -> Iterator[DataDirectoryLock]:
    """The lock as a runner holds it that tells this of itself."""
    with DataDirectoryLock(data, started_at=datetime.now(UTC)) as lock:
        lock.update(**details)
        yield lock


def create(access: Access, name: str = "one") -> str:
    return str(access.ask(CreateStack(new_stack(name, NOW)))["id"])


def names(access: Access) -> list[str]:
    with access.read() as reader:
        return sorted(stack.name for stack in list_stacks(reader) if isinstance(stack, Stack))


def test_reading_makes_nothing(data: Path) -> None:
    with Access(data) as access:
        assert names(access) == []
        assert not access.is_there()
    assert not data.exists()


def test_a_file_is_no_data_directory(data: Path) -> None:
    data.touch()
    with pytest.raises(StorageError, match="is a file"):
        Access(data)


@pytest.fixture(params=["runner", "runner elsewhere", "none"])
def ask(request: pytest.FixtureRequest, data: Path) -> Iterator[Callable[[object], Any]]:
    """What does what messages say: a runner here, one elsewhere, or a command by itself."""
    # The machine may be busy with other tests.
    request.getfixturevalue("monkeypatch").setattr(client, "REMOTE_SECONDS", TIMEOUT)
    if request.param == "none":
        with Access(data) as access:
            yield access.ask
        return
    with Runner(data, roles=observers_team(), port=0) as runner:
        url = None if request.param == "runner" else runner.url
        with Access(data, url=url) as access:
            yield access.ask


def test_all_do_the_same(ask: Any) -> None:
    stack = new_stack("one", NOW, {"pause": {"after_work": 2}})
    made = ask(CreateStack(stack, new_idea(stack.id, "a list", NOW), start=True))
    assert (made["id"], made["name"], made["state"]) == (stack.id, "one", "running")
    assert made["settings"] == {"pause": {"after_work": 2}}
    assert made["created_at"].endswith("Z")
    assert ask(ControlStack(stack.id, Command.PAUSE))["state"] == "paused"
    assert ask(ConfigureStack(stack.id, {"pause": {"after_work": None}}))["settings"] == {}
    assert ask(RenameStack(stack.id, "two "))["name"] == "two"
    assert ask(SetIdea(new_idea(stack.id, "a table", NOW)))["idea"] == "a table"
    sent = ask(SendUserMessage(new_user_message(stack.id, "Ada", "Hello", NOW)))
    assert (sent["sender"], sent["content"], sent["answer"]) == ("Ada", "Hello", None)
    todo = ask(AddTodo(new_todo(stack.id, "more", 5, NOW)))
    assert (todo["content"], todo["priority"], todo["assigned_by"]) == ("more", 5, "user")
    assert ask(EditTodo(stack.id, todo["id"], "much more"))["content"] == "much more"
    assert ask(CancelTodo(stack.id, todo["id"]))["status"] == "cancelled"
    other = new_stack("other", NOW)
    ask(CreateStack(other))
    for to in (other.id, None):
        assert ask(SendMessage(new_message(stack, to, "Hi", NOW)))["content"] == "Hi"
    assert ask(LimitAll({"tokens": 500}))["limits"]["tokens"] == 500
    assert ask(ControlAll(Command.STOP))[stack.id]["state"] == "stopped"
    answers = ask(ControlAll(Command.PAUSE, [stack.id, "1" * 16]))
    assert list(answers) == [stack.id, "1" * 16]
    assert [type(each) for each in answers.values()] == [ConflictError, NotFoundError]
    assert not ask(DeleteStack(stack.id))


def test_all_fail_alike(ask: Any) -> None:
    stack = new_stack("one", NOW)
    ask(CreateStack(stack))
    for error, says, message in (
        (
            NotFoundError,
            "no stack nope: it does not exist or was deleted",
            ControlStack("nope", Command.PAUSE),
        ),
        (
            ConflictError,
            "stack one is idle, nothing to resume: start it",
            ControlStack(stack.id, Command.RESUME),
        ),
        (InvalidInputError, "settings: unknown key 'pauses'", ConfigureStack(stack.id, {"pauses": {"x": 1}})),
        (InvalidInputError, "stack: name: ", RenameStack(stack.id, "a\nb")),
        (NotFoundError, "no stack nope", RenameStack("nope", "two")),
        (NotFoundError, "no todo nope in stack", CancelTodo(stack.id, "nope")),
        (NotFoundError, "no stack nope", DeleteStack("nope")),
        (NotFoundError, "no stack nope", AddTodo(new_todo("nope", "x", 1, NOW))),
    ):
        with pytest.raises(error) as raised:
            ask(message)
        assert type(raised.value) is error
        assert says in str(raised.value)


@pytest.mark.parametrize("with_runner", [True, False])
def test_what_is_needless_goes(data: Path, with_runner: bool) -> None:
    runner = Runner(data, roles=observers_team(), port=0) if with_runner else nullcontext()
    with runner, Access(data) as access:
        stack_id = create(access)
        for message in (Prune(stack_id, RetentionSettings()), PruneBroadcasts(dry_run=True)):
            pruned = access.ask(message)
            assert (dict(pruned.records), pruned.bytes) == ({}, 0)


def test_what_is_asked_for_twice_is_done_once(data: Path) -> None:
    stack = new_stack("one", NOW)
    message = new_user_message(stack.id, "Ada", "Hello", NOW)
    todo = new_todo(stack.id, "more", 3, NOW)
    with Access(data) as access:
        for _ in range(2):
            access.ask(CreateStack(stack))
            access.ask(SendUserMessage(message))
            access.ask(AddTodo(todo))
        with access.read() as reader:
            assert len(list(list_stacks(reader))) == 1
            assert [m.id for m in USER_MESSAGES.scan(reader, stack.id)] == [message.id]
            assert [t.id for t in TODOS.scan(reader, stack.id)] == [todo.id]


class TestWithoutARunner:
    def test_the_directory_is_held_no_longer_than_needed(self, data: Path) -> None:
        with Access(data) as access:
            create(access)
            assert names(access) == ["one"]
            assert not access.is_run()
            with hold_for_runner(data, patience=0):
                pass

    def test_two_commands_wait_for_each_other(self, data: Path) -> None:
        lock = hold_for_command(data)
        made: list[str] = []
        with Access(data) as access:
            thread = threading.Thread(target=lambda: made.append(create(access)))
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
            lock.release()
            thread.join(TIMEOUT)
        assert len(made) == 1

    def test_one_that_takes_too_long_is_named(self, data: Path) -> None:
        with (
            hold_for_command(data),
            Access(data, patience=0.2) as access,
            pytest.raises(DirectoryInUseError) as raised,
        ):
            create(access)
        assert str(raised.value) == (
            f"{data}: process {os.getpid()} is starting, ending, or busy with another command; "
            "waited for it for 0.2 s: try again, or see `recursor doctor`"
        )

    def test_many_at_once_all_get_their_turn(self, data: Path) -> None:
        command = [sys.executable, *COMMAND, "create", "--data", str(data)]
        started = [
            subprocess.Popen([*command, f"stack {number}"], env=environment(), stdout=subprocess.DEVNULL)
            for number in range(4)
        ]
        assert [process.wait(TIMEOUT) for process in started] == [0] * 4
        with Access(data) as access:
            assert names(access) == [f"stack {number}" for number in range(4)]

    def test_one_that_is_killed_leaves_all_of_what_it_did_or_nothing(self, data: Path) -> None:
        program = (
            "import sys\nfrom pathlib import Path\nfrom recursor.domain.commands import CreateStack\n"
            "from recursor.domain.new_records import new_idea, new_stack\n"
            "from recursor.runner.access import Access\n"
            "access = Access(Path(sys.argv[1]))\n"
            "for number in range(100000):\n"
            "    stack = new_stack(f'stack {number}', 1.0)\n"
            "    access.ask(CreateStack(stack, new_idea(stack.id, 'x' * 5000, 1.0), start=True))\n"
            "    print(number, flush=True)\n"
        )
        for _ in range(3):
            with subprocess.Popen(
                [sys.executable, "-c", program, str(data)],
                stdout=subprocess.PIPE,
                text=True,
                env=environment(),
            ) as process:
                assert process.stdout is not None
                process.stdout.readline()
                time.sleep(0.013)
                process.kill()
                told = process.stdout.read().split()
            with Access(data) as access:
                done = [name for name in names(access) if name.startswith("stack ")]
                assert len(done) >= len(told)
                with access.read() as reader:
                    stacks = [stack for stack in list_stacks(reader) if isinstance(stack, Stack)]
                assert {stack.state for stack in stacks} == {"running"}
                # The next one is kept from nothing.
                access.ask(ControlAll(Command.STOP))
                for stack in stacks:
                    access.ask(DeleteStack(stack.id))


class TestARunnerThatStarts:
    def test_waits_for_a_command(self, data: Path) -> None:
        lock = hold_for_command(data)
        assert runner_of(data) is None
        threading.Timer(0.3, lock.release).start()
        with Runner(data, roles=observers_team(), port=0), Access(data) as access:
            assert access.is_run()

    def test_does_not_wait_for_another_runner(self, data: Path) -> None:
        with held(data, control="control/runner.sock"), pytest.raises(DirectoryInUseError):
            hold_for_runner(data, patience=TIMEOUT)

    def test_is_waited_for(self, data: Path) -> None:
        starting = DataDirectoryLock(data, started_at=datetime.now(UTC))
        made: list[str] = []
        with Access(data) as access:
            thread = threading.Thread(target=lambda: made.append(create(access)))
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
            starting.release()
            with Runner(data, roles=observers_team(), port=0):
                thread.join(TIMEOUT)
        assert len(made) == 1


class TestARunnerThatEnds:
    def test_is_waited_for(self, data: Path) -> None:
        with (
            Access(data) as access,
            Runner(data, roles=observers_team(), port=0) as runner,
        ):
            create(access)
            assert runner.begin_stop(grace=1).get(timeout=TIMEOUT)
            # Its orchestrator has ended, and it holds the directory still.
            made: list[str] = []
            thread = threading.Thread(target=lambda: made.append(create(access, "two")))
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
            runner.__exit__(None, None, None)
            thread.join(TIMEOUT)
            assert len(made) == 1
            assert names(access) == ["one", "two"]

    def test_by_being_killed_is_done_without(self, data: Path, start_runner: Callable[..., Any]) -> None:
        with start_runner() as runner, Access(data) as access:
            create(access)
            runner.end(signal.SIGKILL)
            # Its socket is there still.
            assert (data / "control" / "runner.sock").is_socket()
            create(access, "two")
            assert names(access) == ["one", "two"]
        with start_runner():
            assert names(access) == ["one", "two"]


class TestARunnerThatIsNotWell:
    def test_and_stopped_is_not_done_without(
        self, data: Path, start_runner: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with start_runner() as runner, Access(data) as access:
            runner.process.send_signal(signal.SIGSTOP)
            wait_for(lambda: psutil.Process(runner.process.pid).status() == psutil.STATUS_STOPPED)
            monkeypatch.setattr("recursor.runner.control_client.GREETING_SECONDS", 0.2)
            monkeypatch.setattr("recursor.runner.control_client.ANSWER_SECONDS", 0.2)
            with pytest.raises(
                RunnerSilentError, match=r"did not answer within 0\.2 s: `recursor doctor` says"
            ):
                create(access)
            runner.process.send_signal(signal.SIGCONT)
            monkeypatch.undo()
            create(access)
            assert names(access) == ["one"]

    def test_and_serves_nothing_is_asked_all_the_same(self, data: Path, tmp_path: Path) -> None:
        broken = tmp_path / "broken" / "uvicorn"
        broken.mkdir(parents=True)
        (broken / "__init__.py").write_text("raise ImportError('half of an upgrade')")
        from tests.processes import started_runner

        with started_runner(data=data, env={"PYTHONPATH": str(broken.parent)}), Access(data) as access:
            wait_for(lambda: access.runner() is not None and access.runner().details.get("unserved"))
            create(access)
            assert names(access) == ["one"]

    def test_and_lost_its_socket_is_told_of(self, data: Path) -> None:
        with Runner(data, roles=observers_team(), port=0), Access(data, patience=0.1) as access:
            (data / "control" / "runner.sock").unlink()
            with pytest.raises(DirectoryInUseError) as raised:
                create(access)
        assert "takes no commands: " in str(raised.value)
        assert "runner.sock: No such file or directory; waited for it for 0.1 s" in str(raised.value)

    def test_and_of_another_version_is_told_of_in_one_line(
        self, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = pack(Kind.GREETING, b'{"release": "99.1", "pid": 1}')
        with Runner(data, roles=observers_team(), port=0), Access(data) as access:
            monkeypatch.setattr("recursor.runner.channel.greeting", lambda: other)
            with pytest.raises(
                OtherReleaseError, match=r"the runner is of version 99\.1, and this is version"
            ):
                create(access)

    def test_and_elsewhere_is_not_done_without(self, data: Path) -> None:
        with listen(0) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Access(data, url=url) as access, pytest.raises(RunnerSilentError):
            create(access)
        assert not data.exists()
