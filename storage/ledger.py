"""Transactions on what is spent: set aside before a call, replaced by what it cost, never forgotten.

What a call may cost at most is on disk before the call is made. Should the process die in it, nobody can tell
what it cost: it counts in full. So what is spent is never more than what the books say.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from recursor.domain.ids import new_id
from recursor.domain.spending import (
    Account,
    Budget,
    BudgetExceededError,
    BudgetHeldError,
    BudgetName,
    Kind,
    PriceUnknownError,
    Reservation,
    Spend,
)
from recursor.storage.store import Reader, Writer
from recursor.storage.tables import ACCOUNTS, ALL_STACKS, RESERVATIONS

TOTAL = "total"
_UNLIMITED = Budget()
_MINUTE, _HOUR_OF_MINUTES = 60.0, 60


@dataclass(frozen=True, slots=True)
class Budgets:
    """What applies to one role of one stack."""

    stack: Budget = _UNLIMITED
    role: Budget = _UNLIMITED
    runner: Budget = _UNLIMITED
    """What all stacks may spend together."""

    def applied(self, stack_id: str, role: str) -> Iterable[tuple[str, str, Budget, str]]:
        """Yield each budget with its account's stack and role, and with what people call it."""
        yield stack_id, TOTAL, self.stack, "budget."
        yield stack_id, role, self.role, "budget.role_"
        yield ALL_STACKS, TOTAL, self.runner, "runner.budget_"


def begin_ledger(_writer: Writer) -> None:
    """Let a store have its tables of what is spent; they begin empty."""


def read_account(reader: Reader, stack_id: str, role: str = TOTAL) -> Account:
    """Return what was spent.

    Args:
        reader: the state of the store to read.
        stack_id: the stack, or `ALL_STACKS`.
        role: the role, or `TOTAL`.

    Raises:
        CorruptRecordError: the account cannot be read: nothing may be spent on it.
    """
    return ACCOUNTS.get(reader, stack_id, role) or Account(stack_id=stack_id, role=role)


def begin_run(writer: Writer, stack_id: str, role: str, budgets: Budgets, now: float) -> None:
    """Count a run that will call a model.

    Args:
        writer: the transaction.
        stack_id: the stack.
        role: the role.
        budgets: what is allowed.
        now: seconds since the epoch, UTC.

    Raises:
        BudgetExceededError: there were as many within the hour as are allowed.
    """
    minute = int(now // _MINUTE)
    for owner, name, budget, prefix in budgets.applied(stack_id, role):
        account = read_account(writer, owner, name)
        recent = _recent(account, minute)
        begun = sum(runs for _, runs in recent)
        most = account.limits.over(budget).runs_per_hour
        if most is not None and begun >= most:
            raise _exceeded(
                _named(prefix, "runs_per_hour", role, Decimal(begun + 1)),
                f"{begun:,} runs within the hour, {most:,} are allowed: raise it, or wait, then resume",
            )
        if recent and recent[-1][0] == minute:
            recent[-1] = (minute, recent[-1][1] + 1)
        else:
            recent.append((minute, 1))
        ACCOUNTS.put(writer, account.but(runs=tuple(recent)))


def reserve(writer: Writer, stack_id: str, role: str, budgets: Budgets, most: Spend, now: float) -> str:
    """Set aside what a call may cost at most. For the arguments see `begin_run`.

    Returns:
        the key of what was set aside.

    Raises:
        BudgetHeldError: a budget has enough left, but others have set it aside.
        BudgetExceededError: a budget has less left.
        PriceUnknownError: it has a part of unknown price, and a budget in dollars applies.
    """
    for owner, name, budget, prefix in budgets.applied(stack_id, role):
        account = read_account(writer, owner, name)
        _check(account, account.limits.over(budget), most, prefix, role)
        ACCOUNTS.put(writer, account.but(reserved=account.reserved.plus(most)))
    reservation = Reservation(id=new_id(), stack_id=stack_id, role=role, most=most, made_at=now)
    RESERVATIONS.put(writer, reservation)
    return reservation.id


def settle(writer: Writer, reservation_id: str, spent: Spend | None) -> None:
    """Replace what was set aside by what the call has cost; settling twice is fine.

    Args:
        writer: the transaction.
        reservation_id: what `reserve` returned.
        spent: what was spent; None: nobody can tell, and all that was set aside counts.
    """
    reservation = RESERVATIONS.get(writer, ALL_STACKS, reservation_id)
    if reservation is None:
        return
    stack_id, role = reservation.stack_id, reservation.role
    for owner, name, _, _ in Budgets().applied(stack_id, role):
        account = ACCOUNTS.get(writer, owner, name)
        if account is None:
            # The stack was deleted meanwhile. What all stacks spent is still to be counted.
            continue
        ACCOUNTS.put(
            writer,
            account.but(
                spent=account.spent.plus(reservation.most if spent is None else spent),
                reserved=account.reserved.minus(reservation.most),
                calls=account.calls + 1,
                unconfirmed=account.unconfirmed + (spent is None),
            ),
        )
    RESERVATIONS.delete(writer, ALL_STACKS, reservation_id)


def settle_all(writer: Writer) -> int:
    """Count in full what was set aside by a process that is gone; for the beginning of the next one.

    Returns:
        how many calls that were.
    """
    lost = list(RESERVATIONS.keys(writer, ALL_STACKS))
    for reservation_id in lost:
        settle(writer, reservation_id, None)
    return len(lost)


def runs_within_the_hour(account: Account, now: float) -> int:
    """Return how many runs began within the sixty minutes before `now` (seconds since the epoch, UTC)."""
    return sum(runs for _, runs in _recent(account, int(now // _MINUTE)))


def _recent(account: Account, minute: int) -> list[tuple[int, int]]:
    # The minute an hour ago counts whole, as nobody knows when in it a run began. What is later than now was
    # counted by a clock that was ahead, and would count for as long as it was.
    return [(at, runs) for at, runs in account.runs if minute - _HOUR_OF_MINUTES <= at <= minute]


def _check(account: Account, budget: Budget, most: Spend, prefix: str, role: str) -> None:
    if budget.dollars is not None and most.unpriced_tokens:
        raise PriceUnknownError("its price is not known, so no budget in dollars can hold")
    spent, reserved = account.spent, account.reserved
    needed = spent.plus(reserved).plus(most)
    if budget.tokens is not None and needed.tokens > budget.tokens:
        problem = (
            f"{spent.tokens:,} of {budget.tokens:,} spent"
            f"{_aside(f'{reserved.tokens:,}', reserved.tokens)}, "
            f"and the next call may take {most.tokens:,}"
        )
        fits = spent.tokens + most.tokens <= budget.tokens
        raise _refused(_named(prefix, "tokens", role, Decimal(needed.tokens)), problem, will_fit=fits)
    if budget.dollars is not None and needed.dollars > budget.dollars:
        problem = (
            f"${spent.dollars:,.4f} of ${budget.dollars:,.2f} spent"
            f"{_aside(f'${reserved.dollars:,.4f}', reserved.dollars)}, "
            f"and the next call may take ${most.dollars:,.4f}"
        )
        fits = spent.dollars + most.dollars <= budget.dollars
        raise _refused(_named(prefix, "dollars", role, needed.dollars), problem, will_fit=fits)


def _refused(budget: BudgetName, problem: str, *, will_fit: bool) -> BudgetHeldError | BudgetExceededError:
    if will_fit:
        return BudgetHeldError(f"{budget.setting}: {problem}: it is made when they have ended", budget)
    return _exceeded(budget, f"{problem}: raise it, then resume")


def _aside(shown: str, amount: int | Decimal) -> str:
    return f", {shown} set aside for calls under way" if amount else ""


def _named(prefix: str, kind: Kind, role: str, needed: Decimal) -> BudgetName:
    return BudgetName(
        kind=kind,
        role=role if prefix.endswith("role_") else None,
        runner=prefix.startswith("runner."),
        needed=needed,
    )


def _exceeded(budget: BudgetName, problem: str) -> BudgetExceededError:
    return BudgetExceededError(f"{budget.setting}: {problem}", budget)
