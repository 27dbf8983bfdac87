"""Counts what the agents of an orchestrator spend, on disk, before and after every call."""

from dataclasses import dataclass

from recursor.runtime.clock import Clock
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.spending import AgentFailedError, Budget, Spend
from recursor.storage import ledger
from recursor.storage.ledger import Budgets
from recursor.storage.store import Reader, Store
from recursor.storage.tables import STACKS


class Meters:
    """Makes the meters of an orchestrator's runs."""

    def __init__(self, store: Store, settings: Settings, runner: RunnerSettings, clock: Clock) -> None:
        """Count in `store`.

        Args:
            store: where the books are.
            settings: the runner's; a stack's own are applied over them.
            runner: what all stacks may spend together.
            clock: the time.
        """
        self._store = store
        self._settings = settings
        self._runner = runner
        self._clock = clock

    def of(self, stack_id: str, role: str) -> "StoreMeter":
        """Return the meter of one run."""
        return StoreMeter(self._store, self._clock, self._settings, self._runner.budget, stack_id, role)


@dataclass(slots=True)
class StoreMeter:
    """A `recursor.domain.agent.Meter`. Its methods wait for the disk: they are for agents' threads.

    What the stack may spend is read with what it has spent: a budget that a person lowers holds from the next
    call on, also of a run under way.
    """

    store: Store
    clock: Clock
    settings: Settings
    all_stacks: Budget
    stack_id: str
    role: str
    _known: tuple[object, Budgets] | None = None
    """The stack's own settings, and what comes of them: they seldom change between two calls."""

    def begin(self) -> None:
        """See `Meter.begin`."""
        now = self.clock.now()
        self.store.write(
            lambda writer: ledger.begin_run(writer, self.stack_id, self.role, self._budgets(writer), now)
        )

    def reserve(self, most: Spend) -> str:
        """See `Meter.reserve`."""
        now = self.clock.now()
        return self.store.write(
            lambda writer: ledger.reserve(writer, self.stack_id, self.role, self._budgets(writer), most, now)
        )

    def settle(self, reservation: str, spent: Spend | None) -> None:
        """See `Meter.settle`."""
        self.store.write(lambda writer: ledger.settle(writer, reservation, spent))

    def _budgets(self, reader: Reader) -> Budgets:
        stack = STACKS.get(reader, self.stack_id)
        if stack is None:
            # Nobody would ever look at its books again, or delete them.
            raise AgentFailedError("its stack was deleted")
        if self._known is None or self._known[0] != stack.settings:
            budget = self.settings.overridden(stack.settings).budget
            self._known = (
                stack.settings,
                Budgets(budget.whole, budget.of_role(self.role), self.all_stacks),
            )
        return self._known[1]
