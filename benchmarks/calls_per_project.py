"""How many calls of a model a finished project takes, and an idle team makes: four ways of running a team.

.venv/bin/python -m benchmarks.calls_per_project [--peers autogen,crewai] [--parts 1,3] [--latency 0.2]

One project for all: from an idea to a page of some parts, a reviewer's approval of it, a visitor's wish that
is answered, planned, built, and reviewed. It is finished when `comparison.project.Made.missing` finds nothing
missing, and the team itself says that it is done, where it has such a notion.

One model for all: `comparison.fake_model` on the stub server, which counts the calls on the wire. It says the
same words to everybody, after the same time, and decides by what it is shown. A call builds one part. A plan
of one part is as good as it gets for those who take turns: everybody has something to do in every round.

What was done to be fair, and what is not:

- Each of the others is used as its documentation shows it, and in the cheapest way of several: see the
  docstrings of `comparison.autogen_team` and `comparison.crewai_team`. The visitor writes at the same moment
  for all, when the first page has been approved; AutoGen and CrewAI are then called again by the program
  around them, which Recursor does not need.
- Recursor also reviews while it builds: these calls are counted. Its planner says with a plan that it is
  whole; what is built of such a plan, and approved, is complete without another question.
- Tokens are a quarter of the bytes on the wire. Recursor's prompts and schemas are those of production, the
  others have a line of instructions for each role: compare calls, not tokens.
- Idle: ten minutes after the end. Recursor's and the round robin's clocks are moved; every timer that falls
  due on the way is fired. AutoGen's team and CrewAI's crew have no clock: they are kept, ready for the next
  task, and watched for `--watch` seconds; in ten minutes they would do the same nothing. They do not look for
  work by themselves, either. With `--idle-seconds 600` ten minutes pass really, for each, besides.
- Seconds are those of the run, with what the clock was moved; the round robin's are five a turn.

Nothing that the peers would report of their use leaves the machine (`comparison.environments.SILENT`).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.comparison.environments import ROOT, environment, python_with
from benchmarks.comparison.fake_model import FakeModel
from benchmarks.comparison.project import Made, plan
from benchmarks.comparison.recursor_team import recursor_team
from benchmarks.comparison.round_robin import RoundRobin
from tests.model_stub.server import ModelStub

IDLE_SECONDS = 600.0
PEERS = {"autogen": "AutoGen RoundRobinGroupChat", "crewai": "CrewAI hierarchical"}

Figures = dict[str, Any]


class Counting:
    """What the stub has counted, between two moments."""

    def __init__(self, parts: int, latency: float) -> None:
        """Serve the model of a project."""
        self.parts = parts
        self.stub = ModelStub(FakeModel(parts, latency))

    def finished(self, made: Made, seconds: float) -> Figures:
        """Return the figures of a project that is finished just now."""
        missing = made.missing(self.parts)
        assert not missing, missing
        assert not self.stub.problems, self.stub.problems
        by_role = Counter(call.model for call in self.stub.calls)
        return {
            "calls": len(self.stub.calls),
            "by_role": dict(sorted(by_role.items())),
            "tokens": sum(self.stub.billed),
            "seconds": round(seconds, 1),
            "versions": made.versions,
        }

    def lived(self, live: Callable[[float], object], seconds: float) -> Figures:
        """Return the calls that are made while `seconds` pass on the machine's clock."""
        if not seconds:
            return {}
        return {"waited_seconds": seconds, "waited_calls": self.idle(lambda: live(seconds))}

    def idle(self, pass_time: Callable[[], object]) -> int:
        """Return the calls that are made while time passes."""
        before = len(self.stub.calls)
        pass_time()
        return len(self.stub.calls) - before


Measure = Callable[[Counting, float, float], Figures]
"""Runs a team; is told for how long to watch it idle if it has no clock, and for how long to wait really."""


def measure_recursor(counting: Counting, _watch: float, wait: float) -> Figures:
    """Run Recursor's team."""
    with recursor_team(counting.stub.url) as team:
        begun = time.perf_counter()
        made = team.make()
        took = time.perf_counter() - begun + team.waited
        figures = counting.finished(made, took)
        figures["versions"] = {"recursor": version("recursor")}
        idle = counting.idle(lambda: team.rest(IDLE_SECONDS))
        lived = counting.lived(team.live, wait)
    return {**figures, "idle_calls": idle, "idle_by": "clock moved 600 s", **lived}


def measure_round_robin(counting: Counting, _watch: float, wait: float) -> Figures:
    """Run the plain round robin."""
    team = RoundRobin(counting.stub.url, counting.parts)
    figures = counting.finished(team.made, team.finish())
    idle = counting.idle(lambda: team.go_on(IDLE_SECONDS))
    lived = counting.lived(team.live, wait)
    return {**figures, "idle_calls": idle, "idle_by": "clock moved 600 s", **lived}


def measure_peer(peer: str) -> Measure:
    """Return what runs a peer's program."""
    python = python_with(peer)

    def measure(counting: Counting, watch: float, wait: float) -> Figures:
        orders = {"url": counting.stub.url, "plan": plan(1, counting.parts, counting.parts)}
        with (
            tempfile.TemporaryDirectory() as home,
            subprocess.Popen(
                [python, "-m", f"benchmarks.comparison.{peer}_team"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True, cwd=ROOT, env=environment(Path(home)),
            ) as process,
        ):  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            begun = time.perf_counter()
            process.stdin.write(json.dumps(orders) + "\n")
            process.stdin.flush()
            told = next((line for line in process.stdout if line.startswith("{")), None)
            assert told is not None, f"{peer} ended without a result: {process.wait()}"
            figures = counting.finished(Made(**json.loads(told)), time.perf_counter() - begun)
            idle = counting.idle(lambda: time.sleep(watch))
            lived = counting.lived(time.sleep, wait)
            process.stdin.close()
        return {**figures, "idle_calls": idle, "idle_by": f"kept ready, watched {watch:g} s", **lived}

    return measure


def table(results: dict[str, dict[str, Figures]]) -> Table:
    """Return the figures for people."""
    shown = Table(title="Calls of a model, from an idea to a finished page with one visitor's wish")
    for title in (
        "team",
        *(f"calls, {parts} planned" for parts in results),
        "idle 10 min",
        "idle counted by",
    ):
        shown.add_column(title, justify="left" if title in ("team", "idle counted by") else "right")
    for name in next(iter(results.values())):
        of_parts = [found[name] for found in results.values()]
        last = of_parts[-1]
        calls = (str(figures["calls"]) for figures in of_parts)
        by = last["idle_by"]
        if "waited_seconds" in last:
            by += f"; {last['waited_calls']} in {last['waited_seconds']:g} s waited"
        shown.add_row(name, *calls, str(last["idle_calls"]), by)
    return shown


def main() -> None:
    """Measure, and print the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--peers", default=",".join(PEERS), help="which to compare with; empty: none")
    options.add_argument("--parts", default="1,3", help="how many parts the first plan has, one run for each")
    options.add_argument("--latency", type=float, default=0.2, help="seconds of every call")
    options.add_argument("--watch", type=float, default=10.0, help="seconds to watch teams without a clock")
    options.add_argument(
        "--idle-seconds", type=float, default=0.0,
        help="seconds that pass really, besides, after the last project of each team; 600 for ten minutes",
    )  # fmt: skip
    options.add_argument("--json", action="store_true", help="print JSON only, and no table")
    chosen = options.parse_args()
    teams: dict[str, Measure] = {"Recursor": measure_recursor}
    for peer in filter(None, chosen.peers.split(",")):
        if peer not in PEERS:
            options.error(f"--peers: {peer} is not one of {', '.join(PEERS)}")
        teams[PEERS[peer]] = measure_peer(peer)
    teams["Round robin, every 5 s"] = measure_round_robin
    results: dict[str, dict[str, Figures]] = {}
    sizes = [int(parts) for parts in chosen.parts.split(",")]
    for parts in sizes:
        wait = chosen.idle_seconds if parts == sizes[-1] else 0.0
        results[str(parts)] = {}
        for name, measure in teams.items():
            sys.stderr.write(f"benchmark: {name}, {parts} planned\n")
            counting = Counting(parts, chosen.latency)
            with counting.stub:
                results[str(parts)][name] = measure(counting, chosen.watch, wait)
    json.dump({"latency_seconds": chosen.latency, "parts": results}, sys.stdout, indent=2)
    print()
    if not chosen.json:
        Console(file=sys.stderr, width=110).print(table(results))


if __name__ == "__main__":
    main()
