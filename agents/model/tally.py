"""What one run spent on models, over all its calls."""

from dataclasses import dataclass, field
from decimal import Decimal

from recursor.domain.graph import Usage


@dataclass(slots=True)
class Tally:
    """Sums of what providers have reported. What nobody can tell is in the books alone, in full."""

    calls: int = 0
    """Requests that were sent, whatever became of them."""
    models: list[str] = field(default_factory=list)
    """Those that answered, in the order of their first answers."""
    input_tokens: int = 0
    output_tokens: int = 0
    dollars: Decimal | None = Decimal(0)
    """None, when one of the prices is not known."""

    def add(self, model: str, input_tokens: int, output_tokens: int, dollars: Decimal | None) -> None:
        """Count an answer."""
        if model not in self.models:
            self.models.append(model)
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        self.dollars = None if self.dollars is None or dollars is None else self.dollars + dollars

    @property
    def usage(self) -> Usage:
        """All of it, as a node records it; of several models, by the one that answered last."""
        return Usage(
            model=self.models[-1] if self.models else None,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost=self.dollars,
        )
