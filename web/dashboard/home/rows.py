"""The first page's data about each team: at most one page of teams is read."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from recursor.domain.errors import InvalidInputError
from recursor.domain.stack import ExecutionState, Phase
from recursor.storage.stack_listing import StackFilter, StackListed, StackOrder, StackPage, list_page
from recursor.storage.store import Reader
from recursor.web.dashboard.orchestration.cards import SUCCESS_LOW
from recursor.web.dashboard.state_styles import PHASES, STATES, UNREADABLE, WAITS_FOR, listing, percent

ROWS = 25

Row = dict[str, Any]
"""The data for a team in `teams_table.js`."""


@dataclass(frozen=True, slots=True)
class TeamQuery:
    """The teams to show."""

    search: str = ""
    state: ExecutionState | None = None
    order: StackOrder = StackOrder.CREATED
    after: str | None = None
    """The start of the page; None: the first team."""


def find_teams(reader: Reader, wanted: TeamQuery, now: float) -> StackPage:
    """Return the wanted page of teams (`now` in seconds since the epoch, UTC).

    A mistyped address shows the first page.
    """
    which = StackFilter(states=() if wanted.state is None else (wanted.state,), search=wanted.search)
    try:
        return list_page(reader, now, which, wanted.order, ROWS, wanted.after)
    except InvalidInputError:
        return list_page(reader, now, which, wanted.order, ROWS)


def row_of(team: StackListed) -> Row:
    """Return a team's row."""
    if team.problem is not None:
        return {
            "id": team.id, "name": team.id, "state": UNREADABLE._asdict(), "phase": "—",
            "doing": team.problem, "until": None, "active": False, "cycles": "—", "success": "—",
            "poor": False, "last": None,
        }  # fmt: skip
    doing, until = _doing(team)
    return {
        "id": team.id,
        "name": team.name,
        "state": (STATES[team.state] if team.waits_for is None else WAITS_FOR[team.waits_for])._asdict(),
        "phase": PHASES[team.phase],
        "doing": doing,
        "until": until,
        "active": bool(team.running),
        "cycles": f"{team.total_cycles:,}",
        "success": percent(team.success_rate),
        "poor": team.success_rate is not None and team.success_rate < SUCCESS_LOW,
        "last": team.last_activity_at,
    }


_RESTS = {
    ExecutionState.IDLE: "Not started yet",
    ExecutionState.PAUSED: "Paused until resumed",
    ExecutionState.STOPPED: "Stopped until started",
}
_WAITS = {
    Phase.COMPLETE: "Done, waiting for a message",
    Phase.PARTIAL: "Done as far as a scripted team can, waiting for a message",
}


def _doing(team: StackListed) -> tuple[str, float | None]:
    """Return what a team does now, and until when it waits (seconds since the epoch, UTC)."""
    if working := _counted([each.role for each in team.running if each.since is not None]):
        return f"{listing(working).capitalize()} working", None
    if team.running:
        waiting = listing(_counted([each.role for each in team.running])).capitalize()
        return f"{waiting} {'waits' if len(team.running) == 1 else 'wait'} for a slot", None
    if team.state is not ExecutionState.RUNNING:
        return team.waits or _RESTS[team.state], None
    if team.waits_for is not None:
        return team.waits or "Waiting, next check", team.next_look_at
    if team.next_look_at is not None:
        return "Waiting, next check", team.next_look_at
    return _WAITS.get(team.phase, "Waiting for a message or todo"), None


def _counted(roles: Iterable[str]) -> list[str]:
    """Return each role once, with the number of its runs if there are several."""
    return [role + (f" ({count})" if count > 1 else "") for role, count in Counter(roles).items()]
