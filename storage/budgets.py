"""What was spent of every budget: of a stack, of its roles, and of all stacks together."""

from collections.abc import Iterator

from pydantic import ValidationError

from recursor.domain.errors import InvalidInputError
from recursor.domain.settings import BudgetSettings, RunnerSettings, Settings
from recursor.domain.spending import Account, Budget, BudgetChanges, Spending, StackSpending
from recursor.storage.ledger import TOTAL, read_account, runs_within_the_hour
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader, Writer
from recursor.storage.tables import ACCOUNTS, ALL_STACKS


def stack_spending(
    reader: Reader, stack_id: str, settings: Settings, runner: RunnerSettings, now: float
) -> StackSpending:
    """Return what a stack and its roles may spend, and what they spent.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        settings: the runner's; the stack's own are applied over them.
        runner: what all stacks may spend together.
        now: seconds since the epoch, UTC.

    Raises:
        NotFoundError: there is no such stack.
        InvalidInputError: one of the stack's own settings cannot be used any more.
        CorruptRecordError: what was spent cannot be read.
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
    """Return what all stacks may spend together, and what they spent, deleted ones included.

    Args:
        reader: the state of the store to read.
        runner: what they may spend.
        now: seconds since the epoch, UTC.

    Raises:
        CorruptRecordError: what was spent cannot be read.
    """
    account = read_account(reader, ALL_STACKS)
    return _spending(account.limits.over(runner.budget), account, now)


def limited(reader: Reader, runner: RunnerSettings) -> RunnerSettings:
    """Return a runner's settings with the limits that were set while one was up.

    Raises:
        CorruptRecordError: what was spent cannot be read.
    """
    budget = read_account(reader, ALL_STACKS).limits.over(runner.budget)
    return runner.but(
        budget_tokens=budget.tokens,
        budget_dollars=budget.dollars,
        budget_runs_per_hour=budget.runs_per_hour,
    )


def change_limits(writer: Writer, changes: BudgetChanges) -> None:
    """Limit what all stacks may spend together, over the settings of their runner.

    Args:
        writer: the transaction.
        changes: the new limits; None takes one back: the settings hold again.

    Raises:
        InvalidInputError: a limit cannot be.
        CorruptRecordError: what was spent cannot be read.
    """
    account = read_account(writer, ALL_STACKS)
    try:
        limits = Budget.model_validate({**dict(account.limits), **changes})
    except ValidationError as error:
        raise InvalidInputError.explaining("budget", error) from None
    ACCOUNTS.put(writer, account.but(limits=limits))


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
