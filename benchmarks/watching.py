"""What it costs the engine to be watched: cycles per second with readers of its events and open dashboards.

    .venv/bin/python -m benchmarks.watching [--stacks N] [--readers N] [--dashboards N] [--seconds N]

A runner with its web process, and stacks that begin the next cycle at once; measured alone and watched, in
turn. The browsers and readers are processes on the same cores: what is measured is an upper bound. Beside the
ratio stands who used how much of the cores: where all are in use, what watchers take the engine goes without.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.idle_team import AT_ONCE, create, cycles_per_second, idle_team, report
from recursor.runner.process import Runner
from recursor.runner.web_process import MODULE

CHROMIUM = "/usr/bin/chromium"


async def _read_events(url: str, ended: Event, counts: dict[str, int]) -> None:
    async with httpx.AsyncClient(timeout=None) as client:
        while not ended.is_set():
            try:
                async with client.stream("GET", f"{url}/api/events") as answer:
                    async for chunk in answer.aiter_bytes():
                        counts["events"] += chunk.count(b"\nevent:") + chunk.startswith(b"event:")
                        if ended.is_set():
                            return
            except httpx.TransportError:
                counts["reconnects"] += 1


def read_events(url: str, readers: int, ended: Event, results: Any) -> None:
    """Read all events, so many times over, until told to end."""
    counts = {"events": 0, "reconnects": 0}

    async def read() -> None:
        await asyncio.gather(*(_read_events(url, ended, counts) for _ in range(readers)))

    asyncio.run(read())
    results.put(counts)


def keep_open(url: str, paths: list[str], ready: Event, ended: Event) -> None:
    """Keep pages of the dashboard open in a browser until told to end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        pages = []
        for path in paths:
            page = browser.new_context().new_page()
            page.goto(f"{url}{path}")
            page.get_by_role("main").wait_for()
            pages.append(page)
        ready.set()
        while not ended.is_set():
            pages[0].wait_for_timeout(200)
        browser.close()


def processor_seconds() -> dict[str, float]:
    """Return the processor time that each of those concerned has used since it began."""
    names = {child.pid: child.name for child in multiprocessing.active_children()}
    engine = psutil.Process()
    used = {"engine": sum(engine.cpu_times()[:2])}
    for child in engine.children():
        who = names.get(child.pid) or ("web" if MODULE in child.cmdline() else "other")
        used.setdefault(who, 0.0)
        for process in (child, *child.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                used[who] += sum(process.cpu_times()[:2])
    return used


def measured(store: Any, ids: list[str], seconds: float) -> tuple[float, dict[str, float]]:
    """Return the cycles per second, and how many processors each of those concerned kept busy."""
    before, begun = processor_seconds(), time.perf_counter()
    rate = cycles_per_second(store, ids, seconds)
    after, length = processor_seconds(), time.perf_counter() - begun
    return rate, {who: (used - before.get(who, 0.0)) / length for who, used in after.items()}


@contextmanager
def watched(url: str, ids: list[str], readers: int, dashboards: int, told: list[Any]) -> Iterator[None]:
    """Have readers and dashboards watch for the length of a `with` block."""
    context = multiprocessing.get_context("spawn")
    ready, ended, results = context.Event(), context.Event(), context.Queue()
    # Half of them look at all teams, the others at one each.
    paths = ["/" if number % 2 == 0 else f"/teams/{ids[number]}" for number in range(dashboards)]
    processes = []
    if readers:
        processes.append(
            context.Process(target=read_events, args=(url, readers, ended, results), name="readers")
        )
    if dashboards:
        processes.append(context.Process(target=keep_open, args=(url, paths, ready, ended), name="browsers"))
    for process in processes:
        process.start()
    try:
        if dashboards:
            ready.wait(60)
        yield
    finally:
        ended.set()
        if readers:
            told.append(results.get(timeout=60))
        for process in processes:
            process.join(60)


def measure(stacks: int, readers: int, dashboards: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Return the rates alone and watched, in turn, and their ratio."""
    alone: list[tuple[float, dict[str, float]]] = []
    seen: list[tuple[float, dict[str, float]]] = []
    told: list[dict[str, int]] = []
    with (
        tempfile.TemporaryDirectory(dir=".") as folder,
        Runner(Path(folder), roles=idle_team(), settings=AT_ONCE, port=0) as runner,
    ):
        ids = create(runner.orchestrator, stacks)
        httpx.get(f"{runner.url}/api/health", timeout=60).raise_for_status()
        for _ in range(rounds):
            alone.append(measured(runner.store, ids, seconds))
            with watched(runner.url, ids, readers, dashboards, told):
                seen.append(measured(runner.store, ids, seconds))
        runner.begin_stop(grace=10).get()
    ratios = [with_them[0] / without[0] for without, with_them in zip(alone, seen, strict=True)]
    return {
        "cycles_per_s_alone": round(statistics.median(rate for rate, _ in alone), 1),
        "cycles_per_s_watched": round(statistics.median(rate for rate, _ in seen), 1),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "bar_ratio": 0.9,
        "engine_ms_per_cycle_alone": engine_milliseconds(alone),
        "engine_ms_per_cycle_watched": engine_milliseconds(seen),
        "processors_alone": processors(alone),
        "processors_watched": processors(seen),
        "readers": told,
    }


def engine_milliseconds(rounds: list[tuple[float, dict[str, float]]]) -> float:
    """Return the engine's processor time for a cycle: what watching costs it, whoever else has the cores."""
    return round(1000 * statistics.median(used["engine"] / rate for rate, used in rounds), 3)


def processors(rounds: list[tuple[float, dict[str, float]]]) -> dict[str, float]:
    """Return how many processors each kept busy."""
    names = {name for _, used in rounds for name in used}
    return {
        name: round(statistics.median(used.get(name, 0.0) for _, used in rounds), 2) for name in sorted(names)
    }


def main() -> None:
    """Measure, and print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--stacks", type=int, default=50)
    options.add_argument("--readers", type=int, default=20)
    options.add_argument("--dashboards", type=int, default=5)
    options.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    report(measure(chosen.stacks, chosen.readers, chosen.dashboards, chosen.seconds, chosen.rounds))


if __name__ == "__main__":
    main()
