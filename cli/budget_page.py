"""Budgets on a terminal."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import TypeVar

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from recursor.cli.output import neutral, one_line
from recursor.cli.stack_tables import STYLES, plain_table, styled
from recursor.cli.wording import cost, money, plural
from recursor.domain.spending import Spending, StackSpending
from recursor.domain.stack import Stack

T = TypeVar("T", int, Decimal)

# The share of a budget from which it is highlighted.
_SHORT = 0.8


def stack_page(stack: Stack, found: StackSpending) -> Iterator[RenderableType]:
    """Yield the parts of a stack's budget page."""
    yield Text.assemble((neutral(stack.name), "bold"), "  ", styled(stack.state))
    if stack.state_reason:
        yield Text(one_line(stack.state_reason), STYLES[stack.state])
    yield ""
    yield _table({"whole stack": found.total, **found.roles, "all stacks": found.runner})
    yield from _notes(found.total)


def runner_page(found: Spending) -> Iterator[RenderableType]:
    """Yield the parts of the page for all stacks together."""
    yield _table({"all stacks": found})
    if found.limits.limits_anything:
        yield Text(
            "Set by this command, overriding runner.budget_* in the settings; --off removes it.",
            "bright_black",
        )
    yield from _notes(found)


def _table(rows: Mapping[str, Spending]) -> Table:
    table = plain_table("", "TOKENS", "COST", "RUNS, LAST HOUR")
    for name, each in rows.items():
        spent, budget = each.spent, each.budget
        table.add_row(
            name,
            _of(f"{spent.tokens:,}", spent.tokens, budget.tokens, lambda most: f"{most:,}"),
            _of(cost(spent.dollars, spent.unpriced_tokens), spent.dollars, budget.dollars, money),
            _of(
                f"{each.runs_last_hour:,}",
                each.runs_last_hour,
                budget.runs_per_hour,
                lambda most: f"{most:,}",
            ),
        )
    return table


def _notes(found: Spending) -> Iterator[RenderableType]:
    if found.reserved.tokens or found.reserved.dollars:
        aside = f"{found.reserved.tokens:,} tokens and {money(found.reserved.dollars)}"
        yield Text(f"{aside} are reserved by running calls.", "bright_black")
    if found.unconfirmed:
        calls = plural(found.unconfirmed, "call")
        yield Text(f"{calls} with unknown cost count as their whole reservation.", "bright_black")


def _of(shown: str, spent: T, most: T | None, show: Callable[[T], str]) -> Text:
    """Return the spending, with the limit if there is one."""
    if most is None:
        return Text.assemble(shown, (", no limit", "bright_black"))
    style = "red" if spent >= most else "yellow" if spent >= float(most) * _SHORT else "green"
    return Text.assemble((shown, style), f" of {show(most)}")
