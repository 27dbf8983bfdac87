"""What the doctor says: findings, what was checked, and the figures."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field, JsonValue

from recursor.domain.record import Record, StackId, Timestamp

Figures = Mapping[str, JsonValue]


class Severity(StrEnum):
    """How much a finding matters."""

    WARNING = "warning"
    """Outside what is healthy, or about to become a problem; everything may still be as somebody wants it."""
    PROBLEM = "problem"
    """Something does not work."""
    PAST = "past"
    """It was so within the last 24 hours, and is over: nothing is to be done."""

    @property
    def rank(self) -> int:
        """How much it matters: less is more."""
        return (Severity.PROBLEM, Severity.WARNING, Severity.PAST).index(self)


class Observation(Record):
    """One thing that is wrong."""

    severity: Severity
    symptom: str
    """What a person notices, in one line."""
    evidence: str
    """What it was seen by, with its figures, in one line."""
    figures: Figures = Field(default_factory=dict)
    """The same figures for programs; spans in seconds, sizes in bytes, shares from 0 to 1."""
    cause: str
    """Why it is so, as far as the evidence tells."""
    fix: str
    """What to do about it."""
    commands: tuple[str, ...] = ()
    """The commands that do it, for a POSIX shell, in this order."""
    since: Timestamp | None = None
    """Since when it has been so, as far as the evidence goes back; None where that is not known."""
    until: Timestamp | None = None
    """Until when it was so; None while it is so."""


class Finding(Observation):
    """An observation, and what it was made of."""

    id: str
    """The check that found it, such as "failure-rate". `docs/how-to/troubleshooting.md` explains each."""
    stack_id: StackId | None = None
    """The stack it is about; None when it is about the runner, the store or the machine."""
    stack: str | None = None
    """That stack's name."""


class CheckOutcome(StrEnum):
    """What a check came to."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"
    """There was no evidence to judge by; `detail` says why."""


class Checked(Record):
    """One check, over everything it looked at."""

    id: str
    title: str
    """What holds when all is well."""
    outcome: CheckOutcome
    findings: int = 0
    detail: str = ""
    """The figures it judged by, in one line."""


class StackTotals(Record):
    """The figures over all stacks that were looked at."""

    stacks: int = 0
    states: Mapping[str, int] = Field(default_factory=dict)
    """How many stacks there are in each state; "unreadable" is one of them."""
    resting: int = 0
    """Running stacks that wait for an event, with nothing due."""
    waiting_for_provider: int = 0
    """Running stacks that have work, and wait for their provider."""
    working: int = 0
    """Stacks in a cycle."""
    total_cycles: int = 0
    """All cycles since the stacks were last started."""
    cycles: int = 0
    """Cycles that ended in the last 24 hours, as everything below counts the last 24 hours."""
    completed: int = 0
    failed: int = 0
    waiting: int = 0
    """Cycles in which nothing failed and a role had to wait, as for its provider."""
    success_rate: float | None = None
    """Completed of those that completed or failed, 0 to 1."""
    average_seconds: float | None = None
    longest_seconds: float | None = None
    agents_run: int = 0
    agents_failed: int = 0
    average_parallel: float | None = None
    """Mean of the most runs at the same time in each cycle."""
    unanswered: int = 0
    """Visitors' messages that wait for an answer now."""
    open_todos: int = 0
    oldest_stack_at: Timestamp | None = None
    """When the oldest of the stacks was made."""


class Report(Record):
    """What was checked, what was found, and the figures."""

    at: Timestamp
    healthy: bool
    """Whether there is no problem; there may be warnings."""
    problems: int
    warnings: int
    past: int = 0
    """What was wrong within the last 24 hours and is over."""
    stack_id: StackId | None = None
    """The one stack that was looked into; None for all."""
    totals: StackTotals
    checks: tuple[Checked, ...]
    findings: tuple[Finding, ...]
    """Problems first, then warnings, then what is over; in the order of the checks, then by stacks' names."""
