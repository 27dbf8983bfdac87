"""Spending and budgets: of a stack, of its roles, and of all stacks together."""

import logging
from collections.abc import Iterator

from recursor.domain.settings import BudgetSettings, RunnerSettings, Settings
from recursor.domain.spending import Account, Budget, Reservation, Spending, StackSpending
from recursor.orchestration.ledger import TOTAL, runs_within_the_hour
from recursor.storage.errors import CorruptRecordError
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader
from recursor.storage.tables import ACCOUNTS, ALL_STACKS, RESERVATIONS, STACKS

logger = logging.getLogger("recursor.storage")


def stack_spending(
    reader: Reader, stack_id: str, settings: Settings, runner: RunnerSettings, now: float
) -> StackSpending:
    """Return the budgets and the spending of a stack and its roles.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        settings: the runner's settings; the stack's own override them.
        runner: the budget of all stacks together.
        now: seconds since the epoch, UTC.

    Raises:
        NotFoundError: the stack does not exist.
        InvalidInputError: one of the stack's own settings is no longer valid.
        CorruptRecordError: an account cannot be read.
    """
    budget = settings.overridden(read_stack(reader, stack_id).settings).budget
    accounts = {account.role: account for account in ACCOUNTS.scan(reader, stack_id)}
    total = accounts.pop(TOTAL, Account(stack_id=stack_id, role=TOTAL))
    roles = sorted({*accounts, *_limited(budget)})
    return StackSpending(
        stack_id=stack_id,
        total=_spending(budget.whole, total, now),
        roles={
            role: _spending(
                budget.of_role(role), accounts.get(role, Account(stack_id=stack_id, role=role)), now
            )
            for role in roles
        },
        runner=runner_spending(reader, runner, now),
    )


def runner_spending(reader: Reader, runner: RunnerSettings, now: float) -> Spending:
    """Return the budget and the spending of all stacks together, including deleted ones.

    Args:
        reader: the state of the store to read.
        runner: their budget.
        now: seconds since the epoch, UTC.

    Raises:
        CorruptRecordError: an account cannot be read.
    """
    account = read_account(reader, ALL_STACKS)
    return _spending(account.limits.over(runner.budget), account, now)


def limited(reader: Reader, runner: RunnerSettings) -> RunnerSettings:
    """Return a runner's settings with the limits that were set while a runner was up.

    Raises:
        CorruptRecordError: the account cannot be read.
    """
    budget = read_account(reader, ALL_STACKS).limits.over(runner.budget)
    return runner.but(
        budget_tokens=budget.tokens,
        budget_dollars=budget.dollars,
        budget_runs_per_hour=budget.runs_per_hour,
    )


def read_account(reader: Reader, stack_id: str, role: str = TOTAL) -> Account:
    """Return an account from disk.

    Args:
        reader: the state of the store to read.
        stack_id: the stack, or `ALL_STACKS`.
        role: the role, or `TOTAL`.

    Raises:
        CorruptRecordError: the account cannot be read.
    """
    return ACCOUNTS.get(reader, stack_id, role) or Account(stack_id=stack_id, role=role)


def readable_reservations(reader: Reader) -> list[Reservation]:
    """Return the reservations on disk, except unreadable ones.

    An unreadable reservation stays reserved on its accounts; nothing else is affected.
    """
    found: list[Reservation] = []
    for key in RESERVATIONS.keys(reader, ALL_STACKS):
        try:
            reservation = RESERVATIONS.get(reader, ALL_STACKS, key)
        except CorruptRecordError as error:
            logger.error("%s", error)
            continue
        if reservation is not None:
            found.append(reservation)
    return found


def deleted_owners(reader: Reader) -> set[str]:
    """Return the ids of deleted stacks that still have accounts or reservations."""
    owners = {reservation.stack_id for reservation in readable_reservations(reader)}
    start = b""
    while (pair := next(reader.scan(ACCOUNTS.name, start), None)) is not None:
        # Accounts are not read: there may be many, all of existing stacks.
        owner = pair[0].partition(b"/")[0]
        owners.add(owner.decode())
        # The first key after all that begin with "OWNER/".
        start = owner + b"0"
    owners.discard(ALL_STACKS)
    return {owner for owner in owners if reader.get(STACKS.name, owner.encode()) is None}


def _spending(budget: Budget, account: Account, now: float) -> Spending:
    return Spending(
        budget=budget,
        spent=account.spent,
        reserved=account.reserved,
        calls=account.calls,
        unconfirmed=account.unconfirmed,
        limits=account.limits,
        runs_last_hour=runs_within_the_hour(account, now),
    )


def _limited(budget: BudgetSettings) -> Iterator[str]:
    """Yield the roles that have a budget."""
    yield from budget.role_tokens
    yield from budget.role_dollars
    yield from budget.role_runs_per_hour
