"""The doctor's report: findings, checks, and figures."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field, JsonValue

from recursor.domain.record import Record, StackId, Timestamp

Figures = Mapping[str, JsonValue]


class Severity(StrEnum):
    """The severity of a finding."""

    WARNING = "warning"
    """Outside the healthy range, or about to become a problem; it may be intended."""
    PROBLEM = "problem"
    """Something does not work."""
    PAST = "past"
    """It was so within the last 24 hours, and is over: nothing is to be done."""

    @property
    def rank(self) -> int:
        """How much it matters: less is more."""
        return (Severity.PROBLEM, Severity.WARNING, Severity.PAST).index(self)


class Observation(Record):
    """A problem."""

    severity: Severity
    symptom: str
    """The symptom that a person notices, in one line."""
    evidence: str
    """The observation, with its figures, in one line."""
    figures: Figures = Field(default_factory=dict)
    """The same figures for programs; spans in seconds, sizes in bytes, shares from 0 to 1."""
    cause: str
    """The cause, as far as the evidence shows."""
    fix: str
    """The remedy."""
    commands: tuple[str, ...] = ()
    """The commands that do it, for a POSIX shell, in this order."""
    since: Timestamp | None = None
    """Since when it has been so, as far as the evidence goes back; None where that is not known."""
    until: Timestamp | None = None
    """Until when it was so; None while it is so."""


class Finding(Observation):
    """An observation, with its check and stack."""

    id: str
    """The check that found it, such as "failure-rate". `docs/how-to/troubleshooting.md` explains each."""
    stack_id: StackId | None = None
    """The stack concerned; None if it concerns the runner, the store or the machine."""
    stack: str | None = None
    """That stack's name."""


class CheckOutcome(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"
    """There was no evidence to judge; `detail` gives the reason."""


class Checked(Record):
    """One check, over all its subjects."""

    id: str
    title: str
    """The statement that holds when all is well."""
    outcome: CheckOutcome
    findings: int = 0
    detail: str = ""
    """Its figures, in one line."""


class StackTotals(Record):
    """The figures over all examined stacks."""

    stacks: int = 0
    states: Mapping[str, int] = Field(default_factory=dict)
    """Number of stacks by state; "unreadable" is one of them."""
    resting: int = 0
    """Running stacks that wait for an event, with nothing due."""
    waiting_for_provider: int = 0
    """Running stacks that have work but wait for their provider."""
    workspaces: int = 0
    """Stacks that work on a repository."""
    working: int = 0
    """Stacks in a cycle."""
    total_cycles: int = 0
    """All cycles since the stacks were last started."""
    cycles: int = 0
    """Cycles that ended in the last 24 hours, the span of everything below."""
    completed: int = 0
    failed: int = 0
    waiting: int = 0
    """Cycles in which nothing failed but a role had to wait, such as for its provider."""
    success_rate: float | None = None
    """Share of completed cycles among those that completed or failed, 0 to 1."""
    average_seconds: float | None = None
    longest_seconds: float | None = None
    agents_run: int = 0
    agents_failed: int = 0
    average_parallel: float | None = None
    """Mean of each cycle's most concurrent runs."""
    unanswered: int = 0
    """Visitors' messages that are unanswered now."""
    open_todos: int = 0
    oldest_stack_at: Timestamp | None = None
    """When the oldest of the stacks was created."""


class Report(Record):
    """The checks, the findings, and the figures."""

    at: Timestamp
    healthy: bool
    """Whether there is no problem; there may be warnings."""
    problems: int
    warnings: int
    past: int = 0
    """Problems of the last 24 hours that are over."""
    stack_id: StackId | None = None
    """The single examined stack; None for all."""
    totals: StackTotals
    checks: tuple[Checked, ...]
    findings: tuple[Finding, ...]
    """Problems first, then warnings, then what is over; in the order of the checks, then by stacks' names."""
