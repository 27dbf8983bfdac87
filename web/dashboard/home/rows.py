"""What the first page says of each team, read from the store: no more than one page of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recursor.domain.graph import NodeStatus
from recursor.domain.stack import ExecutionState, Phase, Stack
from recursor.storage.queries import UnreadableStack, list_stacks
from recursor.storage.rollups import HOUR, sum_rollups
from recursor.storage.store import Reader
from recursor.storage.tables import GRAPHS
from recursor.web.dashboard.looks import PHASES, STATES, UNREADABLE, Look, listing, percent

ROWS = 25

Row = dict[str, Any]
"""What `teams_table.js` shows of a team."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which teams to show."""

    search: str = ""
    state: ExecutionState | None = None
    page: int = 0
    """From 0."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of teams, and how many there are."""

    rows: list[Row]
    page: int
    total: int
    """How many are as wanted."""
    counts: Mapping[str, int]
    """How many of those that are searched for there are in each state, and ("") in all."""
    ever: int
    """How many there are, whatever is wanted."""


@dataclass(slots=True)
class SuccessRates:
    """The success rates of the last day, read again only when a team has run since."""

    _known: dict[str, tuple[tuple[int, int], float | None]] = field(default_factory=dict)

    def of(self, reader: Reader, stack: Stack, now: float) -> float | None:
        """Return a team's success rate, 0 to 1; None if nothing succeeded or failed."""
        key = (stack.total_cycles, int(now // HOUR))
        known = self._known.get(stack.id)
        if known is None or known[0] != key:
            # From a full hour on, which is read as a whole.
            total = sum_rollups(reader, stack.id, (now // HOUR - 23) * HOUR, now)
            judged = total.completed + total.failed
            known = self._known[stack.id] = (key, total.completed / judged if judged else None)
        return known[1]


def find_teams(reader: Reader, wanted: Wanted, rates: SuccessRates, now: float) -> Found:
    """Return the page of teams that is wanted, newest first; the last one if there are not so many.

    Args:
        reader: the state of the store to read.
        wanted: which teams.
        rates: the success rates, as far as they are known.
        now: seconds since the epoch, UTC.
    """
    everyone = list(list_stacks(reader))
    text = wanted.search.strip().casefold()
    searched = [each for each in everyone if not text or text in _name(each).casefold() or text in each.id]
    counts: Counter[str] = Counter(each.state.value for each in searched if isinstance(each, Stack))
    counts[""] = len(searched)
    matching = [each for each in searched if wanted.state is None or _state(each) is wanted.state]
    matching.sort(key=lambda each: -each.created_at if isinstance(each, Stack) else 0)
    page = max(0, min(wanted.page, (len(matching) - 1) // ROWS))
    shown = matching[page * ROWS : (page + 1) * ROWS]
    rows = [
        _row(reader, each, rates, now) if isinstance(each, Stack) else _unreadable(each) for each in shown
    ]
    return Found(rows, page, len(matching), counts, len(everyone))


def _name(each: Stack | UnreadableStack) -> str:
    return each.name if isinstance(each, Stack) else each.id


def _state(each: Stack | UnreadableStack) -> ExecutionState | None:
    return each.state if isinstance(each, Stack) else None


def _row(reader: Reader, stack: Stack, rates: SuccessRates, now: float) -> Row:
    doing, until = _doing(reader, stack)
    rate = rates.of(reader, stack, now)
    return {
        "id": stack.id,
        "name": stack.name,
        "state": _shown(STATES[stack.state]),
        "phase": PHASES[stack.phase],
        "doing": doing,
        "until": until,
        "active": until is None and stack.current_execution_id is not None,
        "cycles": f"{stack.total_cycles:,}",
        "success": percent(rate),
        "poor": rate is not None and rate < 0.9,
        "last": stack.last_activity_at,
    }


def _unreadable(stack: UnreadableStack) -> Row:
    return {
        "id": stack.id, "name": stack.id, "state": _shown(UNREADABLE), "phase": "—", "doing": stack.problem,
        "until": None, "active": False, "cycles": "—", "success": "—", "poor": False, "last": None,
    }  # fmt: skip


def _shown(look: Look) -> dict[str, str]:
    return look._asdict()


def _doing(reader: Reader, stack: Stack) -> tuple[str, float | None]:
    """Return what a team does now, and until when it waits (seconds since the epoch, UTC)."""
    if stack.state is not ExecutionState.RUNNING:
        unsaid = {
            ExecutionState.IDLE: "Not started yet",
            ExecutionState.PAUSED: "Until it is resumed",
            ExecutionState.STOPPED: "Until it is started",
        }
        return stack.state_reason or unsaid[stack.state], None
    if stack.current_execution_id is not None:
        graph = GRAPHS.get(reader, stack.id, stack.current_execution_id)
        nodes = () if graph is None else graph.nodes
        running = [node.role for node in nodes if node.status is NodeStatus.RUNNING]
        if running:
            return f"{listing(running).capitalize()} at work", None
        return "Between two waves", None
    if stack.next_look_at is not None:
        return "Waits, looks again", stack.next_look_at
    return ("Done, waits for a message" if stack.phase is Phase.COMPLETE else "Waits for an event"), None
