"""Makes OpenTelemetry traces (cycle, waves, nodes) and metrics of stacks' events."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from types import TracebackType
from typing import Any

from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import Span, Status, StatusCode, Tracer, set_span_in_context
from pykka import ActorDeadError, ActorRef, Timeout

from recursor.actors.event_rate import EventRate
from recursor.actors.messages import GetLoad, OrchestratorLoad
from recursor.domain.events import (
    CycleFinished,
    CycleStarted,
    Event,
    NodeFinished,
    StackChanged,
    StackDeleted,
)
from recursor.domain.graph import Node, Usage, node_key
from recursor.domain.stack import ExecutionState
from recursor.domain.statistics import Rollup
from recursor.runner.listening import ListeningThread
from recursor.runner.stack_names import StackNames
from recursor.runner.telemetry_export import Providers
from recursor.storage.rollups import lifetime_rollup
from recursor.storage.store import Store

Attributes = Mapping[str, str | int | float]

# Some 80 microseconds of the engine's time each: 4 % of a core at most. The counter of cycles comes from the
# store, and misses nothing.
STACK_RATE, STACK_BURST = 50.0, 500.0
TOTAL_RATE, TOTAL_BURST = 500.0, 2000.0

# Seconds for an orchestrator to report its load.
PATIENCE_SECONDS = 2.0

# Seconds: an agent without a model takes milliseconds, one with a large model minutes.
_BOUNDARIES = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)

# OpenTelemetry's own names for generative models: its semantic conventions, "gen-ai".
_MODEL, _INPUT, _OUTPUT = "gen_ai.request.model", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"

_KINDS: frozenset[type[Event]] = frozenset(
    (CycleStarted, NodeFinished, CycleFinished, StackChanged, StackDeleted)
)


@dataclass(slots=True)
class _Cycle:
    """A cycle that has not ended."""

    began: CycleStarted
    ended_nodes: list[NodeFinished] = field(default_factory=list)


class Telemetry(ListeningThread):
    """Reports an orchestrator's cycles to providers, from `with` to its end.

    A cycle's spans are made after its end, with the original times.
    """

    def __init__(self, orchestrator: ActorRef[Any], store: Store, providers: Providers) -> None:
        """Prepare the reports.

        Args:
            orchestrator: runs the cycles.
            store: holds the stacks' names and the sums.
            providers: make spans and instruments; they are closed at the end.
        """
        rate = EventRate(STACK_RATE, STACK_BURST, TOTAL_RATE, TOTAL_BURST)
        super().__init__(orchestrator, "recursor-telemetry", _KINDS, rate)
        self._store = store
        self._names = StackNames(store)
        self._providers = providers
        self._tracer = providers.tracer()
        self._cycles: dict[str, _Cycle] = {}
        self._load: tuple[float, OrchestratorLoad | None] = (0.0, None)
        self._make_instruments()

    def take(self, event: Event) -> None:
        """Remember `event`, count it, and make spans once its cycle is over."""
        name = self._names.of(event)
        match event:
            case CycleStarted():
                self._cycles[event.stack_id] = _Cycle(event)
            case NodeFinished():
                self._count_node(event)
                cycle = self._cycles.get(event.stack_id)
                if cycle is not None and cycle.began.execution_id == event.execution_id:
                    cycle.ended_nodes.append(event)
            case CycleFinished():
                if self._cycle_seconds is not None:
                    self._cycle_seconds.record(event.seconds, {"status": str(event.status)})
                cycle = self._cycles.pop(event.stack_id, None)
                if cycle is not None and cycle.began.execution_id == event.execution_id:
                    self._trace(cycle, name, event, event.at)
            case StackDeleted() | StackChanged(state=ExecutionState.STOPPED):
                cycle = self._cycles.pop(event.stack_id, None)
                if cycle is not None:
                    self._trace(cycle, name, None, event.at)
            case _:
                pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Send the rest, for some seconds at most."""
        super().__exit__(kind, error, traceback)
        self._providers.close()

    def _trace(self, cycle: _Cycle, name: str | None, end: CycleFinished | None, at: float) -> None:
        if self._tracer is None:
            return
        began = cycle.began
        ids = {"recursor.stack.id": began.stack_id, "recursor.execution.id": began.execution_id}
        if name is not None:
            ids["recursor.stack.name"] = name
        status = "cancelled" if end is None else str(end.status)
        attributes: dict[str, str | int | float] = {
            **ids,
            "recursor.cycle.number": began.number,
            "recursor.status": status,
        }
        if end is not None and end.decision is not None:
            attributes["recursor.decision"] = str(end.decision.kind)
            attributes["recursor.decision.reason"] = end.decision.reason
            if end.decision.pause is not None:
                attributes["recursor.decision.pause"] = end.decision.pause
        span = _begin(self._tracer, "cycle", None, began.at, attributes)
        nodes = {node.key: node for node in began.graph.nodes}
        known = [each for each in cycle.ended_nodes if _key(each) in nodes]
        in_order = sorted(known, key=lambda each: nodes[_key(each)].wave)
        for wave, ended in groupby(in_order, key=lambda each: nodes[_key(each)].wave):
            self._trace_wave(span, wave, list(ended), nodes, ids)
        failed = [f"{each.role}: {each.note}" for each in known if each.status == "failed"]
        _finish(span, at, "; ".join(failed) if status == "failed" else None)

    def _trace_wave(
        self, cycle: Span, wave: int, ended: list[NodeFinished], nodes: Mapping[str, Node], ids: Attributes
    ) -> None:
        assert self._tracer is not None
        begins = [each.at - (each.seconds or 0.0) for each in ended]
        attributes = {**ids, "recursor.wave": wave, "recursor.wave.nodes": len(ended)}
        span = _begin(self._tracer, "wave", cycle, min(begins), attributes)
        for each, begin in zip(ended, begins, strict=True):
            node = nodes[_key(each)]
            described: dict[str, str | int | float] = {
                **ids,
                "recursor.wave": wave,
                "recursor.role": each.role,
                "recursor.reason": node.reason,
                "recursor.priority": node.priority,
                "recursor.status": str(each.status),
            }
            if each.todo_id is not None:
                described["recursor.todo.id"] = each.todo_id
            failed = each.status == "failed"
            if failed and each.note:
                described["error.type"] = each.note.partition(":")[0]
            described.update(_used(each.usage))
            inner = _begin(self._tracer, f"agent {each.role}", span, begin, described)
            _finish(inner, each.at, (each.note or "it failed") if failed else None)
        _finish(span, max(each.at for each in ended), None)

    def _make_instruments(self) -> None:
        meter = self._providers.meter()
        self._cycle_seconds = self._agent_seconds = self._agent_runs = None
        if meter is None:
            return
        self._cycle_seconds = meter.create_histogram(
            "recursor.cycle.duration",
            "s",
            "Duration of cycles.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self._agent_seconds = meter.create_histogram(
            "recursor.agent.duration",
            "s",
            "Duration of agents' runs.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self._agent_runs = meter.create_counter("recursor.agent.runs", "{run}", "Runs of agents, by role.")
        meter.create_observable_counter(
            "recursor.cycles", [self._observe_cycles], "{cycle}", "All cycles that ended."
        )
        meter.create_observable_counter(
            "recursor.tokens", [self._observe_tokens], "{token}", "All tokens, by model."
        )
        meter.create_observable_counter(
            "recursor.cost",
            [self._observe_cost],
            "USD",
            "All US dollars, by model, of usage with a known price.",
        )
        for name, field_name, unit, what in (
            ("recursor.stacks.active", "active_stacks", "{stack}", "Stacks whose actors are in memory."),
            ("recursor.stacks.sleeping", "sleeping_stacks", "{stack}", "Stacks that a timer will wake."),
            ("recursor.agents.running", "agents_running", "{agent}", "Running agents."),
            ("recursor.agents.queued", "agents_queued", "{agent}", "Agents waiting for a slot."),
        ):
            meter.create_observable_gauge(name, [self._observer(field_name)], unit, what)

    def _count_node(self, event: NodeFinished) -> None:
        attributes = {"role": event.role, "status": str(event.status)}
        if self._agent_runs is not None and event.status in ("completed", "failed", "waiting"):
            self._agent_runs.add(1, attributes)
        if self._agent_seconds is not None and event.seconds is not None:
            self._agent_seconds.record(event.seconds, attributes)

    def _observe_tokens(self, _: CallbackOptions) -> Iterable[Observation]:
        for model, use in self._ever().models.items():
            for kind, tokens in (("input", use.input_tokens), ("output", use.output_tokens)):
                yield Observation(tokens, {_MODEL: model, "gen_ai.token.type": kind})

    def _observe_cost(self, _: CallbackOptions) -> Iterable[Observation]:
        for model, use in self._ever().models.items():
            yield Observation(float(use.cost), {_MODEL: model})

    def _observe_cycles(self, _: CallbackOptions) -> Iterable[Observation]:
        ever = self._ever()
        for status in ("completed", "failed", "waiting", "cancelled"):
            yield Observation(getattr(ever, status), {"status": status})

    def _ever(self) -> Rollup:
        with self._store.read() as reader:
            return lifetime_rollup(reader)

    def _observer(self, field_name: str) -> Any:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            load = self._current_load()
            return [] if load is None else [Observation(getattr(load, field_name))]

        return observe

    def _current_load(self) -> OrchestratorLoad | None:
        at, load = self._load
        # One question serves all instruments of a collection.
        if time.monotonic() - at > 1.0:
            try:
                answer = self._orchestrator.ask(GetLoad(), timeout=PATIENCE_SECONDS)
                load = answer if isinstance(answer, OrchestratorLoad) else None
            except (ActorDeadError, Timeout):
                load = None
            self._load = time.monotonic(), load
        return load


def _key(event: NodeFinished) -> str:
    return node_key(event.role, event.todo_id)


def _begin(tracer: Tracer, name: str, parent: Span | None, at: float, attributes: Attributes) -> Span:
    context = Context() if parent is None else set_span_in_context(parent)
    return tracer.start_span(name, context, attributes=attributes, start_time=_nanoseconds(at))


def _used(usage: Usage | None) -> Attributes:
    if usage is None:
        return {}
    known: dict[str, str | int | float] = {_INPUT: usage.input_tokens, _OUTPUT: usage.output_tokens}
    if usage.model is not None:
        provider, _, model = usage.model.partition(":")
        known.update({"gen_ai.provider.name": provider, _MODEL: model} if model else {_MODEL: provider})
    if usage.cost is not None:
        known["recursor.cost.dollars"] = float(usage.cost)
    return known


def _finish(span: Span, at: float, error: str | None) -> None:
    if error is not None:
        span.set_status(Status(StatusCode.ERROR, error))
    span.end(_nanoseconds(at))


def _nanoseconds(at: float) -> int:
    return int(at * 1e9)
