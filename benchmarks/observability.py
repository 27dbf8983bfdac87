"""What a log and OpenTelemetry cost the engine: 100 busy stacks with each and without, in turn.

    .venv/bin/python -m benchmarks.observability [--seconds N] [--rounds N]

CPU time per cycle tells more than cycles per second where other programs use the machine, too.
"""

import argparse
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pykka import ActorRef

from benchmarks.idle_team import count_cycles, create, disk_store, idle_team, orchestrator, report
from recursor.actors.orchestrator import Orchestrator
from recursor.runner.event_log import EventLog
from recursor.runner.log_file import LogFile
from recursor.runner.log_records import json_formatter
from recursor.runner.logs import Logging
from recursor.runner.telemetry_events import Telemetry
from recursor.runner.telemetry_export import Providers
from recursor.storage.store import Store

STACKS = 100

Watch = Callable[[ActorRef[Orchestrator], Store, Path], Any]


def nobody(_: ActorRef[Orchestrator], __: Store, ___: Path) -> Any:
    """Watch nothing."""
    return nullcontext()


def log_at(level: int) -> Watch:
    """Return what logs to a file, as a runner does."""

    @contextmanager
    def watch(ref: ActorRef[Orchestrator], store: Store, folder: Path) -> Iterator[None]:
        with ExitStack() as held:
            file, lines = LogFile(folder / "recursor.log"), json_formatter("runner", ())
            held.enter_context(Logging(logging.CRITICAL, lines, file, lines, file_level=level))
            held.enter_context(EventLog(ref, store, level))
            yield

    return watch


def telemetry(ref: ActorRef[Orchestrator], store: Store, _: Path) -> Any:
    """Send traces and metrics to a collector that takes everything at once."""
    spans = BatchSpanProcessor(InMemorySpanExporter())
    return Telemetry(ref, store, Providers.of(spans, InMemoryMetricReader()))


WATCHERS: dict[str, Watch] = {
    "nobody": nobody,
    "log_info": log_at(logging.INFO),
    "log_debug": log_at(logging.DEBUG),
    "opentelemetry": telemetry,
}


def measure(watch: Watch, seconds: float) -> tuple[float, float]:
    """Return cycles per second, and microseconds of CPU per cycle."""
    with (
        disk_store() as (store, folder),
        orchestrator(store, idle_team()) as ref,
        watch(ref, store, folder),
    ):
        ids = create(ref, STACKS)
        time.sleep(1.0)
        first, begun, used = count_cycles(store, ids), time.perf_counter(), time.process_time()
        time.sleep(seconds)
        cycles = count_cycles(store, ids) - first
        return cycles / (time.perf_counter() - begun), (time.process_time() - used) / cycles * 1e6


def main() -> None:
    """Measure in turn, and print the medians."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=3.0, help="length of each measurement")
    options.add_argument("--rounds", type=int, default=5, help="how often each is measured, in turn")
    chosen = options.parse_args()
    rounds = [
        {name: measure(watch, chosen.seconds) for name, watch in WATCHERS.items()}
        for _ in range(chosen.rounds)
    ]
    figures: dict[str, dict[str, float]] = {}
    for name in WATCHERS:
        # Against the one without in the same round: a machine that others use changes its mind.
        figures[name] = {
            "cycles_per_s": round(statistics.median(r[name][0] for r in rounds)),
            "cpu_us_per_cycle": round(statistics.median(r[name][1] for r in rounds)),
            "cpu_ratio": round(statistics.median(r[name][1] / r["nobody"][1] for r in rounds), 3),
        }
    report(figures)


if __name__ == "__main__":
    main()
