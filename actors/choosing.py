"""Whether a stack can run with what is set for it: judged in the transaction that sets it, runner or none."""

from collections.abc import Callable, Collection, Mapping

from pydantic import JsonValue

from recursor.agents.model.choice import CHOICES, check_choice, check_given
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.stack import Stack
from recursor.storage import stacks
from recursor.storage.budgets import limited
from recursor.storage.store import Reader, Writer


def configure(
    writer: Writer,
    stack_id: str,
    changes: Mapping[str, Mapping[str, JsonValue]],
    settings: Settings,
    runner: RunnerSettings,
    roles: Callable[[], Collection[str] | None],
    now: float,
) -> Stack:
    """Override a stack's settings, if it can run with them.

    Args:
        writer: the transaction.
        stack_id: the stack.
        changes: section → key → value; None takes an override back.
        settings: what holds for all stacks.
        runner: likewise.
        roles: returns those of its team; None if that is not known.
        now: seconds since the epoch, UTC.

    Raises:
        NotFoundError: there is no such stack.
        InvalidInputError: a setting cannot be.
    """
    kept = stacks.read_stack(writer, stack_id).settings
    stack = stacks.configure_stack(writer, stack_id, changes, now)
    check_given(changes, roles, kept)
    if CHOICES & changes.keys():
        check_choice(settings.overridden(stack.settings), limited(writer, runner))
    return stack


def check_new(
    stack: Stack,
    settings: Settings,
    runner: RunnerSettings,
    roles: Callable[[], Collection[str] | None],
    reader: Reader,
) -> None:
    """Refuse a stack that cannot run with its own settings; the arguments are those of `configure`.

    Raises:
        InvalidInputError: a setting cannot be.
    """
    if stack.settings:
        check_choice(settings.overridden(stack.settings), limited(reader, runner))
        check_given(stack.settings, roles)
