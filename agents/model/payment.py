"""The cost of one call: reserved before it, settled after it, and summed for its run."""

from dataclasses import dataclass, field
from decimal import Decimal

from pydantic_ai.usage import RequestUsage

from recursor.agents.model.prices import dollars, most_dollars
from recursor.agents.model.timing import uninterrupted
from recursor.domain.agent import Run
from recursor.domain.graph import ModelUsage, Usage
from recursor.domain.spending import AgentFailedError, PriceUnknownError, Spend

# About right for English; other languages and programs need more tokens.
CHARACTERS_PER_TOKEN = 4
# Tokens of one call: a provider that reports more is broken, and its report is ignored.
MOST_CREDIBLE = 10**9


@dataclass(slots=True)
class _Sum:
    """Usage of one model."""

    input_tokens: int = 0
    output_tokens: int = 0
    dollars: Decimal | None = Decimal(0)
    """None if the price is unknown."""


@dataclass(slots=True)
class ReportedUsage:
    """Sums of usage reported by providers for one run. Unreported usage is only in the budgets."""

    calls: int = 0
    """Requests sent, whatever their results."""
    model: str | None = None
    """The model that answered last."""
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
        """The total, as recorded on a node, and the parts by model if there are several."""
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

    def __init__(self, run: Run, model: str, input_tokens: int, output_tokens: int | None = None) -> None:
        """Compute the maximum cost of a call of `run`.

        Args:
            run: it pays.
            model: the model's name.
            input_tokens: the most tokens of the question.
            output_tokens: the most tokens of the answer; by default `model.output_tokens`.
        """
        self._run = run
        self._model = model
        self._reservation: str | None = None
        self._input_tokens = input_tokens
        if output_tokens is None:
            output_tokens = run.settings.model.output_tokens
        self._output_tokens = output_tokens
        price = most_dollars(model, input_tokens, output_tokens)
        self.most = _priced(input_tokens + output_tokens, price)
        self.spent: Spend | None = None
        """The cost of the call; None while unknown."""

    @property
    def is_reserved(self) -> bool:
        """Whether anything was reserved."""
        return self._reservation is not None

    async def reserve(self) -> None:
        """Reserve the maximum cost of the call. A cancellation takes effect after that.

        Raises:
            AgentFailedError: a budget in dollars applies, and the price is unknown.
            BudgetHeldError: other calls have reserved what is left.
            BudgetExceededError: a budget has too little left.
        """
        try:
            # Calls waiting for this reservation are notified by the caller when it is settled.
            await uninterrupted(self._reserve())
        except PriceUnknownError as error:
            raise AgentFailedError(
                f"{self._model}: {error}: use another model, or limit tokens instead, then resume",
                suspend=True,
            ) from None

    def came(self, characters: int) -> None:
        """Note how much of an answer has arrived: a server that ignores the limit also charges more."""
        tokens = characters // CHARACTERS_PER_TOKEN
        if tokens > self._output_tokens:
            price = most_dollars(self._model, self._input_tokens, tokens)
            self.spent = _priced(self._input_tokens + tokens, price)

    def answered(self, usage: RequestUsage, tally: ReportedUsage) -> None:
        """Note the usage that the provider reports, if any."""
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
        """Settle the reservation, if any. A cancellation takes effect afterwards."""
        if self._reservation is not None:
            await uninterrupted(self._run.meter.settle(self._reservation, self.spent))

    async def _reserve(self) -> None:
        self._reservation = await self._run.meter.reserve(self.most)


def _priced(tokens: int, price: Decimal | None) -> Spend:
    if price is None:
        return Spend(tokens=tokens, unpriced_tokens=tokens)
    return Spend(tokens=tokens, dollars=price)
