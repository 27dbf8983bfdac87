"""Counts what the agents of an orchestrator spend, on disk, before and after every call."""

from dataclasses import dataclass

from recursor.actors.clock import Clock
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.spending import Spend
from recursor.storage import ledger
from recursor.storage.ledger import Budgets, read_account
from recursor.storage.store import Store
from recursor.storage.tables import ALL_STACKS


class Meters:
    """Makes the meters of an orchestrator's runs."""

    def __init__(self, store: Store, runner: RunnerSettings, clock: Clock) -> None:
        """Count in `store`; `runner` says what all stacks may spend together."""
        self._store = store
        self._runner = runner
        self._clock = clock

    def of(self, stack_id: str, role: str, settings: Settings) -> "StoreMeter":
        """Return the meter of one run.

        Args:
            stack_id: the stack.
            role: the role.
            settings: the stack's, for its budgets.
        """
        budgets = Budgets(settings.budget, settings.budget.of_role(role), self._runner.budget)
        return StoreMeter(self._store, self._clock, stack_id, role, budgets)


@dataclass(frozen=True, slots=True)
class StoreMeter:
    """A `recursor.domain.agent.Meter`. Its methods wait for the disk: they are for agents' threads."""

    store: Store
    clock: Clock
    stack_id: str
    role: str
    budgets: Budgets

    @property
    def limits_dollars(self) -> bool:
        """See `Meter.limits_dollars`."""
        applied = self.budgets.applied(self.stack_id, self.role)
        if any(budget.dollars is not None for _, _, budget, _ in applied):
            return True
        with self.store.read() as reader:
            return read_account(reader, ALL_STACKS).limits.dollars is not None

    def begin(self) -> None:
        """See `Meter.begin`."""
        now = self.clock.now()
        self.store.write(lambda writer: ledger.begin_run(writer, self.stack_id, self.role, self.budgets, now))

    def reserve(self, most: Spend) -> str:
        """See `Meter.reserve`."""
        now = self.clock.now()
        return self.store.write(
            lambda writer: ledger.reserve(writer, self.stack_id, self.role, self.budgets, most, now)
        )

    def settle(self, reservation: str, spent: Spend | None) -> None:
        """See `Meter.settle`."""
        self.store.write(lambda writer: ledger.settle(writer, reservation, spent))
