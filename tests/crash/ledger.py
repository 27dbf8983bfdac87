"""What the parent asked of its children, and what it knows for certain to have happened."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

ABSENT, IDLE, RUNNING, PAUSED, STOPPED = "absent", "idle", "running", "paused", "stopped"

# (command, state before) → state after; what is not here is refused.
_TRANSITIONS = {
    ("create", ABSENT): RUNNING,
    ("start", IDLE): RUNNING,
    ("start", STOPPED): RUNNING,
    ("start", RUNNING): RUNNING,
    ("pause", RUNNING): PAUSED,
    ("pause", PAUSED): PAUSED,
    ("resume", PAUSED): RUNNING,
    ("resume", RUNNING): RUNNING,
    **{("stop", state): STOPPED for state in (IDLE, RUNNING, PAUSED, STOPPED)},
    **{("delete", state): ABSENT for state in (IDLE, RUNNING, PAUSED, STOPPED)},
}
CONTROLS = frozenset(op for op, _ in _TRANSITIONS)


@dataclass
class Asked:
    """A command, and its answer if there was one."""

    number: int
    op: str
    stack: str
    args: dict[str, Any]
    sent_at: float
    answered_at: float | None = None
    """When it was on disk, by the child's word. This and the one above: seconds since the epoch, UTC."""
    ok: bool = False
    error: str | None = None
    result: Any = None
    beside: bool = False
    """Whether it was written to the store by another process, and not by the runner."""


@dataclass
class Ledger:
    """All commands of all lives, in the order in which they were given."""

    asked: list[Asked] = field(default_factory=list)
    _settled: int = 0
    """How many of them have been taken into the states below."""
    _possible: dict[str, frozenset[str]] = field(default_factory=dict)
    """The states that a stack may be in."""

    def ask(self, op: str, stack: str, at: float, **args: Any) -> Asked:
        asked = Asked(len(self.asked), op, stack, args, at)
        self.asked.append(asked)
        return asked

    def answer(self, answer: dict[str, Any]) -> Asked:
        asked: Asked = self.asked[answer["n"]]
        assert asked.answered_at is None, f"answered twice: {asked}"
        asked.answered_at, asked.ok = answer["at"], answer["ok"]
        asked.error, asked.result = answer.get("error"), answer.get("result")
        return asked

    def acknowledged(self, op: str) -> Iterator[Asked]:
        return (asked for asked in self.asked if asked.op == op and asked.ok)

    def existing(self) -> list[str]:
        """Return the stacks whose creation was acknowledged, and whose deletion was not asked for."""
        there: dict[str, None] = {}
        for asked in self.asked:
            if asked.op == "create" and asked.ok:
                there[asked.stack] = None
            elif asked.op == "delete" and asked.error is None:
                there.pop(asked.stack, None)
        return list(there)

    def possible_states(self) -> dict[str, frozenset[str]]:
        """Return the states that every stack may be in, now that no command is under way any more."""
        for asked in self.asked[self._settled :]:
            if asked.op in CONTROLS:
                before = self._possible.get(asked.stack, frozenset({ABSENT}))
                self._possible[asked.stack] = _after(before, asked)
        self._settled = len(self.asked)
        return self._possible

    def found(self, stack: str, state: str) -> None:
        """Note which of its possible states a stack is in."""
        self._possible[stack] = frozenset({state})


def _after(states: frozenset[str], asked: Asked) -> frozenset[str]:
    done = frozenset(_TRANSITIONS[asked.op, state] for state in states if (asked.op, state) in _TRANSITIONS)
    if asked.answered_at is None:
        return states | done
    if asked.ok:
        return done
    if "make room" in (asked.error or ""):
        return states
    return frozenset(state for state in states if (asked.op, state) not in _TRANSITIONS)


@dataclass(frozen=True)
class Ban:
    """A span of time in which no agent of a stack may begin."""

    stack: str
    why: str
    begin: float
    end: float


def bans(ledger: Ledger) -> Iterator[Ban]:
    """Yield the spans from the acknowledgement of a pause, stop or deletion to the next command to run."""
    for index, asked in enumerate(ledger.asked):
        if asked.op in ("pause", "stop", "delete") and asked.ok and not asked.beside:
            assert asked.answered_at is not None
            later = (
                other.sent_at
                for other in ledger.asked[index + 1 :]
                if other.stack == asked.stack and other.op in ("resume", "start", "create")
            )
            yield Ban(asked.stack, asked.op, asked.answered_at, next(later, float("inf")))
