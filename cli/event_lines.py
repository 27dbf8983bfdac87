"""An event as one line on a terminal."""

from collections.abc import Callable, Mapping
from typing import Any

from recursor.cli.output import one_line
from recursor.cli.wording import ahead, clock_time, run_name, span
from recursor.domain.record import seconds_of

Event = Mapping[str, Any]

# Characters of an unfinished answer: its end, which is new.
_SAID = 100


def event_line(event: Event, name: str) -> str:
    """Return an event as one line.

    Args:
        event: the event as plain JSON data.
        name: the name of its stack; empty if it concerns all.
    """
    told = _TOLD.get(event["kind"])
    # A newer runner may send unknown events.
    what = event["kind"].replace("_", " ") if told is None else told(event)
    return one_line(f"{clock_time(seconds_of(event['at']))}  {name + ': ' if name else ''}{what}")


def _run(fields: Mapping[str, Any]) -> str:
    return run_name(fields["role"], fields.get("todo_id"))


def _changed(event: Event) -> str:
    reason = f": {event['reason']}" if event["reason"] else ""
    return f"is {event['state']}, {event['phase']}{reason}"


def _detected(event: Event) -> str:
    found = {role: each for role, each in event["report"]["statuses"].items() if each["has_work"]}
    if not found:
        return "no role has work"
    return "work for " + ", ".join(f"{role} ({each['priority']})" for role, each in found.items())


def _started(event: Event) -> str:
    runs = ", ".join(_run(node) for node in event["graph"]["nodes"])
    return f"cycle {event['number']} begins: {runs}"


def _node_finished(event: Event) -> str:
    took = "" if event["seconds"] is None else f" in {span(event['seconds'])}"
    said = event["note"] or event["summary"]
    return f"{_run(event)} {event['status']}{took}{': ' + said if said else ''}"


def _finished(event: Event) -> str:
    decision = event["decision"]
    then = "" if decision is None else f"; {decision['kind']}: {decision['reason']}"
    return f"cycle {event['number']} {event['status']} in {span(event['seconds'])}{then}"


def _waits(event: Event) -> str:
    until = "until an event"
    if event["until"] is not None:
        until = f"next check {ahead(seconds_of(event['until']), seconds_of(event['at']))}"
    return f"waits: {event['decision']['reason']} ({until})"


_TOLD: Mapping[str, Callable[[Event], str]] = {
    "stack_changed": _changed,
    "stack_deleted": lambda _event: "is deleted",
    "work_detected": _detected,
    "cycle_started": _started,
    "node_started": lambda event: f"{_run(event)} begins: {event['reason']}",
    "node_progress": lambda event: f"{_run(event)} … {event['text'][-_SAID:]}",
    "node_finished": _node_finished,
    "cycle_finished": _finished,
    "stack_waits": _waits,
    "trouble": lambda event: f"trouble: {event['problem']}",
    "user_message_sent": lambda event: f"{event['sender']} writes: {event['content']}",
    "user_message_answered": lambda event: f"answers: {event['answer']}",
    "message_sent": lambda event: f"{event['from_name']} writes: {event['content']}",
    "contents_changed": lambda event: f"its {event['what']} changed",
    "missed": lambda event: f"some events were missed ({event['why']}): reload the state",
}
