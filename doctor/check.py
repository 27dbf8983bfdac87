"""A check: a name, a statement that holds when all is well, and a pure function that judges evidence."""

from collections.abc import Callable
from dataclasses import dataclass

from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, StackTotals


@dataclass(frozen=True, slots=True)
class Fine:
    """No problem, with figures."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No evidence to judge, with the reason."""

    why: str


@dataclass(frozen=True, slots=True)
class SystemCheck:
    """A check of the runner, the store or the machine."""

    id: str
    """Stable: scripts and the documentation use it."""
    title: str
    """The statement that holds when all is well."""
    judge: Callable[[Evidence, StackTotals], Observation | Fine | Unknown]


@dataclass(frozen=True, slots=True)
class StackCheck:
    """A check of one stack."""

    id: str
    """Stable: scripts and the documentation use it."""
    title: str
    """The statement that holds when all is well."""
    judge: Callable[[Evidence, StackEvidence], Observation | None]
    figures: Callable[[StackTotals], str]
    """Returns the line for all stacks together when none has a problem."""
    in_focus: bool = False
    """Whether it is made only for the one stack that a person asked about."""
    told_by: tuple[str, ...] = ()
    """Checks whose finding in the same stack tells this problem, too, if it matters as much."""


Check = SystemCheck | StackCheck
