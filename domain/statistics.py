"""Figures over a span of time, as sums per minute that can be added up."""

from collections.abc import Mapping
from decimal import Decimal

from pydantic import Field

from recursor.domain.record import Record, StackId, Timestamp


class Use(Record):
    """Usage of a model by agents' runs."""

    runs: int = 0
    """Runs that reported their usage."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    """In US dollars, of usage with a known price."""
    unpriced_tokens: int = 0
    """Input and output tokens with an unknown price."""


class Rollup(Record):
    """Sums of the cycles that ended in one minute (or hour). Rollups add up."""

    cycles: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    seconds: float = 0.0
    """Sum of the cycles' durations."""
    longest: float = 0.0
    agents_run: int = 0
    agents_failed: int = 0
    agent_seconds: float = 0.0
    waves: int = 0
    parallel: int = 0
    """Sum of each cycle's most concurrent runs."""
    max_parallel: int = 0
    """The most concurrent runs in any cycle."""
    decisions: Mapping[str, int] = Field(default_factory=dict)
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    """In US dollars, of usage with a known price."""
    unpriced_tokens: int = 0
    """Tokens with an unknown price."""
    models: Mapping[str, Use] = Field(default_factory=dict)
    """By model; "unknown" for runs that did not name it."""
    roles: Mapping[str, Use] = Field(default_factory=dict)
    """By role."""
    waiting: int = 0
    """Cycles in which nothing failed but a role had to wait, such as for its provider."""
    agents_waiting: int = 0


class Figures(Record):
    """Figures of the cycles of a span of time, for people."""

    since: Timestamp
    until: Timestamp
    cycles: int
    completed: int
    failed: int
    cancelled: int
    waiting: int
    """Cycles in which nothing failed but a role had to wait, such as for its provider."""
    success_rate: float | None
    """Share of completed cycles among those that completed or failed, 0 to 1; None if there are none."""
    average_seconds: float | None
    longest_seconds: float | None
    agents_run: int
    agents_failed: int
    agents_waiting: int
    """Runs put off, such as during an outage of a provider."""
    average_parallel: float | None
    """Mean of each cycle's most concurrent runs."""
    max_parallel: int
    """The most concurrent runs in any cycle."""
    decisions: Mapping[str, int]
    input_tokens: int
    output_tokens: int
    cost: Decimal
    """In US dollars, of usage with a known price."""
    unpriced_tokens: int
    """Tokens with an unknown price."""
    models: Mapping[str, Use]
    """Usage by model."""
    roles: Mapping[str, Use]
    """Usage by role."""


class OrchestrationStats(Figures):
    """A stack's figures over a span of time."""

    stack_id: StackId
    total_cycles: int
    """All cycles that ended since the stack was last started, whatever the span."""


class TotalStats(Figures):
    """The figures of all stacks over a span of time, including deleted stacks."""

    total_cycles: int
    """All cycles of all stacks ever, whatever the span."""
    total_agent_runs: int
    """All runs of agents ever."""
    total_tokens: int
    """All tokens ever, in and out."""
    total_cost: Decimal
    """US dollars ever, of usage with a known price."""


class SpanStats(Record):
    """One of a series of equal spans of time, with figures of the cycles that ended in it."""

    since: Timestamp
    until: Timestamp
    """Start of the next span."""
    figures: Rollup
