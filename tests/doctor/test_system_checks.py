"""What is wrong with the machine, the store and the runner, on both sides of every threshold."""

from typing import Any

import pytest

from recursor.doctor.check import Fine, Unknown
from recursor.doctor.checks import clock, directory, disk, load, lock, runner, store
from recursor.doctor.evidence import DirectoryEvidence, Evidence, Reach, RunnerEvidence
from recursor.doctor.report import Observation, Severity, StackTotals
from tests.doctor.evidence import (
    PID,
    healthy,
    make_disk,
    make_load,
    make_lock,
    make_runner,
    make_store,
)
from tests.making import NOW

DAY = 86_400.0
NEW_RUNNER = (f"kill {PID} && tail --pid={PID} -f /dev/null", "recursor run")


def observed(verdict: object, severity: Severity = Severity.PROBLEM) -> Observation:
    assert isinstance(verdict, Observation), verdict
    assert verdict.severity is severity
    return verdict


def fine(verdict: object) -> str:
    assert isinstance(verdict, Fine), verdict
    return verdict.detail


# The data directory


def in_directory(**fields: Any) -> Evidence:
    return healthy(
        directory=DirectoryEvidence(**{"path": "/data", "exists": True, "writable": True, **fields}),
        runner=RunnerEvidence(reach=Reach.ABSENT),
    )


def test_a_directory_that_is_not_there_may_be_the_wrong_one() -> None:
    found = directory.directory_can_be_used(in_directory(exists=False), StackTotals())
    assert "/data does not exist" in observed(found, Severity.WARNING).evidence


def test_a_directory_that_cannot_be_read_is_a_problem() -> None:
    found = directory.directory_can_be_used(
        in_directory(problem="can't be read: Permission denied"), StackTotals()
    )
    assert observed(found).commands == ("ls -ld /data",)


def test_a_directory_that_cannot_be_written_matters_only_without_a_runner() -> None:
    read_only = in_directory(writable=False)
    observed(directory.directory_can_be_used(read_only, StackTotals()), Severity.WARNING)
    fine(directory.directory_can_be_used(read_only.but(runner=make_runner()), StackTotals()))


# The store


def test_a_store_that_cannot_be_opened_is_a_problem_in_the_words_of_what_failed() -> None:
    found = store.store_can_be_read(healthy(store=make_store(problem="/data/store: damaged")), StackTotals())
    assert observed(found).evidence == "/data/store: damaged"


def test_no_store_yet_is_fine() -> None:
    fine(store.store_can_be_read(healthy(store=make_store(exists=False)), StackTotals()))


def test_a_newer_store_needs_a_newer_program() -> None:
    found = store.store_has_this_version(healthy(store=make_store(schema_version=2)), StackTotals())
    assert observed(found).commands == ("recursor --version",)
    assert "version 2, this program reads 1" in observed(found).evidence


def test_an_older_store_is_brought_up_to_date_by_a_new_runner() -> None:
    evidence = healthy(store=make_store(schema_version=0), runner=RunnerEvidence(reach=Reach.ABSENT))
    found = observed(store.store_has_this_version(evidence, StackTotals()))
    assert found.commands == ("recursor backup /data/store.before-update", "recursor run")
    with_runner = healthy(store=make_store(schema_version=0))
    found = observed(store.store_has_this_version(with_runner, StackTotals()))
    assert found.commands[0].startswith(f"kill {PID}")
    assert found.commands[-1] == "recursor run"


# The disk


@pytest.mark.parametrize(
    ("free", "total", "severity"),
    [
        (1_000_000_000, 100_000_000_000, None),
        (999_000_000, 100_000_000_000, Severity.WARNING),
        (200_000_000, 100_000_000_000, Severity.WARNING),
        (199_000_000, 100_000_000_000, Severity.PROBLEM),
        (0, 100_000_000_000, Severity.PROBLEM),
        # A small disk is judged by the share that is free.
        (20_000_000, 100_000_000, None),
        (19_000_000, 100_000_000, Severity.WARNING),
        (5_000_000, 100_000_000, Severity.WARNING),
        (4_900_000, 100_000_000, Severity.PROBLEM),
    ],
)
def test_a_full_disk(free: int, total: int, severity: Severity | None) -> None:
    evidence = healthy(disk=make_disk(free_bytes=free, total_bytes=total))
    found = disk.disk_has_room(evidence, StackTotals())
    if severity is None:
        fine(found)
    else:
        assert observed(found, severity).figures["free_bytes"] == free


@pytest.mark.parametrize(
    ("days_left", "severity"),
    [(7.1, None), (6.9, Severity.WARNING), (2.1, Severity.WARNING), (1.9, Severity.PROBLEM)],
)
def test_a_disk_that_will_be_full(days_left: float, severity: Severity | None) -> None:
    # 10 GB a day for ten days.
    evidence = healthy(
        store=make_store(bytes=100_000_000_000),
        disk=make_disk(free_bytes=int(days_left * 10_000_000_000), total_bytes=1_000_000_000_000),
    )
    found = disk.disk_has_room(evidence, StackTotals(oldest_stack_at=NOW - 10 * DAY))
    if severity is None:
        assert "grows by 10.0 GB a day" in fine(found)
    else:
        assert observed(found, severity).figures["bytes_a_day"] == 10_000_000_000


def test_a_store_of_less_than_a_day_says_nothing_of_its_growth() -> None:
    evidence = healthy(store=make_store(bytes=100_000_000_000), disk=make_disk())
    assert "a day" not in fine(disk.disk_has_room(evidence, StackTotals(oldest_stack_at=NOW - DAY + 1)))


# The lock


def test_a_lock_that_is_free_is_sound_whomever_it_names() -> None:
    left = make_lock(held=False, alive=False)
    assert fine(lock.lock_is_sound(healthy(lock=left), StackTotals())) == (
        f"free; last held by process {PID}, which has ended"
    )
    assert fine(lock.lock_is_sound(healthy(lock=make_lock(held=False, pid=None)), StackTotals())) == "free"


def test_a_lock_held_by_a_child_of_a_dead_runner_names_who_is_to_be_ended() -> None:
    found = observed(lock.lock_is_sound(healthy(lock=make_lock(alive=False, holders=(5000,))), StackTotals()))
    assert found.commands == ("kill 5000",)
    unseen = observed(lock.lock_is_sound(healthy(lock=make_lock(alive=False, holders=())), StackTotals()))
    assert unseen.commands == ("fuser -v /data/runner.lock",)


def test_a_lock_held_on_another_machine_is_a_problem() -> None:
    elsewhere = make_lock(here=False, alive=None, host="there", holders=())
    assert "on there" in observed(lock.lock_is_sound(healthy(lock=elsewhere), StackTotals())).evidence


def test_a_lock_that_cannot_be_asked_is_a_problem_in_the_words_of_what_failed() -> None:
    unreadable = make_lock(
        problem="locked by a process that left no name", holders=(77,), pid=None, alive=None
    )
    found = observed(lock.lock_is_sound(healthy(lock=unreadable), StackTotals()))
    assert "left no name" in found.evidence
    assert found.commands == ("kill 77",)


# The runner


RUNNING = StackTotals(stacks=2, states={"running": 2}, resting=1)


def test_running_stacks_need_a_runner() -> None:
    absent = healthy(runner=RunnerEvidence(reach=Reach.ABSENT), data="/d")
    found = observed(runner.runner_is_up(absent, RUNNING))
    assert found.commands == ("recursor run --data /d",)
    assert found.figures["due_stacks"] == 1


def test_stacks_at_rest_without_a_runner_are_a_warning_until_something_comes() -> None:
    absent = healthy(runner=RunnerEvidence(reach=Reach.ABSENT))
    resting = StackTotals(stacks=2, states={"running": 2}, resting=2)
    observed(runner.runner_is_up(absent, resting), Severity.WARNING)
    observed(runner.runner_is_up(absent, StackTotals(stacks=2, states={"running": 2}, resting=1)))


def test_no_runner_is_needed_where_no_stack_runs() -> None:
    absent = healthy(runner=RunnerEvidence(reach=Reach.ABSENT))
    fine(runner.runner_is_up(absent, StackTotals(stacks=1, states={"paused": 1})))


def test_a_silent_runner_is_looked_into_before_it_is_killed() -> None:
    silent = make_runner(reach=Reach.SILENT, load=None, silence="timed out")
    found = observed(runner.runner_is_up(healthy(runner=silent), RUNNING))
    assert "timed out" in found.evidence
    assert [command.split()[0] for command in found.commands] == ["ps", "kill", "kill", "recursor"]


@pytest.mark.parametrize(("age", "wrong"), [(59, False), (60, True)])
def test_a_runner_that_has_just_begun_need_not_answer_yet(age: int, wrong: bool) -> None:
    silent = make_runner(reach=Reach.SILENT, load=None, started_at=NOW - age)
    found = runner.runner_is_up(healthy(runner=silent), RUNNING)
    if wrong:
        observed(found)
    else:
        fine(found)


@pytest.mark.parametrize(("age", "wrong"), [(59, False), (60, True)])
def test_a_runner_that_starts_or_ends_takes_a_moment(age: int, wrong: bool) -> None:
    changing = make_runner(reach=Reach.CHANGING, load=None, url=None, started_at=NOW - age)
    found = runner.runner_is_up(healthy(runner=changing), RUNNING)
    if wrong:
        observed(found, Severity.WARNING)
    else:
        fine(found)


def test_who_holds_the_lock_is_unknown_if_it_cannot_be_asked() -> None:
    assert isinstance(runner.runner_is_up(healthy(runner=RunnerEvidence()), RUNNING), Unknown)


def commands(**fields: Any) -> Observation | Fine | Unknown:
    return runner.commands_are_taken(healthy(runner=make_runner(**fields)), StackTotals())


@pytest.mark.parametrize(
    ("reach", "unserved"), [(Reach.UP, None), (Reach.CHANGING, "OSError: no room")], ids=["up", "unserved"]
)
def test_a_runner_takes_commands_whether_or_not_it_serves(reach: Reach, unserved: str | None) -> None:
    fine(commands(reach=reach, unserved=unserved))
    found = observed(
        commands(reach=reach, unserved=unserved, commanded=False, refusal="/data/control: Connection refused")
    )
    assert "Connection refused" in found.evidence
    assert found.commands == (f"kill -CONT {PID}", *NEW_RUNNER)


@pytest.mark.parametrize(("age", "wrong"), [(59, False), (60, True)])
def test_a_runner_that_starts_or_ends_takes_no_commands_for_a_moment(age: int, wrong: bool) -> None:
    found = commands(reach=Reach.CHANGING, commanded=False, started_at=NOW - age)
    if wrong:
        # That it does not answer at all is told already.
        assert isinstance(found, Unknown)
    else:
        fine(found)


def test_whether_commands_are_taken_is_unknown_where_none_was_tried() -> None:
    assert isinstance(commands(commanded=None), Unknown)
    assert isinstance(commands(reach=Reach.UNKNOWN, commanded=None), Unknown)
    fine(commands(reach=Reach.ABSENT, commanded=None))


# The clock


@pytest.mark.parametrize(("step", "wrong"), [(-120.0, False), (-121.0, True), (120.0, False), (121.0, True)])
def test_a_clock_that_was_set_under_a_runner(step: float, wrong: bool) -> None:
    found = clock.clock_was_not_set(healthy(runner=make_runner(clock_step=step)), StackTotals())
    if wrong:
        assert ("forward" if step > 0 else "back") in observed(found, Severity.WARNING).evidence
    else:
        fine(found)


def test_without_a_runner_nobody_knows_whether_the_clock_was_set() -> None:
    found = clock.clock_was_not_set(healthy(runner=RunnerEvidence(reach=Reach.ABSENT)), StackTotals())
    assert isinstance(found, Unknown)


# The load


@pytest.mark.parametrize(("queued", "wrong"), [(0, False), (8, False), (9, True)])
def test_agents_that_wait_for_a_slot(queued: int, wrong: bool) -> None:
    busy = make_runner(load=make_load(agents_running=8, agents_queued=queued))
    found = load.agents_find_a_slot(healthy(runner=busy), StackTotals())
    if wrong:
        assert observed(found, Severity.WARNING).commands[-1] == "recursor run --agents 16"
    else:
        fine(found)


@pytest.mark.parametrize(
    ("abandoned", "severity"),
    [(0, None), (1, Severity.WARNING), (7, Severity.WARNING), (8, Severity.PROBLEM)],
)
def test_agents_that_do_not_end(abandoned: int, severity: Severity | None) -> None:
    evidence = healthy(runner=make_runner(load=make_load(agents_abandoned=abandoned)))
    found = load.agents_end_when_told(evidence, StackTotals())
    if severity is None:
        fine(found)
    else:
        assert observed(found, severity).commands == NEW_RUNNER


@pytest.mark.parametrize("check", [load.agents_find_a_slot, load.agents_end_when_told])
def test_without_a_runner_there_is_no_load(check: Any) -> None:
    assert isinstance(check(healthy(runner=RunnerEvidence(reach=Reach.ABSENT)), StackTotals()), Unknown)
