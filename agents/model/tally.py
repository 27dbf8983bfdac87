"""What one run spent on models, over all its calls."""

from dataclasses import dataclass, field
from decimal import Decimal

from recursor.domain.graph import ModelUsage, Usage


@dataclass(slots=True)
class _Sum:
    """What one model took."""

    input_tokens: int = 0
    output_tokens: int = 0
    dollars: Decimal | None = Decimal(0)
    """None, when the price is not known."""


@dataclass(slots=True)
class Tally:
    """Sums of what providers have reported. What nobody can tell is in the books alone, in full."""

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
