"""Prints, as JSON, what a simulated week comes to with the original's loop and with the graph.

python -m benchmarks.legacy_and_graph [--days 7] [--plot week.png]
    [--page docs/explanation/legacy-and-graph.md]
"""

import argparse
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.legacy_and_graph.figures import as_json, figures
from benchmarks.legacy_and_graph.graph import Graph
from benchmarks.legacy_and_graph.legacy import Legacy
from benchmarks.legacy_and_graph.page import page
from benchmarks.legacy_and_graph.week import DAY, week

EPOCH = 1_700_000_000.0


def main() -> int:
    """Play the week twice, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.legacy_and_graph", description=__doc__)
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--stacks", type=int, default=6)
    parser.add_argument("--slots", type=int, default=4, help="calls that the provider answers at a time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, help="draw the figures, with matplotlib")
    parser.add_argument("--page", type=Path, help="write the page of the documentation")
    options = parser.parse_args()
    logging.getLogger("recursor").setLevel(logging.ERROR)
    seconds = options.days * DAY
    happenings = week(options.seed, options.stacks, options.days)
    legacy = Legacy(options.seed, options.slots, EPOCH).play(happenings, options.stacks, seconds)
    graph = Graph(options.seed, options.slots, EPOCH).play(happenings, options.stacks, seconds)
    found = {
        "of": {name: getattr(options, name) for name in ("days", "stacks", "slots", "seed")},
        "legacy": as_json(figures(legacy, happenings)),
        "graph": as_json(figures(graph, happenings)),
    }
    print(json.dumps(found, indent=2))
    if options.page is not None:
        options.page.write_text(page(found))
    if options.plot is not None:
        _plot(found, options.plot)
    return 0


def _plot(found: Mapping[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure

    shown = (
        ("idle_percent", "idle executions, %"),
        ("response_median", "message to answer's start, s"),
        ("parallel_percent", "parallel utilisation, %"),
        ("runs_per_project", "runs per project"),
        ("done_beside_critical", "time to done / critical path"),
        ("model_hours", "hours of model calls"),
    )
    figure = Figure(figsize=(12, 7), layout="constrained")
    for axes, (name, title) in zip(figure.subplots(2, 3).flat, shown, strict=True):
        values = [found["legacy"][name], found["graph"][name]]
        bars = axes.bar(["legacy", "graph"], values, color=["#b0b0b0", "#3b6ea5"])
        axes.bar_label(bars, fmt="%.1f")
        axes.set_title(title)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    sys.exit(main())
