"""Figures over a span of time: sums that can be added up, minute by minute."""

from collections.abc import Mapping
from decimal import Decimal

from pydantic import Field

from recursor.domain.record import Record, StackId, Timestamp


class Use(Record):
    """What runs of agents took of a model."""

    runs: int = 0
    """Runs that told what they used."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    """In US dollars, as far as prices are known."""
    unpriced_tokens: int = 0
    """Tokens, of both kinds, whose price is not known."""


class Rollup(Record):
    """What the cycles that ended in one minute (or hour) came to. Rollups add up."""

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
    """Sum of the most runs at the same time in each cycle."""
    max_parallel: int = 0
    """The most runs at the same time in any cycle."""
    decisions: Mapping[str, int] = Field(default_factory=dict)
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    """In US dollars, as far as prices are known."""
    unpriced_tokens: int = 0
    """Tokens whose price is not known."""
    models: Mapping[str, Use] = Field(default_factory=dict)
    """By model; "unknown" for runs that did not name it."""
    roles: Mapping[str, Use] = Field(default_factory=dict)
    """By role."""
    waiting: int = 0
    """Cycles in which nothing failed and a role had to wait, as for its provider."""
    agents_waiting: int = 0


class Figures(Record):
    """What the cycles of a span of time came to, for people."""

    since: Timestamp
    until: Timestamp
    cycles: int
    completed: int
    failed: int
    cancelled: int
    waiting: int
    """Cycles in which nothing failed and a role had to wait, as for its provider."""
    success_rate: float | None
    """Completed of those that completed or failed, 0 to 1; None when there were none."""
    average_seconds: float | None
    longest_seconds: float | None
    agents_run: int
    agents_failed: int
    agents_waiting: int
    """Runs that could not be done, as for want of a provider."""
    average_parallel: float | None
    """Mean of the most runs at the same time in each cycle."""
    max_parallel: int
    """The most runs at the same time in any cycle."""
    decisions: Mapping[str, int]
    input_tokens: int
    output_tokens: int
    cost: Decimal
    """In US dollars, as far as prices are known."""
    unpriced_tokens: int
    """Tokens whose price is not known."""
    models: Mapping[str, Use]
    """What was used of each model."""
    roles: Mapping[str, Use]
    """What each role used."""


class OrchestrationStats(Figures):
    """A stack's figures over a span of time."""

    stack_id: StackId
    total_cycles: int
    """All cycles that ended since the stack was last started, whatever the span."""


class TotalStats(Figures):
    """The figures of all stacks together over a span of time, those since deleted included."""

    total_cycles: int
    """All cycles of all stacks ever, whatever the span."""
    total_agent_runs: int
    """All runs of agents ever."""
    total_tokens: int
    """All tokens ever, in and out."""
    total_cost: Decimal
    """US dollars ever, as far as prices are known."""


class SpanStats(Record):
    """One of a series of equal spans of time, and what the cycles that ended in it came to."""

    since: Timestamp
    until: Timestamp
    """Where the next span begins."""
    figures: Rollup
