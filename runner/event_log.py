"""Logs events of stacks: one record per event, with the ids of stack, cycle and node."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from pykka import ActorRef

from recursor.actors.event_rate import EventRate
from recursor.domain.events import (
    ContentsChanged,
    CycleFinished,
    CycleStarted,
    Event,
    MessageSent,
    NodeFinished,
    NodeStarted,
    StackChanged,
    StackDeleted,
    StackWaits,
    UserMessageAnswered,
    UserMessageSent,
)
from recursor.domain.execution import ExecutionStatus
from recursor.domain.graph import NodeStatus, node_key
from recursor.domain.record import iso
from recursor.runner.listening import ListeningThread
from recursor.runner.log_records import events_logger
from recursor.runner.stack_names import StackNames
from recursor.storage.store import Store

Fields = dict[str, Any]

# A record costs some 60 microseconds of the engine's time, so these limits take half a percent of a core.
# Rare events (changes of state, failures) are always logged.
STACK_RATE, STACK_BURST = 10.0, 100.0
TOTAL_RATE, TOTAL_BURST = 80.0, 800.0
# For a level at which everything is wanted.
DEBUG_RATE, DEBUG_BURST = 500.0, 2000.0

# Seconds between two notes on events that were not logged.
NOTICE_SECONDS = 10.0


class EventLog(ListeningThread):
    """Listens to an orchestrator and logs, from `with` to its end."""

    def __init__(self, orchestrator: ActorRef[Any], store: Store, level: int) -> None:
        """Prepare the log.

        Args:
            orchestrator: the source of the events.
            store: holds the stacks' names.
            level: the lowest level that is kept anywhere: lower records are not even made.
        """
        kinds = frozenset(kind for kind, (usual, _) in _ENTRIES.items() if usual >= level)
        if level > logging.INFO:
            # Only failures, which are delivered at any rate.
            kinds = frozenset((CycleFinished, NodeFinished))
            rate = EventRate(0, 0, 0, 0)
        elif level <= logging.DEBUG:
            rate = EventRate(DEBUG_RATE, DEBUG_BURST, DEBUG_RATE, DEBUG_BURST)
        else:
            rate = EventRate(STACK_RATE, STACK_BURST, TOTAL_RATE, TOTAL_BURST)
        super().__init__(orchestrator, "recursor-event-log", kinds, rate)
        self._names = StackNames(store)
        self._log = events_logger()
        self._notice_at = 0.0

    def take(self, event: Event) -> None:
        """Log `event`."""
        usual, entry = _ENTRIES[type(event)]
        what, more = entry(event)
        level = more.pop("level", usual)
        name = self._names.of(event)
        self._log.log(level, what, time=iso(event.at), stack=event.stack_id, name=name, **more)
        if time.monotonic() >= self._notice_at:
            self._notice()

    def end(self) -> None:
        """Note how many events were not logged."""
        self._notice()

    def _notice(self) -> None:
        self._notice_at = time.monotonic() + NOTICE_SECONDS
        missed = self._rate.collect_missed()
        if missed:
            self._log.info("more happened than is logged", events=missed)


def _changed(event: StackChanged) -> tuple[str, Fields]:
    return f"stack is {event.state}", {"phase": str(event.phase), "reason": event.reason}


def _deleted(_: StackDeleted) -> tuple[str, Fields]:
    return "stack is deleted", {}


def _cycle_started(event: CycleStarted) -> tuple[str, Fields]:
    roles = [node.key for node in event.graph.nodes]
    return "cycle started", {"execution": event.execution_id, "cycle": event.number, "nodes": roles}


def _cycle_finished(event: CycleFinished) -> tuple[str, Fields]:
    decision = event.decision
    fields: Fields = {"execution": event.execution_id, "cycle": event.number}
    fields["seconds"] = round(event.seconds, 6)
    if decision is not None:
        fields |= {"decision": str(decision.kind), "pause": decision.pause, "reason": decision.reason}
    if event.status is ExecutionStatus.FAILED or (decision is not None and decision.suspend):
        fields["level"] = logging.WARNING
    return f"cycle {event.status}", fields


def _node_started(event: NodeStarted) -> tuple[str, Fields]:
    node = node_key(event.role, event.todo_id)
    fields = {"execution": event.execution_id, "node": node, "wave": event.wave}
    return "agent started", {**fields, "reason": event.reason}


def _node_finished(event: NodeFinished) -> tuple[str, Fields]:
    node = node_key(event.role, event.todo_id)
    fields: Fields = {"execution": event.execution_id, "node": node}
    if event.seconds is not None:
        fields["seconds"] = round(event.seconds, 6)
    if event.status is NodeStatus.FAILED:
        fields["level"] = logging.WARNING
    # An agent's own summary is in its trace.
    return f"agent {event.status}", {**fields, **({} if event.note is None else {"note": event.note})}


def _waits(event: StackWaits) -> tuple[str, Fields]:
    until = None if event.until is None else iso(event.until)
    return "stack waits", {"reason": event.decision.reason, "until": until}


def _visitor_wrote(event: UserMessageSent) -> tuple[str, Fields]:
    return "visitor wrote", {"message": event.message_id}


def _visitor_answered(event: UserMessageAnswered) -> tuple[str, Fields]:
    return "visitor is answered", {"message": event.message_id}


def _message(event: MessageSent) -> tuple[str, Fields]:
    return "message from another stack", {"message": event.message_id, "sender": event.from_stack_id}


def _contents(event: ContentsChanged) -> tuple[str, Fields]:
    return "contents changed", {"what": event.what}


# The level of the usual case; a failure is a warning. People's texts are not repeated in a log. Whoever has
# trouble logs it.
_ENTRIES: Mapping[type[Event], tuple[int, Callable[[Any], tuple[str, Fields]]]] = {
    StackChanged: (logging.INFO, _changed),
    StackDeleted: (logging.INFO, _deleted),
    CycleFinished: (logging.INFO, _cycle_finished),
    NodeFinished: (logging.INFO, _node_finished),
    UserMessageSent: (logging.INFO, _visitor_wrote),
    UserMessageAnswered: (logging.INFO, _visitor_answered),
    MessageSent: (logging.INFO, _message),
    ContentsChanged: (logging.INFO, _contents),
    CycleStarted: (logging.DEBUG, _cycle_started),
    NodeStarted: (logging.DEBUG, _node_started),
    StackWaits: (logging.DEBUG, _waits),
}
