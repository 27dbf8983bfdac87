"""What the writer thread does, whatever becomes of the commits."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress

import pytest

from recursor.storage.commit import Commit
from recursor.storage.errors import FencedError, StorageFullError, StoreClosedError
from recursor.storage.group_commit import GroupCommit

Ended = Future[BaseException | None]


class Log:
    """Applies by remembering; can be held in the middle of a batch, and made to fail."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.applying = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.error: BaseException | None = None
        self.held = False

    def apply(self, commits: Sequence[Commit]) -> Sequence[BaseException | None]:
        self.batches.append(len(commits))
        if self.held:
            self.applying.release()
            self.go_on.acquire()
        if self.error is not None:
            raise self.error
        return [FencedError("stack", 1, 2) if commit else None for commit in commits]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def group(log: Log) -> Iterator[GroupCommit]:
    group = GroupCommit(log.apply, name="writer", largest_batch=4)
    yield group
    log.held = False
    log.go_on.release(10)
    group.close()


def commit(group: GroupCommit, *, refused: bool = False) -> Ended:
    ended: Ended = Future()
    change = Commit()
    if refused:
        change.put("first", b"key", b"")
    group.commit(change, ended.set_result)
    return ended


def test_what_gathers_during_a_batch_shares_the_next_up_to_the_bound(log: Log, group: GroupCommit) -> None:
    log.held = True
    ended = [commit(group)]
    log.applying.acquire()
    ended += [commit(group, refused=number == 3) for number in range(1, 7)]
    log.held = False
    log.go_on.release()
    assert [type(each.result()) for each in ended] == [type(None)] * 3 + [FencedError] + [type(None)] * 3
    assert log.batches == [1, 4, 2]


def test_nothing_is_acknowledged_before_it_is_applied(log: Log, group: GroupCommit) -> None:
    log.held = True
    ended = commit(group)
    log.applying.acquire()
    assert not ended.done()
    log.go_on.release()
    assert ended.result() is None


def test_a_batch_that_fails_fails_all_of_its_commits_and_no_later_one(log: Log, group: GroupCommit) -> None:
    log.held = True
    ended = [commit(group)]
    log.applying.acquire()
    ended += [commit(group) for _ in range(3)]
    log.held = False
    log.error = StorageFullError("/data: no room")
    log.go_on.release()
    errors = [each.result() for each in ended]
    assert [type(error) for error in errors] == [StorageFullError] * 4
    assert {str(error) for error in errors} == {"/data: no room"}
    assert len({id(error) for error in errors}) == 4
    log.error = None
    group.write(Commit())


def test_who_waits_gets_why_it_was_refused(log: Log, group: GroupCommit) -> None:
    refused = Commit()
    refused.put("first", b"key", b"")
    with pytest.raises(FencedError):
        group.write(refused)
    group.write(Commit())


def test_an_error_nobody_foresaw_does_not_kill_the_thread(log: Log, group: GroupCommit) -> None:
    log.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        group.write(Commit())
    log.error = None
    group.write(Commit())


def test_closing_applies_what_waits_and_refuses_the_rest(log: Log, group: GroupCommit) -> None:
    log.held = True
    ended = [commit(group) for _ in range(9)]
    closing = threading.Thread(target=group.close)
    closing.start()
    log.held = False
    log.go_on.release()
    closing.join()
    assert [each.result(timeout=0) for each in ended] == [None] * 9
    with pytest.raises(StoreClosedError):
        commit(group)


def test_committing_while_another_thread_closes_is_either_done_or_refused(log: Log) -> None:
    for _ in range(50):
        group = GroupCommit(log.apply, name="writer")
        accepted: list[Ended] = []

        def keep_committing(group: GroupCommit = group, accepted: list[Ended] = accepted) -> None:
            with suppress(StoreClosedError):
                for _ in range(1000):
                    accepted.append(commit(group))

        threads = [threading.Thread(target=keep_committing) for _ in range(2)]
        for thread in threads:
            thread.start()
        group.close()
        for thread in threads:
            thread.join()
        assert all(each.done() for each in accepted)
