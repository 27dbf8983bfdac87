"""Acting on a data directory whether or not a runner is up, and whether or not it is well."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from recursor.client import AsyncClient, Client
from recursor.client.endpoint import Endpoint
from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError
from recursor.domain.stack import Stack
from recursor.runner.directory_lock import hold_for_command, hold_for_runner, runner_of
from recursor.runner.errors import RunnerSilentError
from recursor.runner.port import listen
from recursor.runner.process import Runner
from recursor.runner.team import observers_team
from recursor.storage.data_directory import DataDirectoryLock
from recursor.storage.errors import DirectoryInUseError, StorageError
from tests.processes import COMMAND, TIMEOUT, environment, wait_for


@contextmanager
def held(data: Path, **details: str) -> Iterator[DataDirectoryLock]:
    """The lock as a runner holds it that tells this of itself."""
    with DataDirectoryLock(data, started_at=datetime.now(UTC)) as lock:
        lock.update(**details)
        yield lock


def names(client: Client) -> list[str]:
    return sorted(stack.name for stack in client.stacks())


def patient(data: Path, seconds: float) -> Client:
    return Client(Endpoint(data, patience=seconds))


def test_reading_makes_nothing(data: Path) -> None:
    with Client(data) as client:
        assert names(client) == []
        assert not client.endpoint.is_there()
    assert not data.exists()


def test_a_file_is_no_data_directory(data: Path) -> None:
    data.touch()
    with pytest.raises(StorageError, match="is a file"):
        Client(data)


@pytest.fixture(params=["socket", pytest.param("url", marks=pytest.mark.slow), "own process"])
def client(request: pytest.FixtureRequest, data: Path) -> Iterator[Client]:
    """Asks a runner here, one elsewhere, or the API in this process."""
    if request.param == "own process":
        with Client(data) as client:
            yield client
        return
    with (
        Runner(data, roles=observers_team(), port=0) as runner,
        Client(data if request.param == "socket" else runner.url) as client,
    ):
        yield client


def test_all_do_the_same(client: Client) -> None:
    made = client.create("one", idea="a list", settings={"pause": {"after_work": 2}}, start=True)
    assert (made.name, made.state, made.settings) == ("one", "running", {"pause": {"after_work": 2}})
    assert client.pause("one").state == "paused"
    assert client.resume(made.id[:8]).state == "running"
    assert client.pause(made.id).state == "paused"
    assert client.configure("one", {"pause": {"after_work": None}}).settings == {}
    assert client.rename("one", "a/b %41 .. ").name == "a/b %41 .."
    assert client.set_idea("a/b %41 ..", "a table").idea == "a table"
    client.rename("a/b %41 ..", "two")
    sent = client.send_user_message("two", "Ada", "Hello")
    assert (sent.sender, sent.content, sent.answer) == ("Ada", "Hello", None)
    todo = client.add_todo("two", "more", 5)
    assert (todo.content, todo.priority, todo.assigned_by) == ("more", 5, "user")
    assert client.edit_todo("two", todo.id, content="much more").content == "much more"
    assert client.cancel_todo("two", todo.id).status == "cancelled"
    client.create("other")
    for to in ("other", None):
        assert client.send_message("two", "Hi", to).content == "Hi"
    assert client.limit_all({"tokens": 500}).limits.tokens == 500
    assert client.prune("two", keep=1, dry_run=True).removed["todos"] == 0
    assert client.prune_broadcasts().bytes == 0
    stopped = client.control("stop").results
    assert [(each.id, each.stack and each.stack.state) for each in stopped] == [(made.id, "stopped")]
    report = client.control("pause", ["two", "nope", made.id])
    assert (report.done, report.failed) == (0, 2)
    assert [each.id for each in report.results] == [made.id, "nope"]
    assert [each.problem and each.problem.status for each in report.results] == [409, 404]
    client.delete("two")
    assert names(client) == ["other"]


def test_all_fail_alike(client: Client) -> None:
    client.create("one")
    for error, says, ask in (
        (NotFoundError, "no stack named 'nope'", lambda: client.pause("nope")),
        (
            ConflictError,
            "stack one is idle, nothing to resume: start it",
            lambda: client.resume("one"),
        ),
        (
            InvalidInputError,
            "settings: unknown key 'pauses'",
            lambda: client.configure("one", {"pauses": {"x": 1}}),
        ),
        (InvalidInputError, "stack: name: ", lambda: client.rename("one", "a\nb")),
        (NotFoundError, "no stack named 'nope'", lambda: client.delete("nope")),
        (NotFoundError, "no todo", lambda: client.cancel_todo("one", "0" * 32)),
        (NotFoundError, "no stack named 'nope'", lambda: client.add_todo("nope", "x")),
    ):
        with pytest.raises(error) as raised:
            ask()
        assert type(raised.value) is error
        assert says in str(raised.value)


@pytest.mark.slow
def test_an_async_client_asks_alike(data: Path) -> None:
    async def use() -> list[str]:
        async with AsyncClient(data) as client:
            made = await client.create("one", idea="a list")
            await asyncio.gather(*(client.add_todo(made.id, f"todo {number}") for number in range(3)))
            return sorted(todo.content for todo in await client.todos("one"))

    expected = [f"todo {number}" for number in range(3)]
    assert asyncio.run(use()) == expected
    with Runner(data, roles=observers_team(), port=0), Client(data) as client:
        client.delete("one")
        assert asyncio.run(use()) == expected


def test_events_are_told_through_the_socket(data: Path) -> None:
    runner = Runner(data, roles=observers_team(), port=0)
    with runner, Client(data) as client, Client(data) as other:
        made = client.create("one")
        told = client.events("one", kinds=("stack_changed",))
        timer = threading.Timer(0.2, lambda: [other.rename(made.id, name) for name in ("two", "three")])
        timer.start()
        event = next(told)
        timer.join()
    assert event.kind == "stack_changed"
    assert event.event.name == event.fields["name"]  # type: ignore[union-attr]  # it is a StackChanged


class TestWithoutARunner:
    def test_the_directory_is_held_no_longer_than_needed(self, data: Path) -> None:
        with Client(data) as client:
            client.create("one")
            assert names(client) == ["one"]
            assert not client.endpoint.has_runner()
            with hold_for_runner(data, patience=0):
                pass

    def test_two_commands_wait_for_each_other(self, data: Path) -> None:
        lock = hold_for_command(data)
        made: list[Stack] = []
        with Client(data) as client:
            thread = threading.Thread(target=lambda: made.append(client.create("one")))
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
            lock.release()
            thread.join(TIMEOUT)
        assert len(made) == 1

    def test_one_that_takes_too_long_is_named(self, data: Path) -> None:
        with (
            hold_for_command(data),
            patient(data, 0.2) as client,
            pytest.raises(DirectoryInUseError) as raised,
        ):
            client.create("one")
        assert str(raised.value) == (
            f"{data}: process {os.getpid()} is starting, ending, or busy with another command; "
            "waited 0.2 s: try again, or see `recursor doctor`"
        )

    @pytest.mark.slow
    def test_many_at_once_all_get_their_turn(self, data: Path) -> None:
        command = [sys.executable, *COMMAND, "create", "--data", str(data)]
        started = [
            subprocess.Popen([*command, f"stack {number}"], env=environment(), stdout=subprocess.DEVNULL)
            for number in range(4)
        ]
        assert [process.wait(TIMEOUT) for process in started] == [0] * 4
        with Client(data) as client:
            assert names(client) == [f"stack {number}" for number in range(4)]

    @pytest.mark.slow
    def test_one_that_is_killed_leaves_all_of_what_it_did_or_nothing(self, data: Path) -> None:
        program = (
            "import sys\nfrom recursor.client import Client\n"
            "client = Client(sys.argv[1])\n"
            "for number in range(100000):\n"
            "    client.create(f'stack {number}', idea='x' * 5000, start=True)\n"
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
            with Client(data) as client:
                stacks = client.stacks()
                assert len(stacks) >= len(told)
                assert {stack.state for stack in stacks} == {"running"}
                # The next one is kept from nothing.
                client.control("stop")
                for stack in stacks:
                    client.delete(stack.id)


class TestARunnerThatStarts:
    def test_waits_for_a_command(self, data: Path) -> None:
        lock = hold_for_command(data)
        assert runner_of(data) is None
        threading.Timer(0.3, lock.release).start()
        with Runner(data, roles=observers_team(), port=0), Client(data) as client:
            assert client.endpoint.has_runner()

    def test_does_not_wait_for_another_runner(self, data: Path) -> None:
        with held(data, control="control/runner.sock"), pytest.raises(DirectoryInUseError):
            hold_for_runner(data, patience=TIMEOUT)

    def test_is_waited_for(self, data: Path) -> None:
        starting = DataDirectoryLock(data, started_at=datetime.now(UTC))
        made: list[Stack] = []
        with Client(data) as client:
            thread = threading.Thread(target=lambda: made.append(client.create("one")))
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
            Client(data) as client,
            Runner(data, roles=observers_team(), port=0) as runner,
        ):
            client.create("one")
            assert runner.begin_stop(grace=1).get(timeout=TIMEOUT)
            # Its orchestrator has ended, and it holds the directory still.
            made: list[Stack] = []
            thread = threading.Thread(target=lambda: made.append(client.create("two")))
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
            runner.__exit__(None, None, None)
            thread.join(TIMEOUT)
            assert len(made) == 1
            assert names(client) == ["one", "two"]

    def test_by_being_killed_is_done_without(self, data: Path, start_runner: Callable[..., Any]) -> None:
        with start_runner() as runner, Client(data) as client:
            client.create("one")
            runner.end(signal.SIGKILL)
            # Its socket is there still.
            assert (data / "control" / "runner.sock").is_socket()
            client.create("two")
            assert names(client) == ["one", "two"]
        with start_runner(), Client(data) as client:
            assert names(client) == ["one", "two"]


class TestARunnerThatIsNotWell:
    def test_and_stopped_is_not_done_without(
        self, data: Path, start_runner: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with start_runner() as runner, Client(data) as client:
            runner.process.send_signal(signal.SIGSTOP)
            wait_for(lambda: psutil.Process(runner.process.pid).status() == psutil.STATUS_STOPPED)
            monkeypatch.setattr("recursor.client.route.READ_SECONDS", 0.2)
            monkeypatch.setattr("recursor.client.route.COMMAND_SECONDS", 0.2)
            with pytest.raises(
                RunnerSilentError, match=r"did not answer within 0\.2 s: see `recursor doctor`"
            ):
                client.create("one")
            # What is in the store is read all the same.
            assert names(client) in ([], ["one"])
            runner.process.send_signal(signal.SIGCONT)
            monkeypatch.undo()
            client.create("one")
            # The first may have been done once the runner went on.
            assert set(names(client)) == {"one"}

    @pytest.mark.slow
    def test_and_serves_nothing_is_asked_all_the_same(self, data: Path, tmp_path: Path) -> None:
        broken = tmp_path / "broken" / "nicegui"
        broken.mkdir(parents=True)
        (broken / "__init__.py").write_text("raise ImportError('half of an upgrade')")
        from tests.processes import started_runner

        with started_runner(data=data, env={"PYTHONPATH": str(broken.parent)}), Client(data) as client:
            wait_for(lambda: (found := runner_of(data)) is not None and found.details.get("unserved"))
            client.create("one")
            assert names(client) == ["one"]

    def test_and_lost_its_socket_is_told_of(self, data: Path) -> None:
        with Runner(data, roles=observers_team(), port=0), patient(data, 0.1) as client:
            (data / "control" / "runner.sock").unlink()
            with pytest.raises(DirectoryInUseError) as raised:
                client.create("one")
        assert "takes no commands: " in str(raised.value)
        assert "runner.sock: No such file or directory; waited 0.1 s" in str(raised.value)

    def test_and_elsewhere_is_not_done_without(self, data: Path) -> None:
        with listen(0) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Client(url) as client, pytest.raises(RunnerSilentError):
            client.create("one")
        assert not data.exists()
