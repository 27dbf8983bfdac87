"""Metrics for Prometheus, from the store's sums and the orchestrator's load."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from recursor.actors.messages import OrchestratorLoad
from recursor.domain.statistics import Rollup
from recursor.storage.data_directory import store_directory
from recursor.storage.rollups import lifetime_rollup
from recursor.storage.stack_listing import list_page
from recursor.storage.store import Reader

_BLOCK = 512


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """Figures from the store."""

    states: Mapping[str, int]
    """Number of stacks by state."""
    ever: Rollup
    """Totals of all cycles ever."""
    size: int | None
    """Bytes on disk; None if the store is in memory."""


def store_figures(reader: Reader, now: float, data: Path | None) -> StoreFigures:
    """Return the store's figures; this costs some microseconds per stack.

    Args:
        reader: the state of the store to read.
        now: seconds since the epoch, UTC.
        data: the data directory; None if the store is in memory.

    Raises:
        CorruptRecordError: the sums cannot be read.
    """
    states = {str(state): number for state, number in list_page(reader, now, limit=1).states.items()}
    return StoreFigures(states, lifetime_rollup(reader), None if data is None else _size(data))


def prometheus_text(figures: StoreFigures, load: OrchestratorLoad | None) -> bytes:
    """Return everything in Prometheus' text format (version 0.0.4).

    Args:
        figures: the store's figures.
        load: the orchestrator's load; None if it does not answer.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(figures, load))
    return generate_latest(registry)


class _Figures(Collector):
    """Built for every scrape: the store counts, not this process."""

    def __init__(self, figures: StoreFigures, load: OrchestratorLoad | None) -> None:
        self._figures = figures
        self._load = load

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("recursor", "The program.", {"version": _version()})
        yield from self._of_the_orchestrator()
        yield from self._of_the_store()

    def _of_the_orchestrator(self) -> Iterator[Metric]:
        load = self._load
        up = "Whether the orchestrator answers."
        yield GaugeMetricFamily("recursor_orchestrator_up", up, int(load is not None))
        if load is None:
            return
        for name, what, value in (
            ("active_stacks", "Stacks whose actors are in memory.", load.active_stacks),
            ("sleeping_stacks", "Stacks without actors that a timer will wake.", load.sleeping_stacks),
            ("agents_running", "Running agents.", load.agents_running),
            ("agents_queued", "Agents waiting for a slot.", load.agents_queued),
            ("agents_abandoned", "Threads in agents that did not end when cancelled.", load.agents_abandoned),
        ):
            yield GaugeMetricFamily(f"recursor_{name}", what, value)

    def _of_the_store(self) -> Iterator[Metric]:
        ever = self._figures.ever
        stacks = GaugeMetricFamily("recursor_stacks", "Stacks by state.", labels=["state"])
        for state, number in sorted(self._figures.states.items()):
            stacks.add_metric([state], number)
        yield stacks
        yield _counter(
            "cycles",
            "Cycles that ended.",
            "status",
            {status: getattr(ever, status) for status in ("completed", "failed", "waiting", "cancelled")},
        )
        yield _counter("decisions", "Decisions after cycles.", "kind", ever.decisions)
        yield from self._of_models()
        for name, what, value in (
            ("cycle_seconds", "Sum of the cycles' durations.", ever.seconds),
            ("agent_runs", "Runs of agents.", ever.agents_run),
            ("agent_failures", "Runs of agents that failed.", ever.agents_failed),
            ("agent_seconds", "Sum of the durations of agents' runs.", ever.agent_seconds),
            ("waves", "Waves that ran.", ever.waves),
        ):
            yield CounterMetricFamily(f"recursor_{name}", what, value)
        if self._figures.size is not None:
            yield GaugeMetricFamily("recursor_store_bytes", "The store's size on disk.", self._figures.size)

    def _of_models(self) -> Iterator[Metric]:
        ever = self._figures.ever
        tokens = CounterMetricFamily(
            "recursor_tokens",
            "Input and output tokens of agents' models.",
            labels=["direction", "model"],
        )
        named = sorted(ever.models.items())
        for model, use in named:
            tokens.add_metric(["input", model], use.input_tokens)
            tokens.add_metric(["output", model], use.output_tokens)
        # Tokens counted before there were sums by model have no model.
        for direction, number in (
            ("input", ever.input_tokens - sum(use.input_tokens for _, use in named)),
            ("output", ever.output_tokens - sum(use.output_tokens for _, use in named)),
        ):
            if number or not named:
                tokens.add_metric([direction, ""], number)
        yield tokens
        dollars = {model: float(use.cost) for model, use in named} or {"": 0.0}
        what = "US dollars for agents' models, of usage with a known price."
        yield _counter("cost_dollars", what, "model", dollars)
        unpriced = {model: use.unpriced_tokens for model, use in named} or {"": 0}
        yield _counter("unpriced_tokens", "Tokens with an unknown price.", "model", unpriced)


def _counter(name: str, what: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"recursor_{name}", what, labels=[label])
    for value, number in sorted(values.items()):
        family.add_metric([value], number)
    return family


def _size(data: Path) -> int | None:
    try:
        # The file may be sparse.
        return (store_directory(data) / "data.mdb").stat().st_blocks * _BLOCK
    except OSError:
        return None


@cache
def _version() -> str:
    try:
        return version("recursor")
    except PackageNotFoundError:
        return "unknown"
