"""Logs what happens to stacks: a record an event, with the ids of stack, cycle and node."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from pykka import ActorDeadError, ActorRef

from recursor.actors.event_rate import EventRate
from recursor.actors.messages import Subscribe, Unsubscribe
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
from recursor.domain.graph import NodeStatus
from recursor.domain.record import iso
from recursor.runner.log_records import events_logger
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Store
from recursor.storage.tables import STACKS

Fields = dict[str, Any]

# A record costs some 60 microseconds of the engine's time: these make it half a percent of a core. What is
# rare (changes of state, failures) is logged in any case.
STACK_RATE, STACK_BURST = 10.0, 100.0
TOTAL_RATE, TOTAL_BURST = 80.0, 800.0
# For who asked for everything.
DEBUG_RATE, DEBUG_BURST = 500.0, 2000.0

# How often it is said that there was more than is logged, in seconds.
NOTICE_SECONDS = 10.0


class EventLog:
    """Listens to an orchestrator, from `with` to its end; its own thread logs, so that nobody waits."""

    def __init__(self, orchestrator: ActorRef[Any], store: Store, level: int) -> None:
        """Prepare it.

        Args:
            orchestrator: whose events to log.
            store: where the stacks' names are.
            level: the least serious record that is kept anywhere: what is not even logged is not made.
        """
        self._orchestrator = orchestrator
        self._store = store
        self._kinds = frozenset(kind for kind, (usual, _) in _ENTRIES.items() if usual >= level)
        if level > logging.INFO:
            # Nothing but failures, which are told whatever the rate.
            self._kinds = frozenset((CycleFinished, NodeFinished))
            self._rate = EventRate(0, 0, 0, 0)
        elif level <= logging.DEBUG:
            self._rate = EventRate(DEBUG_RATE, DEBUG_BURST, DEBUG_RATE, DEBUG_BURST)
        else:
            self._rate = EventRate(STACK_RATE, STACK_BURST, TOTAL_RATE, TOTAL_BURST)
        self._inbox: SimpleQueue[Event | None] = SimpleQueue()
        self._names: dict[str, str] = {}
        self._log = events_logger()
        self._notice_at = 0.0
        self._thread = threading.Thread(target=self._run, name="recursor-event-log", daemon=True)

    def tell(self, message: Event) -> None:
        """See `Listener.tell`."""
        self._inbox.put(message)

    def __enter__(self) -> EventLog:
        """Begin to listen."""
        self._thread.start()
        self._orchestrator.ask(Subscribe(self, rate=self._rate, kinds=self._kinds))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Log what has happened so far, and listen no more."""
        with suppress(ActorDeadError):
            self._orchestrator.ask(Unsubscribe(self))
        self._inbox.put(None)
        self._thread.join()
        self._notice()

    def _run(self) -> None:
        while (event := self._inbox.get()) is not None:
            try:
                self._enter(event)
            except Exception:
                logging.getLogger("recursor.runner").exception("an event could not be logged")
            if time.monotonic() >= self._notice_at:
                self._notice()

    def _enter(self, event: Event) -> None:
        usual, entry = _ENTRIES[type(event)]
        what, more = entry(event)
        level = more.pop("level", usual)
        name = self._name(event)
        self._log.log(level, what, time=iso(event.at), stack=event.stack_id, name=name, **more)

    def _notice(self) -> None:
        self._notice_at = time.monotonic() + NOTICE_SECONDS
        missed = self._rate.collect_missed()
        if missed:
            self._log.info("more happened than is logged", events=missed)

    def _name(self, event: Event) -> str | None:
        if isinstance(event, StackChanged):
            self._names[event.stack_id] = event.name
        name = self._names.get(event.stack_id)
        if isinstance(event, StackDeleted):
            self._names.pop(event.stack_id, None)
        elif name is None:
            with suppress(CorruptRecordError), self._store.read() as reader:
                stack = STACKS.get(reader, event.stack_id)
                if stack is not None:
                    name = self._names[stack.id] = stack.name
        return name


def _changed(event: StackChanged) -> tuple[str, Fields]:
    return f"stack is {event.state}", {"phase": str(event.phase), "reason": event.reason}


def _deleted(_: StackDeleted) -> tuple[str, Fields]:
    return "stack is deleted", {}


def _cycle_started(event: CycleStarted) -> tuple[str, Fields]:
    roles = [node.role for node in event.graph.nodes]
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
    fields = {"execution": event.execution_id, "node": event.role, "wave": event.wave}
    return "agent started", {**fields, "reason": event.reason}


def _node_finished(event: NodeFinished) -> tuple[str, Fields]:
    fields: Fields = {"execution": event.execution_id, "node": event.role}
    if event.seconds is not None:
        fields["seconds"] = round(event.seconds, 6)
    if event.status is NodeStatus.FAILED:
        fields["level"] = logging.WARNING
    # What an agent says of its work is in its trace.
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


# The level of the usual case; a failure is a warning. What people wrote is not repeated in a log. Trouble is
# logged by who has it.
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
