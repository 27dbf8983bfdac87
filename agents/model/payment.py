"""What one call costs: set aside before it, settled after it."""

from decimal import Decimal

from pydantic_ai.usage import RequestUsage

from recursor.agents.model.prices import dollars, most_dollars
from recursor.agents.model.tally import Tally
from recursor.domain.agent import Run
from recursor.domain.spending import AgentFailedError, PriceUnknownError, Spend

# As is about right for English; other languages and programs take more tokens.
CHARACTERS_PER_TOKEN = 4
# Tokens of one call: what reports more is broken, and as good as what reports nothing.
MOST_CREDIBLE = 10**9


class Payment:
    """One reservation, from before the call until after it."""

    def __init__(self, run: Run, model: str, input_tokens: int) -> None:
        """Reckon what a call costs at most, with so many tokens of input."""
        self._run = run
        self._model = model
        self._reservation: str | None = None
        self._input_tokens = input_tokens
        self._output_tokens = output_tokens = run.settings.model.output_tokens
        price = most_dollars(model, input_tokens, output_tokens)
        self.most = _priced(input_tokens + output_tokens, price)
        self.spent: Spend | None = None
        """What the call has cost; None as long as nobody can tell."""

    @property
    def is_reserved(self) -> bool:
        """Whether anything was set aside."""
        return self._reservation is not None

    def reserve(self) -> None:
        """Set it aside; it may block.

        Raises:
            AgentFailedError: a budget in dollars applies, and the price is not known.
            BudgetHeldError: others have set it aside.
            BudgetExceededError: a budget has less left.
        """
        try:
            self._reservation = self._run.meter.reserve(self.most)
        except PriceUnknownError as error:
            raise AgentFailedError(
                f"{self._model}: {error}: take another model, or limit tokens instead, then resume",
                suspend=True,
            ) from None

    def came(self, characters: int) -> None:
        """Note how much of an answer has come: a server that keeps to no limit also charges more."""
        tokens = characters // CHARACTERS_PER_TOKEN
        if tokens > self._output_tokens:
            price = most_dollars(self._model, self._input_tokens, tokens)
            self.spent = _priced(self._input_tokens + tokens, price)

    def answered(self, usage: RequestUsage, tally: Tally) -> None:
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
        """Note that nobody can have charged anything."""
        self.spent = Spend()

    def settle(self) -> None:
        """Write down what it has cost; it may block."""
        if self._reservation is not None:
            self._run.meter.settle(self._reservation, self.spent)


def _priced(tokens: int, price: Decimal | None) -> Spend:
    if price is None:
        return Spend(tokens=tokens, unpriced_tokens=tokens)
    return Spend(tokens=tokens, dollars=price)
