"""What a run sets aside is given back or settled, however the run ends."""

import itertools

from recursor.actors.ledger import LedgerActor, LedgerMeter
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.spending import Spend
from recursor.runtime.simulated import Scheduler, SimulatedClock, SimulatedDispatcher
from recursor.runtime.simulated_pool import SimulatedPool
from recursor.storage.budgets import read_account
from recursor.storage.rollups import MERGES
from recursor.storage.simulated_store import SimulatedStore
from recursor.storage.tables import ALL_STACKS, RESERVATIONS, TABLES

MOST = Spend(tokens=80)
# A reservation takes fewer from when it is asked for to when its asker has it.
STEPS = 10


def test_whenever_a_run_is_cancelled_nothing_stays_reserved_whose_key_nobody_knows() -> None:
    scheduler = Scheduler(1)
    store = SimulatedStore(TABLES, scheduler, merges=MERGES)
    pool = SimulatedPool(scheduler, 1)
    ledger = LedgerActor.start(
        store,
        Settings(),
        RunnerSettings(),
        SimulatedClock(scheduler),
        map(str, itertools.count()).__next__,
        SimulatedDispatcher(scheduler),
    )
    meter = LedgerMeter(ledger, "stack", "first")
    known: list[str] = []

    async def reserve(_task: object) -> None:
        known.append(await meter.reserve(MOST))

    for steps in range(STEPS):
        task = pool.submit_coroutine(reserve, priority=0)
        for _ in range(steps):
            scheduler.step()
        task.abandon()
        scheduler.run_until_idle()
        with store.read() as reader:
            account = read_account(reader, ALL_STACKS, "total")
            assert list(RESERVATIONS.keys(reader, ALL_STACKS)) == known
        assert (account.reserved.tokens, account.spent) == (MOST.tokens * len(known), Spend())

    # Some were cancelled in time, some while the ledger was at it, and some too late.
    assert 0 < len(known) < STEPS
    assert account.calls > 0
