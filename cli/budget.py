"""The command `budget`: shows budgets and spending; raises a budget, and resumes the stack."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from pydantic import JsonValue, ValidationError

from recursor.cli.access import open_place
from recursor.cli.completion import complete_stack
from recursor.cli.options import HERE, Json, Place
from recursor.cli.output import draw, print_json
from recursor.cli.setting_warnings import warn_of_settings
from recursor.domain.errors import InvalidInputError
from recursor.domain.spending import KINDS, Budget, BudgetChanges
from recursor.domain.stack import ExecutionState, Stack

Changes = dict[str, JsonValue]


def budget(
    stack: Annotated[
        str | None,
        typer.Argument(
            metavar="[STACK]",
            help="A stack's id, its first digits or its name. [default: all stacks together]",
            autocompletion=complete_stack,
        ),
    ] = None,
    tokens: Annotated[
        int | None, typer.Option("--tokens", min=0, metavar="N", help="Most tokens in total.")
    ] = None,
    dollars: Annotated[
        str | None, typer.Option("--dollars", metavar="N", help="Most US dollars in total.")
    ] = None,
    runs: Annotated[
        int | None,
        typer.Option("--runs-per-hour", min=0, metavar="N", help="Most runs per hour."),
    ] = None,
    role: Annotated[
        str | None, typer.Option("--role", metavar="ROLE", help="Change the budget of this role.")
    ] = None,
    off: Annotated[
        bool,
        typer.Option("--off", help="Unset the budget: the runner's settings apply."),
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Also resume the stack if it is paused.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Show or change budgets.

    A stack is paused before it would exceed its budget. Budgets count from the stack's creation. Without a
    stack, the budget is that of all stacks together: it overrides runner.budget_* at once, and is kept.
    """
    limits = _limits(tokens, dollars, runs)
    _check(stack, limits, role, off=off, resume=resume)
    with open_place(place) as client:
        if stack is None:
            if changing := _together(limits, off=off):
                together = client.limit_all(changing)
            else:
                together = client.budget()
            if json:
                print_json(together)
                return
            from recursor.cli.budget_page import runner_page

            draw(*runner_page(together))
            return
        shown = client.stack(stack).stack
        if limits.limits_anything or off:
            changes = _changes(shown, limits, role, off=off)
            client.configure(shown.id, {"budget": changes})
            set_for = {
                key: {role: 0} for key, held in changes.items() if isinstance(held, Mapping) and role in held
            }
            warn_of_settings(client, {"budget": set_for})
        # A running stack needs only the budget.
        if resume and shown.state is ExecutionState.PAUSED:
            client.resume(shown.id)
        found = client.stack_budget(shown.id)
        if json:
            print_json(found)
            return
        from recursor.cli.budget_page import stack_page

        shown = client.stack(shown.id).stack
    draw(*stack_page(shown, found))


def _together(limits: Budget, *, off: bool) -> BudgetChanges:
    """Return the changes for all stacks together."""
    return (
        dict.fromkeys(KINDS)
        if off
        else {kind: most for kind in KINDS if (most := getattr(limits, kind)) is not None}
    )


def _check(stack: str | None, limits: Budget, role: str | None, *, off: bool, resume: bool) -> None:
    changing = limits.limits_anything or off
    if stack is None and (resume or role is not None):
        raise InvalidInputError("budget: --role and --resume need a stack: name it")
    if off and limits.limits_anything:
        raise InvalidInputError("budget: --off removes the budget: give it without new limits")
    if role is not None and not changing:
        raise InvalidInputError("budget: --role needs --tokens, --dollars, --runs-per-hour or --off")


def _limits(tokens: int | None, dollars: str | None, runs: int | None) -> Budget:
    amount = _dollars(dollars)
    try:
        return Budget(tokens=tokens, dollars=amount, runs_per_hour=runs)
    except ValidationError as error:
        raise InvalidInputError.explaining("budget", error) from None


def _dollars(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise InvalidInputError(f"--dollars: {text[:40]!r} is not an amount: give for example 5 or 0.25")
    return amount


def _number(value: int | Decimal | None) -> int | float | None:
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def _changes(stack: Stack, limits: Budget, role: str | None, *, off: bool) -> Changes:
    """Return the changes in the section `budget`; None removes a value."""
    # In JSON, an amount is a number.
    given = {kind: _number(getattr(limits, kind)) for kind in KINDS}
    if role is None:
        if off:
            return {**dict.fromkeys(KINDS), **{f"role_{kind}": None for kind in KINDS}}
        return {kind: value for kind, value in given.items() if value is not None}
    changes: Changes = {}
    for kind in KINDS:
        # Only the stack's own part, so that later changes of the settings for all stacks apply to it, too.
        own = stack.settings.get("budget", {}).get(f"role_{kind}")
        held = dict(own) if isinstance(own, Mapping) else {}
        if off and role in held:
            del held[role]
        elif given[kind] is not None:
            held[role] = given[kind]
        else:
            continue
        changes[f"role_{kind}"] = held or None
    if off and not changes:
        raise InvalidInputError(
            f"budget: the {role} has no budget of its own here: nothing to remove "
            "(the settings have the budget of all stacks, which a stack can override)"
        )
    return changes
