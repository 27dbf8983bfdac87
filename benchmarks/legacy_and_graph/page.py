"""The figures as a page, beside what the guide of the original expected."""

from collections.abc import Mapping
from typing import Any

_EXPECTED = (
    # (metric, the guide's words for the legacy loop, for the graph, field, unit)
    ("Idle executions", "~40 % of cycles", "< 5 % of cycles", "idle_percent", " %"),
    ("The same while a team has an unfinished idea", "", "", "idle_at_work_percent", " %"),
    ("Visitor's message to its answer's start, median", "5 to 20 s", "1 to 8 s", "response_median", " s"),
    ("The same, 99th percentile", "", "", "response_99th", " s"),
    ("Busy time with two or more agents at work", "0 %", "30 to 50 %", "parallel_percent", " %"),
    ("Hours of model calls", "fixed (high)", "30 % less", "model_hours", " h"),
    ("Runs of agents per finished project", "", "", "runs_per_project", ""),
    ("Runs that proposed nothing", "", "", "fruitless_percent", " %"),
    ("Idea to done, median", "", "", "done_median", " s"),
    ("The same beside the calls that must follow each other", "", "", "done_beside_critical", " x"),
    ("Projects finished", "", "", "projects", ""),
)

_HEAD = """\
# The original's loop and the graph

*Made by `python -m benchmarks.legacy_and_graph --page docs/explanation/legacy-and-graph.md`.*

The deployment guide of the original system expects the graph to be better than the loop before it, and
leaves the actual results open. Here both run the same simulated time (days: {days:g}): {stacks} teams with
the same ideas, todos and visitors, drawn from seed {seed}, and agents that do the same work in the same time,
log-normal from 2 to 20 seconds. The provider answers {slots} calls at a time.

The loop is the original's: every five seconds one agent of a team, in fixed order, unless the one before is
still at work. An agent that has nothing to do learns that from its model, in 2 seconds. The graph is
Recursor's orchestrator, all of it, with its default settings, on simulated threads, time and disk; what the
engine itself takes, some milliseconds a cycle, is left out.

| | Guide: legacy | Guide: graph | Legacy | Graph |
|---|---|---|---|---|
"""

_FOOT = """
An execution is idle if the role's detector gives no reason for it. The graph has none, by construction. A run
that had a reason may still propose nothing: the planner and the reviewer look from time to time whether what
has changed asks for anything.

The builder waits for an urgent planner, and the reviewer for the builder; so what runs at the same time in
one team is mostly answers to visitors, reviews and plans.
"""


def page(found: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        found: what `python -m benchmarks.legacy_and_graph` prints.
    """
    rows = [
        f"| {metric} | {legacy} | {graph} | {_shown(found['legacy'][name], unit)} | "
        f"{_shown(found['graph'][name], unit)} |\n"
        for metric, legacy, graph, name, unit in _EXPECTED
    ]
    return _HEAD.format(**found["of"]) + "".join(rows) + _FOOT


def _shown(value: float, unit: str) -> str:
    digits = 0 if value >= 1000 or float(value).is_integer() else 1
    return f"{value:,.{digits}f}{unit}"
