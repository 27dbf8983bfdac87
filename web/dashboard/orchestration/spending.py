"""A team's spending and budgets: tokens, dollars, and runs within the hour."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from recursor.domain.spending import Spending, StackSpending
from recursor.domain.statistics import OrchestrationStats, Use
from recursor.domain.wording import cost, money, plural
from recursor.storage.budgets import stack_spending
from recursor.storage.store import Reader
from recursor.web.dashboard.parts import Box, Section, Span
from recursor.web.dashboard.team.tab import Team

# The share of a budget from which it is highlighted.
_SHORT = 0.8

# For more, use the terminal or SQL.
_SHOWN = 8


class SpendingSection:
    """A card for each kind of budget, with the spending by model and role; nothing for a team without a
    model."""

    def __init__(self, team: Team) -> None:
        """Build it, empty."""
        self._team = team
        with Section("Spending") as self._section:
            with Box(classes="cards spending"):
                self._tokens = _Meter("Tokens")
                self._dollars = _Meter("Cost")
                self._runs = _Meter("Runs in the last hour")
            self._notes = Span("", "muted spending-notes")
            with Box(classes="spending-uses"):
                self._models = _Uses("By model")
                self._roles = _Uses("By role")

    def read(self, reader: Reader) -> StackSpending:
        """Return the team's spending up to now."""
        engine = self._team.engine
        return stack_spending(reader, self._team.id, engine.settings, engine.runner, engine.now())

    def show(self, found: StackSpending, stats: OrchestrationStats) -> None:
        """Show the spending; `stats` has the usage of models and roles in a span of time."""
        total = found.total
        limited = total.budget.limits_anything or found.runner.budget.limits_anything
        wanted = limited or bool(total.calls or total.runs_last_hour or stats.models)
        self._section.set_visibility(wanted)
        if not wanted:
            return
        spent, budget = total.spent, total.budget
        self._tokens.show(f"{spent.tokens:,}", spent.tokens, budget.tokens, lambda most: f"{most:,.0f}")
        dollars = cost(spent.dollars, 0) if spent.dollars else cost(spent.dollars, spent.unpriced_tokens)
        self._dollars.show(dollars, spent.dollars, budget.dollars, lambda most: money(Decimal(most)))
        runs = total.runs_last_hour
        self._runs.show(f"{runs:,}", runs, budget.runs_per_hour, lambda most: f"{most:,.0f}")
        self._notes.text = _notes(found)
        self._models.show(stats.models)
        self._roles.show(stats.roles)


class _Meter:
    def __init__(self, name: str) -> None:
        with Box(classes="card figure"):
            Span(name, "figure-name")
            self._value = Span("—", "figure-value")
            self._bar = Box("progress", "spent-bar", aria_label=f"{name}: spent of the budget", max="100")
            self._note = Span("", "muted figure-note")

    def show(
        self,
        shown: str,
        spent: int | Decimal,
        most: int | Decimal | None,
        say: Callable[[int | Decimal], str],
    ) -> None:
        self._value.text = shown
        self._note.text = "No limit" if most is None else f"of {say(most)}"
        self._bar.set_visibility(most is not None)
        if most is None:
            return
        share = min(float(spent) / float(most), 1.0) if most else 1.0
        tone = "bad" if share >= 1 else "warn" if share >= _SHORT else "good"
        self._bar._props["value"], self._bar._props["data-tone"] = f"{share * 100:.0f}", tone


class _Uses:
    def __init__(self, title: str) -> None:
        with Box(classes="card uses") as self._box:
            Span(title, "figure-name")
            with Box("ul", "uses-list"):
                self._rows = [_Row() for _ in range(_SHOWN)]

    def show(self, uses: Mapping[str, Use]) -> None:
        self._box.set_visibility(bool(uses))
        dearest = sorted(uses.items(), key=lambda item: (-item[1].cost, -item[1].input_tokens, item[0]))
        for index, row in enumerate(self._rows):
            row.show(*(dearest[index] if index < len(dearest) else ("", None)))


class _Row:
    def __init__(self) -> None:
        with Box("li", "uses-row") as self._box:
            self._name = Span("", "one-line")
            self._took = Span("", "muted")

    def show(self, name: str, use: Use | None) -> None:
        self._box.set_visibility(use is not None)
        if use is not None:
            tokens = use.input_tokens + use.output_tokens
            self._name.text = name
            self._took.text = f"{cost(use.cost, use.unpriced_tokens)}, {plural(tokens, 'token')}"


def _notes(found: StackSpending) -> str:
    """Return remarks that the figures do not show by themselves."""
    total, runner = found.total, found.runner
    notes = []
    if total.spent.unpriced_tokens:
        notes.append(f"The price of {plural(total.spent.unpriced_tokens, 'token')} is unknown.")
    if total.reserved.tokens or total.reserved.dollars:
        aside = f"{total.reserved.tokens:,} tokens and {money(total.reserved.dollars)}"
        notes.append(f"{aside} are reserved by running calls.")
    if total.unconfirmed:
        calls = plural(total.unconfirmed, "call")
        notes.append(f"{calls} with unknown cost count as their whole reservation.")
    if runner.budget.limits_anything:
        notes.append(f"All teams together: {_together(runner)}.")
    return " ".join(notes)


def _together(runner: Spending) -> str:
    spent, budget = runner.spent, runner.budget
    parts = []
    if budget.tokens is not None:
        parts.append(f"{spent.tokens:,} of {budget.tokens:,} tokens")
    if budget.dollars is not None:
        parts.append(f"{cost(spent.dollars, spent.unpriced_tokens)} of {money(budget.dollars)}")
    if budget.runs_per_hour is not None:
        parts.append(f"{runner.runs_last_hour:,} of {budget.runs_per_hour:,} runs in the last hour")
    return ", ".join(parts)
