"""The accounts of all spending: reserved before a call, then replaced by the call's cost.

The maximum cost of a call is on disk before the call is made. If the process dies during the call, its cost
is unknown, and the whole reservation counts. So actual spending never exceeds the recorded spending.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic import ValidationError

from recursor.domain.errors import InvalidInputError
from recursor.domain.spending import (
    Account,
    Budget,
    BudgetChanges,
    BudgetExceededError,
    BudgetHeldError,
    BudgetName,
    Kind,
    PriceUnknownError,
    Reservation,
    Spend,
)

ALL_STACKS = "all"
"""Stands for all stacks together, in place of a stack's id; no stack can have this id."""
TOTAL = "total"
_UNLIMITED = Budget()
# Most accounts kept in memory, of 3 KB each at most; they are also on disk.
MOST_ACCOUNTS = 2_000
_MINUTE, _HOUR_OF_MINUTES = 60.0, 60


@dataclass(frozen=True, slots=True)
class Budgets:
    """The budgets that apply to one role of one stack."""

    stack: Budget = _UNLIMITED
    role: Budget = _UNLIMITED
    runner: Budget = _UNLIMITED
    """The budget of all stacks together."""

    def applied(self, stack_id: str, role: str) -> Iterable[tuple[str, str, Budget, str]]:
        """Yield each budget with its account's stack and role, and its name for people."""
        yield stack_id, TOTAL, self.stack, "budget."
        yield stack_id, role, self.role, "budget.role_"
        yield ALL_STACKS, TOTAL, self.runner, "runner.budget_"


class Ledger:
    """All accounts, in memory. Each method makes all its changes, or raises and changes nothing.

    `changed` and `removed` collect the records to write; the writer clears them.
    """

    def __init__(
        self, read: Callable[[str, str], Account | None], reservations: Iterable[Reservation] = ()
    ) -> None:
        """Start with no accounts in memory.

        Args:
            read: reads an account by stack and role; returns None if there is none; may raise.
            reservations: those of running calls.
        """
        self._read = read
        self._accounts: dict[tuple[str, str], Account] = {}
        self._reservations = {reservation.id: reservation for reservation in reservations}
        self.changed: dict[tuple[str, str], Account | Reservation] = {}
        """Accounts by stack and role, reservations by their id."""
        self.removed: set[str] = set()
        """Ids of reservations."""
        self.forgotten: set[str] = set()
        """Deleted stacks."""

    def account(self, stack_id: str, role: str = TOTAL) -> Account:
        """Return the spending of a role of a stack, or of the whole stack.

        Raises:
            CorruptRecordError: the account cannot be read: nothing may be spent on it.
        """
        known = self._accounts.get((stack_id, role))
        if known is None:
            known = self._read(stack_id, role) or Account(stack_id=stack_id, role=role)
            self._accounts[stack_id, role] = known
        return known

    def begin_run(self, stack_id: str, role: str, budgets: Budgets, now: float) -> None:
        """Count a run that will call a model.

        Args:
            stack_id: the stack.
            role: the role.
            budgets: the limits.
            now: seconds since the epoch, UTC.

        Raises:
            BudgetExceededError: the limit of runs per hour is reached.
        """
        minute = int(now // _MINUTE)
        after = []
        for owner, name, budget, prefix in budgets.applied(stack_id, role):
            account = self.account(owner, name)
            recent = _recent(account, minute)
            begun = sum(runs for _, runs in recent)
            most = account.limits.over(budget).runs_per_hour
            if most is not None and begun >= most:
                named = _named(
                    prefix, "runs_per_hour", role, Decimal(begun + 1), call=None if most else Decimal(1)
                )
                problem = f"{begun:,} runs in an hour, {most:,} allowed" if most else named.problem
                raise _exceeded(named, problem, stack_id)
            if recent and recent[-1][0] == minute:
                recent[-1] = (minute, recent[-1][1] + 1)
            else:
                recent.append((minute, 1))
            after.append(account.but(runs=tuple(recent)))
        self._put(after)

    def reserve(
        self, stack_id: str, role: str, budgets: Budgets, most: Spend, now: float, reservation_id: str
    ) -> None:
        """Reserve the maximum cost of a call. For the arguments see `begin_run`.

        Raises:
            BudgetHeldError: other calls have reserved what is left of a budget.
            BudgetExceededError: a budget has too little left.
            PriceUnknownError: part of the cost has no known price, and a budget in dollars applies.
        """
        after = []
        for owner, name, budget, prefix in budgets.applied(stack_id, role):
            account = self.account(owner, name)
            _check(account, account.limits.over(budget), most, prefix, role, stack_id)
            after.append(account.but(reserved=account.reserved.plus(most)))
        self._put(after)
        reservation = Reservation(id=reservation_id, stack_id=stack_id, role=role, most=most, made_at=now)
        self._reservations[reservation_id] = reservation
        self.changed["", reservation_id] = reservation

    def settle(self, reservation_id: str, spent: Spend | None) -> None:
        """Replace a reservation with the call's cost; settling twice is fine.

        Args:
            reservation_id: the id given to `reserve`.
            spent: the cost; None if unknown: then the whole reservation counts.

        Raises:
            CorruptRecordError: an account cannot be read; the reservation stands.
        """
        reservation = self._reservations.get(reservation_id)
        if reservation is None:
            return
        stack_id, role = reservation.stack_id, reservation.role
        after = []
        for owner, name, _, _ in Budgets().applied(stack_id, role):
            if owner in self.forgotten:
                continue
            account = self.account(owner, name)
            after.append(
                account.but(
                    spent=account.spent.plus(reservation.most if spent is None else spent),
                    reserved=account.reserved.minus(reservation.most),
                    calls=account.calls + 1,
                    unconfirmed=account.unconfirmed + (spent is None),
                )
            )
        del self._reservations[reservation_id]
        self._put(after)
        self.changed.pop(("", reservation_id), None)
        self.removed.add(reservation_id)

    def reserved(self) -> list[str]:
        """Return the ids of the open reservations."""
        return list(self._reservations)

    def limit_all(self, changes: BudgetChanges) -> None:
        """Limit the spending of all stacks together, overriding the runner's settings.

        Args:
            changes: the new limits; None removes one, so that the settings apply again.

        Raises:
            InvalidInputError: a limit is invalid.
        """
        account = self.account(ALL_STACKS)
        try:
            limits = Budget.model_validate({**dict(account.limits), **changes})
        except ValidationError as error:
            raise InvalidInputError.explaining("budget", error) from None
        self._put([account.but(limits=limits)])

    def forget(self, stack_id: str) -> None:
        """Forget a deleted stack; its spending stays in the total of all stacks."""
        self.forgotten.add(stack_id)
        for accounts in (self._accounts, self.changed):
            for key in [key for key in accounts if key[0] == stack_id]:
                del accounts[key]

    def forget_written(self, most: int = MOST_ACCOUNTS) -> None:
        """Drop the accounts that equal those on disk: they are read again when needed.

        Args:
            most: nothing is dropped up to this number. Accounts in the middle of a write would be dropped,
                too, so call this between two writes.
        """
        if len(self._accounts) > most:
            self._accounts = {key: kept for key, kept in self._accounts.items() if key in self.changed}

    def _put(self, accounts: Iterable[Account]) -> None:
        for account in accounts:
            key = (account.stack_id, account.role)
            self._accounts[key] = account
            self.changed[key] = account


def runs_within_the_hour(account: Account, now: float) -> int:
    """Return the number of runs begun within the sixty minutes before `now` (seconds since the epoch,
    UTC)."""
    return sum(runs for _, runs in _recent(account, int(now // _MINUTE)))


def _recent(account: Account, minute: int) -> list[tuple[int, int]]:
    # The minute an hour ago counts whole, because the time of a run within it is unknown. Runs later than now
    # were counted by a clock that ran ahead; they would count until it is reached.
    return [(at, runs) for at, runs in account.runs if minute - _HOUR_OF_MINUTES <= at <= minute]


def _check(account: Account, budget: Budget, most: Spend, prefix: str, role: str, stack_id: str) -> None:
    if budget.dollars is not None and most.unpriced_tokens:
        raise PriceUnknownError("price unknown, so a budget in dollars cannot be enforced")
    kinds: tuple[Literal["tokens", "dollars"], ...] = ("tokens", "dollars")
    for kind in kinds:
        limit = getattr(budget, kind)
        if limit is None:
            continue
        spent, reserved, call = (
            Decimal(getattr(each, kind)) for each in (account.spent, account.reserved, most)
        )
        needed = spent + reserved + call
        if needed <= limit:
            continue
        named = _named(prefix, kind, role, needed, call=call if call > limit else None)
        shown = _of_dollars if kind == "dollars" else _of_tokens
        aside = f", {_bare(named, reserved)} reserved by running calls" if reserved else ""
        figures = f"{shown(spent, Decimal(limit))} spent{aside}"
        if named.call is not None:
            raise _exceeded(named, f"{named.problem} ({figures})", stack_id)
        problem = f"{figures}, and the next call needs up to {named.amount(call)}"
        if spent + call <= limit:
            raise BudgetHeldError(f"{named.setting}: {problem}: waiting for them to end", named)
        raise _exceeded(named, problem, stack_id)


def _of_tokens(spent: Decimal, limit: Decimal) -> str:
    return f"{spent:,} of {limit:,} tokens"


def _of_dollars(spent: Decimal, limit: Decimal) -> str:
    return f"${spent:,.4f} of ${limit:,.2f}"


def _bare(budget: BudgetName, amount: Decimal) -> str:
    return f"${amount:,.4f}" if budget.kind == "dollars" else f"{amount:,}"


def _named(prefix: str, kind: Kind, role: str, needed: Decimal, call: Decimal | None = None) -> BudgetName:
    return BudgetName(
        kind=kind,
        role=role if prefix.endswith("role_") else None,
        runner=prefix.startswith("runner."),
        needed=needed,
        call=call,
    )


def _exceeded(budget: BudgetName, problem: str, stack_id: str) -> BudgetExceededError:
    assert budget.enough is not None
    command = f"recursor {budget.raising(budget.enough, stack_id)}"
    then = ", then resume" if budget.runner else ""
    return BudgetExceededError(f"{budget.setting}: {problem}: raise it with {command}{then}", budget)
