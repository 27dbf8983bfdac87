"""Says anew, while a runner is up or none is, what all stacks may spend together."""

from recursor.agents.model.choice import check_choice
from recursor.domain.errors import InvalidInputError
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.spending import BudgetChanges, Spending
from recursor.domain.stack import Stack
from recursor.storage.budgets import change_limits, limited, runner_spending
from recursor.storage.errors import CorruptRecordError
from recursor.storage.stack_fields import all_fields
from recursor.storage.stacks import read_stack
from recursor.storage.store import Writer


def limit_all(
    writer: Writer, changes: BudgetChanges, settings: Settings, runner: RunnerSettings, now: float
) -> Spending:
    """Change what all stacks may spend together, from the next call of a model on.

    Args:
        writer: the transaction.
        changes: the new limits; None takes back what was set so before.
        settings: the runner's.
        runner: likewise; its limits hold where nothing is set here.
        now: seconds since the epoch, UTC.

    Raises:
        InvalidInputError: a limit cannot be, or a stack asks a model of unknown price, over which none in
            dollars can hold.
    """
    change_limits(writer, changes)
    if changes.get("dollars") is not None:
        limits = limited(writer, runner)
        check_choice(settings, limits)
        for stack_id, fields in all_fields(writer):
            if "model" not in (fields.get("settings") or ()):
                # It asks whom all ask, who was judged above.
                continue
            try:
                stack = read_stack(writer, stack_id)
                applied = settings.overridden(stack.settings)
            except (CorruptRecordError, InvalidInputError):
                # It cannot run as it is; what it is changed to is checked then.
                continue
            _check(stack, applied, limits)
    return runner_spending(writer, runner, now)


def _check(stack: Stack, settings: Settings, limits: RunnerSettings) -> None:
    try:
        check_choice(settings, limits)
    except InvalidInputError as error:
        raise InvalidInputError(f"stack {stack.name}: {error}") from None
