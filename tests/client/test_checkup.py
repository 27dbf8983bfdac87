"""The doctor on real stores and runners, broken by hand."""

import fcntl
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recursor.actors.orchestrator import Orchestrator
from recursor.client import route
from recursor.client.checkup import examine
from recursor.doctor.clocks import clock_step
from recursor.doctor.report import CheckOutcome, Report
from recursor.doctor.stacks import DAY
from recursor.domain.agent import Run
from recursor.domain.commands import AddTodo, CreateStack, SendUserMessage
from recursor.domain.effect import Outcome
from recursor.domain.errors import NotFoundError
from recursor.domain.execution import ExecutionStatus, OrchestratorExecution
from recursor.domain.ids import new_id
from recursor.domain.new_records import new_idea, new_stack, new_todo, new_user_message
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import ExecutionState, Stack
from recursor.domain.todo import TodoStatus
from recursor.domain.work import WorkStatus
from recursor.orchestration.roles import Role
from recursor.runner.directory_lock import hold_for_command
from recursor.runner.process import Runner
from recursor.runner.team import observers_team, standard_team
from recursor.storage.commit import Commit
from recursor.storage.data_directory import LOCK_FILE, DataDirectoryLock, store_directory
from recursor.storage.migration import VERSION_KEY
from recursor.storage.opening import MIGRATIONS, open_store
from recursor.storage.stacks import read_stack
from recursor.storage.store import META_TABLE
from recursor.storage.tables import EXECUTIONS, STACKS, TODOS, TRACES
from tests.processes import environment, wait_for

AT_ONCE = Settings().overridden({"pause": {"first_backoff": 0, "longest_backoff": 0, "after_work": 0}})


def ids(report: Report) -> list[str]:
    return [finding.id for finding in report.findings]


def outcomes(report: Report) -> dict[str, CheckOutcome]:
    return {check.id: check.outcome for check in report.checks}


def answers(report: Report) -> bool:
    """Whether the runner is up: the process that serves comes up after the one that runs the stacks."""
    return any(check.id == "runner" and "up for" in check.detail for check in report.checks)


def later(seconds: float) -> Callable[[], float]:
    return lambda: time.time() + seconds


def examined_by_another_process(data: Path, named: str | None = None, ahead: float = 0.0) -> Report:
    """A process may open a store once: beside a runner in this one, another one has to look."""
    program = (
        "import pickle, sys, time\nfrom pathlib import Path\nfrom recursor.client.checkup import examine\n"
        "data, named, ahead = Path(sys.argv[1]), sys.argv[2] or None, float(sys.argv[3])\n"
        "report = examine(data, named, now=lambda: time.time() + ahead)\n"
        "sys.stdout.buffer.write(pickle.dumps(report))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(data), named or "", str(ahead)],
        stdout=subprocess.PIPE,
        check=True,
        env=environment(),
    )
    report = pickle.loads(done.stdout)
    assert isinstance(report, Report)
    return report


@contextmanager
def writing(data: Path) -> Iterator[Commit]:
    """What is put into the store at the end, past whoever owns it."""
    commit = Commit()
    yield commit
    with closing(open_store(store_directory(data))) as store:
        store.write(commit)


def ask(data: Path, *messages: object) -> None:
    with hold_for_command(data), closing(open_store(store_directory(data))) as store:
        orchestrator = Orchestrator.start(store=store, roles=observers_team(), runs=False)
        for message in messages:
            orchestrator.ask(message)
        orchestrator.stop()


def make(data: Path, name: str = "one", *, start: bool = True) -> Stack:
    now = time.time()
    stack = new_stack(name, now)
    ask(data, CreateStack(stack, new_idea(stack.id, "a list", now), start))
    return stack


# Directories and stores


def test_a_directory_that_is_not_there_is_told_and_not_made(data: Path) -> None:
    report = examine(data)
    assert ids(report) == ["data-directory"]
    assert report.healthy
    assert not data.exists()


def test_an_empty_directory_is_healthy_and_stays_empty(data: Path) -> None:
    data.mkdir()
    report = examine(data)
    assert report.findings == ()
    assert report.totals.stacks == 0
    assert list(data.iterdir()) == []


def test_a_file_where_the_directory_should_be(data: Path) -> None:
    data.touch()
    assert "data-directory" in ids(examine(data))


def test_an_unknown_stack_is_an_error_and_no_finding(data: Path) -> None:
    for prepare in (data.mkdir, lambda: make(data)):
        prepare()
        with pytest.raises(NotFoundError, match="no stack named 'nope'"):
            examine(data, "nope")


@pytest.mark.parametrize("damage", ["garbage", "truncated"])
def test_a_store_that_cannot_be_opened_is_a_finding(data: Path, damage: str) -> None:
    make(data)
    file = store_directory(data) / "data.mdb"
    whole = file.read_bytes()
    left = b"x" * len(whole) if damage == "garbage" else whole[: len(whole) // 2]
    file.write_bytes(left)
    for named in (None, "one"):
        report = examine(data, named)
        assert "store-unreadable" in ids(report)
        assert outcomes(report)["failure-rate"] is CheckOutcome.UNKNOWN
    assert file.read_bytes() == left


@pytest.mark.parametrize("version", [b"0", b"99", b"many"])
def test_a_store_of_another_version_is_not_read(data: Path, version: bytes) -> None:
    make(data)
    with writing(data) as commit:
        commit.put(META_TABLE, VERSION_KEY, version)
    report = examine(data)
    assert ids(report) == ["store-unreadable" if version == b"many" else "store-version"]
    assert report.totals.stacks == 0
    newer, older = b"99", b"0"
    if version in (newer, older):
        (finding,) = report.findings
        assert finding.figures == {"version": int(version), "latest": MIGRATIONS.latest}
        assert ("recursor run" in finding.commands) == (version == older)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_read_only_directory_can_be_looked_at(data: Path) -> None:
    make(data, start=False)
    for path in (data, store_directory(data)):
        path.chmod(0o500)
    try:
        report = examine(data)
    finally:
        for path in (data, store_directory(data)):
            path.chmod(0o700)
    assert ids(report) == ["data-directory"]
    assert report.totals.stacks == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_directory_of_somebody_else_is_a_finding(data: Path) -> None:
    make(data)
    data.chmod(0)
    try:
        report = examine(data)
    finally:
        data.chmod(0o700)
    assert "data-directory" in ids(report)
    assert not report.healthy


def test_a_full_disk(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    data.mkdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**12, 10**12 - 10**6, 10**6))
    (finding,) = examine(data).findings
    assert (finding.id, finding.figures["free_bytes"]) == ("disk-space", 10**6)


# Locks and runners


def test_running_stacks_without_a_runner(data: Path) -> None:
    make(data)
    report = examine(data, in_commands=str(data))
    assert ids(report) == ["runner"]
    assert report.findings[0].commands == (f"recursor run --data {data}",)


def write_into_lock(data: Path, **fields: object) -> None:
    record = json.loads((data / LOCK_FILE).read_text())
    del record["crc32"]
    (data / LOCK_FILE).write_text(json.dumps(record | fields))


def test_a_lock_that_a_dead_runner_left_is_no_harm(data: Path) -> None:
    with DataDirectoryLock(data, started_at=datetime.now(UTC)) as lock:
        lock.update(url="http://127.0.0.1:1")
    write_into_lock(data, pid=999999999)
    report = examine(data)
    assert report.findings == ()
    assert "999999999, which has ended" in next(c.detail for c in report.checks if c.id == "lock")


def test_a_lock_that_a_dead_runners_child_holds_names_the_child(data: Path) -> None:
    program = (
        "import os, sys, time\nfrom datetime import UTC, datetime\nfrom pathlib import Path\n"
        "from recursor.storage.data_directory import DataDirectoryLock\n"
        "lock = DataDirectoryLock(Path(sys.argv[1]), started_at=datetime.now(UTC))\n"
        "child = os.fork()\n"
        "if child: print(child, flush=True); os._exit(0)\n"
        "os.close(1); time.sleep(600)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(data)], stdout=subprocess.PIPE, check=True, env=environment()
    )
    child = int(done.stdout)
    try:
        (finding,) = examine(data).findings
    finally:
        os.kill(child, signal.SIGKILL)
    assert (finding.id, finding.commands) == ("lock", (f"kill {child}",))


def test_a_lock_held_by_a_program_that_left_no_name(data: Path) -> None:
    data.mkdir()
    with (data / LOCK_FILE).open("w") as file:
        file.write("what is this?")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        report = examine(data)
    assert ids(report) == ["lock"]
    assert "left no name" in report.findings[0].evidence
    assert outcomes(report)["runner"] is CheckOutcome.UNKNOWN


def test_a_lock_that_names_another_machine(data: Path) -> None:
    with DataDirectoryLock(data, started_at=datetime.now(UTC)):
        write_into_lock(data, host="not-this-one")
        report = examine(data)
    assert ids(report) == ["lock"]
    assert "another machine" in report.findings[0].evidence


def test_a_runner_that_is_stopped_does_not_answer(
    data: Path, start_runner: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "READ_SECONDS", 0.3)
    with start_runner() as started:
        wait_for(lambda: answers(examine(data)))
        started.process.send_signal(signal.SIGSTOP)
        # To be stopped takes the system a moment; a runner that has just begun may be silent.
        (finding,) = wait_for(lambda: examine(data, now=later(100)).findings)
        started.process.send_signal(signal.SIGCONT)
        wait_for(lambda: answers(examine(data)))
    assert finding.id == "runner"
    assert f"kill -CONT {started.process.pid}" in finding.commands


def test_a_runner_that_serves_nothing_for_long(data: Path) -> None:
    with DataDirectoryLock(data, started_at=datetime.now(UTC)):
        assert examine(data).findings == ()
        (finding,) = examine(data, now=later(100)).findings
    assert (finding.id, finding.severity) == ("runner", "warning")


@pytest.mark.slow
def test_a_runner_says_by_which_settings_it_judges(data: Path) -> None:
    """A run of an hour is no stuck cycle where runs may take two."""
    stack, now = make(data, start=False), time.time()
    message, todo = new_user_message(stack.id, "Ada", "hi", now), new_todo(stack.id, "x", 3, now)
    ask(data, SendUserMessage(message), AddTodo(todo))
    patient = Settings().overridden({"limits": {"node_seconds": 7200}})
    with Runner(data, roles=observers_team(), settings=patient, port=0):
        wait_for(lambda: answers(examined_by_another_process(data)))
        assert examined_by_another_process(data, ahead=3650).findings == ()
    assert ids(examine(data, now=later(3650))) == ["unanswered"]


@pytest.mark.slow
def test_a_runner_that_takes_no_commands(data: Path) -> None:
    make(data, start=False)
    with Runner(data, roles=observers_team(), port=0):
        wait_for(lambda: answers(examined_by_another_process(data)))
        report = examined_by_another_process(data)
        assert report.findings == ()
        assert f"process {os.getpid()} answers" in {check.detail for check in report.checks}
        (data / "control" / "runner.sock").unlink()
        (finding,) = examined_by_another_process(data).findings
    assert (finding.id, finding.severity) == ("commands", "problem")
    assert "runner.sock: No such file or directory" in finding.evidence


def test_a_command_is_no_runner(data: Path) -> None:
    make(data)
    with hold_for_command(data):
        assert ids(examine(data)) == ["runner"]
    (finding,) = examine(data).findings
    assert "the last one was" not in finding.evidence


# Teams


class _Failing:
    def __init__(self) -> None:
        self.runs = 0

    def run(self, _snapshot: Snapshot, _run: Run) -> Outcome:
        self.runs += 1
        raise RuntimeError(f"429 Too Many Requests (request {self.runs})")


@pytest.mark.slow
def test_a_team_that_fails_is_paused_and_told_why(data: Path) -> None:
    agents = dict.fromkeys(("planner", "builder", "communicator", "reviewer"), _Failing())
    stack = make(data)
    with Runner(data, roles=standard_team(agents), settings=AT_ONCE, port=0) as runner:

        def paused() -> bool:
            with runner.store.read() as reader:
                return read_stack(reader, stack.id).state is ExecutionState.PAUSED

        wait_for(paused)
        wait_for(lambda: answers(examined_by_another_process(data)))
        report = examined_by_another_process(data, "one")
        # The failure rate and the refusals are the same problem.
        assert ids(report) == ["paused"]
        (suspended,) = report.findings
        assert "5 failed cycles in a row" in suspended.cause
        assert "429 Too Many Requests" in suspended.cause
        assert suspended.commands[-1] == f"recursor resume {stack.id}"
    tomorrow = examine(data, now=later(DAY + 100))
    assert ids(tomorrow) == ["paused"]


@pytest.mark.slow
def test_a_detector_that_raises_is_told_in_the_supervisors_own_words(data: Path) -> None:
    def broken(_snapshot: Snapshot, _settings: Settings, _now: float) -> WorkStatus:
        raise LookupError("no idea where")

    make(data)
    roles = observers_team().adding(Role("tester", broken, _Failing()))
    slowly = Settings().overridden({"pause": {"first_backoff": 3600}})
    with Runner(data, roles=roles, settings=slowly, port=0):
        wait_for(lambda: answers(examined_by_another_process(data)))
        (finding,) = wait_for(lambda: examined_by_another_process(data, "one").findings)
    assert finding.id == "trouble"
    assert "tester: LookupError: no idea where" in finding.cause


def test_a_cycle_that_hangs_and_then_is_orphaned(gated: Any) -> None:
    with gated.runner() as runner:
        gated.wait_for_run()
        wait_for(lambda: answers(examine(gated.data)))
        assert examine(gated.data).findings == ()
        # As it would look if the runner did not keep its time limits.
        (stuck,) = examine(gated.data, now=later(400)).findings
        assert stuck.id == "stuck-cycle"
        assert stuck.figures["roles"] == ["planner"]
        runner.end(signal.SIGKILL)
    # The cycle resumes with the next runner: that there is none is the one problem.
    assert ids(examine(gated.data)) == ["runner"]


@pytest.mark.slow
def test_a_team_that_nobody_looks_at(data: Path) -> None:
    """The runner does not know of a stack that was written past it."""
    with Runner(data, roles=observers_team(), port=0) as runner:
        now, commit = time.time(), Commit()
        stack = new_stack("one", now).but(state=ExecutionState.RUNNING, started_at=now, next_look_at=now)
        STACKS.put(commit, stack)
        runner.store.write(commit)
        wait_for(lambda: answers(examined_by_another_process(data)))
        assert examined_by_another_process(data).findings == ()
        (finding,) = examined_by_another_process(data, ahead=100).findings
    assert finding.id == "not-looked-at"


def test_records_that_cannot_be_read(data: Path) -> None:
    stack, gone = make(data, start=False), make(data, "two", start=False)
    todo = new_todo(stack.id, "x", 3, time.time())
    ask(data, AddTodo(todo))
    with writing(data) as commit:
        commit.put(STACKS.name, gone.id.encode(), b"\xc1")
        commit.put(TODOS.name, f"{stack.id}/0/{todo.id}".encode(), b"\xc1")
        commit.put(TRACES.name, f"{stack.id}/{new_id()}".encode(), b"")
    report = examine(data)
    assert ids(report) == ["records", "records"]
    assert report.totals.states == {"idle": 1, "unreadable": 1}
    assert {finding.stack_id for finding in report.findings} == {stack.id, gone.id}
    # What is not looked at every day is read when somebody asks about the one stack.
    thorough = {finding.id: finding for finding in examine(data, stack.id).findings}
    assert thorough["records"].figures["records"] == 2
    assert any("agent_traces" in text for text in thorough["records"].figures["texts"])


def test_settings_of_another_version(data: Path) -> None:
    stack = make(data, start=False)
    with writing(data) as commit:
        STACKS.put(commit, stack.but(settings={"pause": {"naps": 3}}))
    (finding,) = examine(data).findings
    assert finding.id == "settings"
    assert "naps" in finding.cause


def test_records_from_the_future(data: Path) -> None:
    make(data, start=False)
    (finding,) = examine(data, now=later(-1000)).findings
    assert finding.id == "record-times"
    assert finding.figures["ahead_seconds"] == pytest.approx(1000, abs=60)


def test_cycles_written_after_the_clock_went_back(data: Path) -> None:
    stack, now = make(data, start=False), time.time()

    def cycle(number: int, identity: str, at: float) -> OrchestratorExecution:
        return OrchestratorExecution(
            id=identity, stack_id=stack.id, number=number, epoch=0,
            status=ExecutionStatus.COMPLETED, started_at=at, finished_at=at + 1,
        )  # fmt: skip

    with writing(data) as commit:
        EXECUTIONS.add(commit, cycle(1, "b" * 32, now - 100))
        EXECUTIONS.add(commit, cycle(2, "a" * 32, now - 400))
    (finding,) = examine(data).findings
    assert (finding.id, finding.figures["largest_seconds"]) == ("record-times", 300)


def test_todos_and_visitors_that_wait(data: Path) -> None:
    stack, now = make(data), time.time()
    todo = new_todo(stack.id, "a tower", 3, now)
    ask(data, SendUserMessage(new_user_message(stack.id, "Ada", "hi", now)), AddTodo(todo))
    with writing(data) as commit:
        TODOS.put(commit, todo.but(status=TodoStatus.IN_PROGRESS))
    assert ids(examine(data)) == ["runner"]
    # What waits for a runner is no problem of its own.
    assert ids(examine(data, now=later(4000))) == ["runner"]


def test_many_stacks_are_all_looked_at(data: Path) -> None:
    with writing(data) as commit:
        for number in range(250):
            STACKS.put(commit, new_stack(f"stack {number}", time.time()))
    assert examine(data).totals.stacks == 250


# The clock


def test_the_clock_of_a_process_that_has_just_begun_was_not_set() -> None:
    program = "import time; print(time.time(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        started_at = float(process.stdout.readline())
        steps = [clock_step(process.pid, started_at - ahead) for ahead in (0, 1000, -1000)]
        process.communicate("\n")
    if steps == [None] * 3:
        pytest.skip("this system does not tell when a process began")
    # A process may have begun long before it ran stacks: a step back does not show.
    for step, expected in zip(steps, (0, 1000, 0), strict=True):
        assert step == pytest.approx(expected, abs=60)
    assert clock_step(process.pid, started_at) is None
