"""What the writer thread does, whatever a commit is."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import pytest

from recursor.storage.errors import StorageFullError, StoreClosedError
from recursor.storage.group_commit import GroupCommit, Outcome

Work = Callable[[list[str]], object]


class Log:
    """Commits by remembering; can be held in the middle of a commit, and made to fail."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.committing = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.error: BaseException | None = None
        self.held = False

    def commit(self, works: Sequence[Work]) -> Sequence[Outcome]:
        self.batches.append(len(works))
        if self.held:
            self.committing.release()
            self.go_on.acquire()
        if self.error is not None:
            raise self.error
        return [Outcome(value=work([])) for work in works]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def group(log: Log) -> Iterator[GroupCommit[list[str]]]:
    group = GroupCommit(log.commit, name="writer", largest_batch=4)
    yield group
    log.held = False
    log.go_on.release(10)
    group.close()


def test_what_gathers_during_a_commit_shares_the_next_up_to_the_bound(
    log: Log, group: GroupCommit[list[str]]
) -> None:
    log.held = True
    futures = [group.submit(lambda _: 0)]
    log.committing.acquire()
    futures += [group.submit(lambda _, n=number: n) for number in range(1, 7)]
    log.held = False
    log.go_on.release()
    assert [future.result() for future in futures] == [0, 1, 2, 3, 4, 5, 6]
    assert log.batches == [1, 4, 2]


def test_nothing_is_acknowledged_before_its_commit(log: Log, group: GroupCommit[list[str]]) -> None:
    log.held = True
    future = group.submit(lambda _: "written")
    log.committing.acquire()
    assert not future.done()
    log.go_on.release()
    assert future.result() == "written"


def test_a_commit_that_fails_fails_all_of_its_submissions_and_no_later_one(
    log: Log, group: GroupCommit[list[str]]
) -> None:
    log.held = True
    futures = [group.submit(lambda _: 0)]
    log.committing.acquire()
    futures += [group.submit(lambda _: 0) for _ in range(3)]
    log.held = False
    log.error = StorageFullError("/data: no room")
    log.go_on.release()
    errors = [future.exception() for future in futures]
    assert [type(error) for error in errors] == [StorageFullError] * 4
    assert {str(error) for error in errors} == {"/data: no room"}
    assert len({id(error) for error in errors}) == 4
    log.error = None
    assert group.submit(lambda _: "again").result() == "again"


def test_an_error_nobody_foresaw_does_not_kill_the_thread(log: Log, group: GroupCommit[list[str]]) -> None:
    log.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        group.submit(lambda _: 0).result()
    log.error = None
    assert group.submit(lambda _: "alive").result() == "alive"


def test_closing_commits_what_waits_and_refuses_the_rest(log: Log, group: GroupCommit[list[str]]) -> None:
    log.held = True
    futures = [group.submit(lambda _, n=number: n) for number in range(9)]
    closing = threading.Thread(target=group.close)
    closing.start()
    log.held = False
    log.go_on.release()
    closing.join()
    assert [future.result(timeout=0) for future in futures] == list(range(9))
    with pytest.raises(StoreClosedError):
        group.submit(lambda _: 0)


def test_submitting_while_another_thread_closes_is_either_done_or_refused(log: Log) -> None:
    for _ in range(50):
        group = GroupCommit(log.commit, name="writer")
        accepted = []

        def submit(group: GroupCommit[list[str]] = group, accepted: list[object] = accepted) -> None:
            with suppress(StoreClosedError):
                for _ in range(1000):
                    accepted.append(group.submit(lambda _: 0))

        threads = [threading.Thread(target=submit) for _ in range(2)]
        for thread in threads:
            thread.start()
        group.close()
        for thread in threads:
            thread.join()
        assert all(future.done() for future in accepted)
