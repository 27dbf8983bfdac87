"""What a simulation needs of its store besides what every store promises."""

from collections.abc import Callable

import pytest

from recursor.runtime.simulated import Scheduler
from recursor.storage.commit import Commit, Fence
from recursor.storage.errors import FencedError, StorageFullError, StoreClosedError
from recursor.storage.simulated_store import SimulatedStore
from recursor.storage.store import Store
from tests.storage.conftest import MERGES, TABLES, putting


class Steps:
    """Runs a step when it is told to."""

    def __init__(self) -> None:
        self.ready: list[Callable[[], object]] = []

    def add(self, step: Callable[[], object]) -> None:
        self.ready.append(step)

    def run(self, count: int) -> None:
        for _ in range(count):
            self.ready.pop(0)()


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def simulated(steps: Steps) -> SimulatedStore:
    return SimulatedStore(TABLES, steps, merges=MERGES, largest_batch=2)


def stored(store: Store) -> list[bytes]:
    with store.read() as reader:
        return [key for key, _ in reader.scan("first")]


def test_a_batch_and_each_acknowledgement_are_steps_and_one_waits_at_a_time(
    steps: Steps, simulated: SimulatedStore
) -> None:
    heard: list[object] = []
    for key in (b"a", b"b", b"c"):
        simulated.commit(putting(key), lambda error, key=key: heard.append((key, error)))
    seen = []
    while steps.ready:
        assert len(steps.ready) == 1
        steps.run(1)
        seen.append((len(stored(simulated)), len(heard)))
    assert seen == [(2, 0), (2, 1), (2, 2), (3, 2), (3, 3)]
    assert heard == [(b"a", None), (b"b", None), (b"c", None)]
    assert simulated.batches == 2


@pytest.mark.parametrize(("ran", "left", "told"), [(0, 0, 0), (1, 2, 0), (2, 2, 1), (4, 3, 2), (5, 3, 3)])
def test_losing_power_keeps_what_was_written_and_tells_nobody_more(
    steps: Steps, simulated: SimulatedStore, ran: int, left: int, told: int
) -> None:
    heard: list[BaseException | None] = []
    for key in (b"a", b"b", b"c"):
        simulated.commit(putting(key), heard.append)
    steps.run(ran)
    simulated.lose_power()
    assert len(stored(simulated.restarted(Steps()))) == left
    while steps.ready:
        steps.run(1)
    assert len(heard) == told
    for use in (
        lambda: simulated.commit(Commit(), heard.append),
        lambda: simulated.write(Commit()),
        simulated.read,
    ):
        with pytest.raises(StoreClosedError):
            use()
    simulated.close()


def test_the_store_that_follows_holds_fences_and_sums(steps: Steps, simulated: SimulatedStore) -> None:
    change = Commit(Fence("stack", 2))
    change.add("sums", b"n", b"1")
    simulated.write(change)
    simulated.lose_power()
    after = simulated.restarted(steps)
    with pytest.raises(FencedError):
        after.write(Commit(Fence("stack", 1)))
    after.write(change)
    with after.read() as reader:
        assert reader.get("sums", b"n") == b"11"


def test_a_batch_that_is_told_to_fail_fails_whole_and_the_next_does_not(
    steps: Steps, simulated: SimulatedStore
) -> None:
    heard: list[BaseException | None] = []
    simulated.fail_next(StorageFullError("no room"))
    for key in (b"a", b"b", b"c"):
        simulated.commit(putting(key), heard.append)
    while steps.ready:
        steps.run(1)
    assert [type(error) for error in heard] == [StorageFullError, StorageFullError, type(None)]
    assert heard[0] is not heard[1]
    assert stored(simulated) == [b"c"]
    simulated.fail_next(StorageFullError("no room"), batches=2)
    for _ in range(2):
        with pytest.raises(StorageFullError):
            simulated.write(putting(b"d"))
    simulated.write(putting(b"d"))


def test_a_write_takes_what_waits_with_it(steps: Steps, simulated: SimulatedStore) -> None:
    heard: list[BaseException | None] = []
    simulated.commit(putting(b"a"), heard.append)
    simulated.write(putting(b"b"))
    assert heard == [None]
    assert stored(simulated) == [b"a", b"b"]
    steps.run(1)
    assert not steps.ready


def test_a_scheduler_of_the_runtime_runs_it() -> None:
    scheduler = Scheduler(1)
    simulated, heard = SimulatedStore(TABLES, scheduler), list[BaseException | None]()
    simulated.commit(putting(b"a"), heard.append)
    assert scheduler.run_until_idle() == 2
    assert heard == [None]
