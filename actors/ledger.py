"""The ledger: counts what agents spend, on disk before and after every model call."""

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pykka import ActorDeadError

from recursor.actors.messages import LimitAll
from recursor.actors.stack_messages import (
    BeginRun,
    BudgetChanged,
    Committed,
    Reserve,
    Settle,
    StackForgotten,
)
from recursor.agents.model.model_checks import check_choice
from recursor.domain.errors import InvalidInputError, RecursorError
from recursor.domain.settings import BudgetSettings, RunnerSettings, Settings
from recursor.domain.spending import Account, AgentFailedError, Reservation, Spend
from recursor.orchestration.ledger import ALL_STACKS, Budgets, Ledger
from recursor.runtime.actor import DispatchedActor, DispatchedRef
from recursor.runtime.clock import Clock
from recursor.runtime.deferred import Deferred
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.interfaces import ActorDispatcher
from recursor.storage.budgets import deleted_owners, readable_reservations, runner_spending
from recursor.storage.commit import Commit
from recursor.storage.errors import CorruptRecordError, StorageError
from recursor.storage.stack_fields import all_fields
from recursor.storage.stacks import read_stack
from recursor.storage.store import Store
from recursor.storage.tables import ACCOUNTS, RESERVATIONS

logger = logging.getLogger("recursor.actors")


@dataclass(slots=True)
class _Batch:
    """The writes of one commit, and the futures that wait for it."""

    commit: Commit = field(default_factory=Commit)
    waiting: list[tuple[DispatchedFuture[Any], Callable[[], Any]]] = field(default_factory=list)
    """Futures, with the functions that make their values when the batch is on disk."""
    again: list[Settle | StackForgotten] = field(default_factory=list)
    """Changes that must not be refused, and are repeated if this commit fails."""


class LedgerActor(DispatchedActor):
    """Answers when its changes are on disk."""

    listed = False

    def __init__(
        self,
        store: Store,
        settings: Settings,
        runner: RunnerSettings,
        clock: Clock,
        new_id: Callable[[], str],
        dispatcher: ActorDispatcher,
    ) -> None:
        """Keep the accounts in `store`.

        Args:
            store: holds the accounts.
            settings: the settings of stacks without overrides.
            runner: the budget of all stacks together.
            clock: the time.
            new_id: makes the keys of reservations.
            dispatcher: runs the actor.
        """
        super().__init__(dispatcher=dispatcher)
        # Model calls wait for it.
        self.actor_inbox.urgent = True
        self._store = store
        self._settings = settings
        self._runner = runner
        self._clock = clock
        self._new_id = new_id
        self._budgets: dict[str, BudgetSettings] = {}
        self._forgotten: set[str] = set()
        self._next = _Batch()
        self._writing: _Batch | None = None
        self._ledger = self._read()

    def on_start(self) -> None:
        """Count in full the calls that were running when the previous process ended."""
        with self._store.read() as reader:
            # The previous process may have ended between deleting a stack and deleting its accounts.
            deleted = deleted_owners(reader)
        for stack_id in sorted(deleted):
            self._stack_forgotten(StackForgotten(stack_id))
        for reservation_id in self._ledger.reserved():
            try:
                self._settle(Settle(reservation_id, None))
            except CorruptRecordError as error:
                # Nothing can be spent from that account; others are not affected.
                logger.error("reservation %s stands: %s", reservation_id, error)

    def on_stop(self) -> None:
        """Write pending changes."""
        self._writing = None
        self._write()

    def _begin_run(self, message: BeginRun) -> Deferred:
        self._refuse_forgotten(message.stack_id)
        budgets = self._applied(message.stack_id, message.role)
        self._ledger.begin_run(message.stack_id, message.role, budgets, self._clock.now())
        return self._when_written(lambda: None)

    def _reserve(self, message: Reserve) -> Deferred:
        self._refuse_forgotten(message.stack_id)
        key, budgets = self._new_id(), self._applied(message.stack_id, message.role)
        self._ledger.reserve(message.stack_id, message.role, budgets, message.most, self._clock.now(), key)
        return self._when_written(lambda: key)

    def _settle(self, message: Settle) -> Deferred:
        self._ledger.settle(message.reservation, message.spent)
        self._next.again.append(message)
        return self._when_written(lambda: None)

    def _limit_all(self, message: LimitAll) -> Deferred:
        if message.changes.get("dollars") is not None:
            self._check_prices(message)
        self._ledger.limit_all(message.changes)

        def spending() -> object:
            with self._store.read() as reader:
                return runner_spending(reader, self._runner, self._clock.now())

        return self._when_written(spending)

    def _budget_changed(self, message: BudgetChanged) -> None:
        self._budgets[message.stack_id] = message.budget

    def _stack_forgotten(self, message: StackForgotten) -> None:
        self._budgets.pop(message.stack_id, None)
        self._forgotten.add(message.stack_id)
        self._ledger.forget(message.stack_id)
        # Once more after the current write.
        ACCOUNTS.delete_stack(self._next.commit, message.stack_id)
        self._next.again.append(message)
        self._write()

    def _committed(self, message: Committed) -> None:
        batch, self._writing = self._writing, None
        assert batch is not None
        if message.error is not None:
            self._revert(message.error, batch)
        else:
            self._ledger.forget_written()
            for future, value in batch.waiting:
                try:
                    future.set(value())
                except Exception as error:  # noqa: BLE001  # it belongs to the asker
                    future.set_exception((type(error), error, error.__traceback__))
        self._write()

    def _revert(self, error: BaseException, batch: _Batch) -> None:
        """Drop changes that could not be written: nothing may rely on them."""
        waiting, again = [*batch.waiting, *self._next.waiting], [*batch.again, *self._next.again]
        self._next = _Batch()
        for future, _ in waiting:
            future.set_exception((type(error), error, error.__traceback__))
        try:
            self._ledger = self._read()
        except StorageError as unreadable:
            # Too much counts as reserved until the next start, never too little.
            logger.error("the accounts could not be read: %s", unreadable)
        if again:
            due = self._clock.now() + self._runner.storage_retry
            self._clock.call_at(due, lambda: self._tell_again(again))

    def _tell_again(self, messages: list[Settle | StackForgotten]) -> None:
        with contextlib.suppress(ActorDeadError):
            for message in messages:
                self.actor_ref.tell(message)

    def _read(self) -> Ledger:
        def account(stack_id: str, role: str) -> Account | None:
            with self._store.read() as reader:
                return ACCOUNTS.get(reader, stack_id, role)

        with self._store.read() as reader:
            ledger = Ledger(account, readable_reservations(reader))
        ledger.forgotten |= self._forgotten
        return ledger

    def _applied(self, stack_id: str, role: str) -> Budgets:
        budget = self._budgets.get(stack_id) or self._settings.budget
        return Budgets(budget.whole, budget.of_role(role), self._runner.budget)

    def _refuse_forgotten(self, stack_id: str) -> None:
        if stack_id in self._forgotten:
            # Nothing would ever read or delete its account again.
            raise AgentFailedError("its stack was deleted")

    def _check_prices(self, message: LimitAll) -> None:
        """Refuse a budget in dollars while a stack uses a model of unknown price."""
        limits = self._runner.but(budget_dollars=message.changes.get("dollars"))
        check_choice(self._settings, limits)
        with self._store.read() as reader:
            for stack_id, fields in all_fields(reader):
                if "model" not in (fields.get("settings") or ()):
                    # It uses the runner's models, which were checked above.
                    continue
                try:
                    stack = read_stack(reader, stack_id)
                    applied = self._settings.overridden(stack.settings)
                except (CorruptRecordError, InvalidInputError):
                    # It cannot run with its settings; changes to them are checked then.
                    continue
                try:
                    check_choice(applied, limits)
                except InvalidInputError as error:
                    raise InvalidInputError(f"stack {stack.name}: {error}") from None

    def _when_written(self, value: Callable[[], Any]) -> Deferred:
        future: DispatchedFuture[Any] = DispatchedFuture()
        self._next.waiting.append((future, value))
        self._write()
        return Deferred(future)

    def _write(self) -> None:
        """Write pending changes, unless a write is running: then they go into the next one."""
        ledger = self._ledger
        if self._writing is not None or not (
            ledger.changed or ledger.removed or self._next.waiting or len(self._next.commit)
        ):
            return
        batch, self._next = self._next, _Batch()
        for record in ledger.changed.values():
            if isinstance(record, Reservation):
                RESERVATIONS.add(batch.commit, record)
            else:
                ACCOUNTS.add(batch.commit, record)
        for reservation_id in ledger.removed:
            RESERVATIONS.delete(batch.commit, ALL_STACKS, reservation_id)
        ledger.changed, ledger.removed = {}, set()
        self._writing = batch
        try:
            self._store.commit(batch.commit, self._tell_committed)
        except StorageError as error:
            self._writing = None
            self._revert(error, batch)

    def _tell_committed(self, error: BaseException | None) -> None:
        with contextlib.suppress(ActorDeadError):
            self.actor_ref.tell(Committed(error))

    def on_receive(self, message: Any) -> Any:
        """Handle a message by its type. All model calls need this actor, so errors go only to the asker."""
        try:
            return self._handlers[type(message)](self, message)
        except Exception as error:
            if not isinstance(error, RecursorError) or isinstance(error, StorageError):
                logger.exception("%s could not be done", type(message).__name__)
            return Deferred.failed(error)

    _handlers: ClassVar[Mapping[type, Callable[[Any, Any], Any]]] = {
        BeginRun: _begin_run,
        Reserve: _reserve,
        Settle: _settle,
        LimitAll: _limit_all,
        BudgetChanged: _budget_changed,
        StackForgotten: _stack_forgotten,
        Committed: _committed,
    }


@dataclass(frozen=True, slots=True)
class LedgerMeter:
    """A `recursor.domain.agent.Meter`: the ledger, for one role of one stack."""

    ledger: DispatchedRef[Any]
    stack_id: str
    role: str

    async def begin(self) -> None:
        """See `Meter.begin`."""
        await self.ledger.ask(BeginRun(self.stack_id, self.role), block=False)

    async def reserve(self, most: Spend) -> str:
        """See `Meter.reserve`. If cancelled, it leaves no reservation."""
        asked = self.ledger.ask(Reserve(self.stack_id, self.role, most), block=False)
        try:
            key: str = await asked
        except BaseException:
            # The caller never learns the key.
            asked.add_done_callback(self._give_back)
            raise
        return key

    async def settle(self, reservation: str, spent: Spend | None) -> None:
        """See `Meter.settle`."""
        await self.ledger.ask(Settle(reservation, spent), block=False)

    def _give_back(self, reserved: DispatchedFuture[str]) -> None:
        if reserved.exception() is None:
            # If the ledger has ended, its successor counts the reservation in full.
            with contextlib.suppress(ActorDeadError):
                self.ledger.tell(Settle(reserved.get(), Spend()))
