"""What one call costs: reserved before it, settled after it, and summed up for its run."""

from dataclasses import dataclass, field
from decimal import Decimal

from pydantic_ai.usage import RequestUsage

from recursor.agents.model.prices import dollars, most_dollars
from recursor.agents.model.timing import uninterrupted
from recursor.domain.agent import Run
from recursor.domain.graph import ModelUsage, Usage
from recursor.domain.spending import AgentFailedError, PriceUnknownError, Spend

# About right for English; other languages and programs take more tokens.
CHARACTERS_PER_TOKEN = 4
# Tokens of one call: a provider that reports more is broken, which is as good as no report.
MOST_CREDIBLE = 10**9


@dataclass(slots=True)
class _Sum:
    """What one model took."""

    input_tokens: int = 0
    output_tokens: int = 0
    dollars: Decimal | None = Decimal(0)
    """None, when the price is not known."""


@dataclass(slots=True)
class ReportedUsage:
    """Sums of what providers have reported for one run. What they did not report is in the budgets alone."""

    calls: int = 0
    """Requests that were sent, whatever became of them."""
    model: str | None = None
    """The one that answered last."""
    _sums: dict[str, _Sum] = field(default_factory=dict)

    def add(self, model: str, input_tokens: int, output_tokens: int, dollars: Decimal | None) -> None:
        """Count an answer."""
        self.model = model
        one = self._sums.setdefault(model, _Sum())
        one.input_tokens += input_tokens
        one.output_tokens += output_tokens
        one.dollars = None if one.dollars is None or dollars is None else one.dollars + dollars

    @property
    def usage(self) -> Usage:
        """All of it, as a node records it, and of each model where there are several."""
        each = [
            ModelUsage(
                model=model, input_tokens=one.input_tokens, output_tokens=one.output_tokens, cost=one.dollars
            )
            for model, one in self._sums.items()
        ]
        costs = [used.cost for used in each if used.cost is not None]
        return Usage(
            model=self.model,
            input_tokens=sum(used.input_tokens for used in each),
            output_tokens=sum(used.output_tokens for used in each),
            cost=sum(costs, Decimal(0)) if len(costs) == len(each) else None,
            models=tuple(each) if len(each) > 1 else (),
        )


class Payment:
    """One reservation, from before the call until after it."""

    def __init__(self, run: Run, model: str, input_tokens: int) -> None:
        """Work out what a call of `run` costs at most, with so many tokens of input."""
        self._run = run
        self._model = model
        self._reservation: str | None = None
        self._input_tokens = input_tokens
        self._output_tokens = output_tokens = run.settings.model.output_tokens
        price = most_dollars(model, input_tokens, output_tokens)
        self.most = _priced(input_tokens + output_tokens, price)
        self.spent: Spend | None = None
        """What the call has cost; None as long as that is unknown."""

    @property
    def is_reserved(self) -> bool:
        """Whether anything was reserved."""
        return self._reservation is not None

    async def reserve(self) -> None:
        """Reserve what the call costs at most. A cancellation takes effect when that has an outcome.

        Raises:
            AgentFailedError: a budget in dollars applies, and the price is not known.
            BudgetHeldError: other calls have reserved it.
            BudgetExceededError: a budget has less left.
        """
        try:
            # Calls that wait for what this one holds are told when it is settled, by whoever made it.
            await uninterrupted(self._reserve())
        except PriceUnknownError as error:
            raise AgentFailedError(
                f"{self._model}: {error}: take another model, or limit tokens instead, then resume",
                suspend=True,
            ) from None

    def came(self, characters: int) -> None:
        """Note how much of an answer has come: a server that ignores the limit also charges more."""
        tokens = characters // CHARACTERS_PER_TOKEN
        if tokens > self._output_tokens:
            price = most_dollars(self._model, self._input_tokens, tokens)
            self.spent = _priced(self._input_tokens + tokens, price)

    def answered(self, usage: RequestUsage, tally: ReportedUsage) -> None:
        """Note what the provider reports, if it does."""
        tokens = usage.input_tokens + usage.output_tokens
        is_credible = min(usage.input_tokens, usage.output_tokens) >= 0 and 0 < tokens <= MOST_CREDIBLE
        if is_credible:
            try:
                price = dollars(self._model, usage)
            except ValueError:
                price = most_dollars(self._model, usage.input_tokens, usage.output_tokens)
            tally.add(self._model, usage.input_tokens, usage.output_tokens, price)
            self.spent = _priced(tokens, price)
        else:
            tally.add(self._model, 0, 0, None)

    def cost_nothing(self) -> None:
        """Note that the provider cannot have charged anything."""
        self.spent = Spend()

    async def settle(self) -> None:
        """Settle what was reserved, if anything was. A cancellation takes effect afterwards."""
        if self._reservation is not None:
            await uninterrupted(self._run.meter.settle(self._reservation, self.spent))

    async def _reserve(self) -> None:
        self._reservation = await self._run.meter.reserve(self.most)


def _priced(tokens: int, price: Decimal | None) -> Spend:
    if price is None:
        return Spend(tokens=tokens, unpriced_tokens=tokens)
    return Spend(tokens=tokens, dollars=price)
