"""Measures dispatched actors against Pykka's ThreadingActor, in one run; prints JSON.

Usage: .venv/bin/python benchmarks/dispatcher.py [--actors 500] [--messages 100000] [--stacks 5000]
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import platform
import random
import resource
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pykka

from recursor.runtime.actor import DispatchedActor, stop
from recursor.runtime.dispatcher import Dispatcher
from recursor.runtime.future import DispatchedFuture, fan_in

CONTROL_THREADS = 2
ACTORS_PER_STACK = 7


class ThreadedEcho(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return message


class DispatchedEcho(DispatchedActor):
    def on_receive(self, message: Any) -> Any:
        return message


class ThreadedAsker(pykka.ThreadingActor):
    """Asks its neighbour, waiting for each answer: all that a ThreadingFuture allows."""

    def on_receive(self, message: tuple[pykka.ActorRef[Any], int, Any]) -> None:
        neighbour, asks, done = message
        for number in range(asks):
            neighbour.ask(number)
        done()


class WaitingAsker(DispatchedActor):
    """Asks as `ThreadedAsker` does, with a spare thread for each that waits: not the way to use it."""

    on_receive = ThreadedAsker.on_receive


class DispatchedAsker(DispatchedActor):
    """Asks its neighbour, and goes on when a callback says that the answer is there."""

    def on_receive(self, message: Any) -> None:
        if isinstance(message, tuple):
            self.neighbour, self.asks, self.done = message
        self.asks -= 1
        if self.asks < 0:
            self.done()
            return
        answer: DispatchedFuture[Any] = self.neighbour.ask(self.asks, block=False)
        answer.add_done_callback(self.actor_ref.tell)


def rate(count: int, seconds: float) -> int:
    return round(count / seconds)


def tells(ref: pykka.ActorRef[Any], messages: int) -> float:
    begin = time.perf_counter()
    for number in range(messages):
        ref.tell(number)
    ref.ask("all are handled")
    return time.perf_counter() - begin


def asks_among(askers: list[pykka.ActorRef[Any]], echoes: list[pykka.ActorRef[Any]], each: int) -> float:
    left = threading.Semaphore(0)
    begin = time.perf_counter()
    for asker, echo in zip(askers, echoes, strict=True):
        asker.tell((echo, each, left.release))
    for _ in askers:
        left.acquire()
    return time.perf_counter() - begin


def resident_bytes() -> int:
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def idle_stacks(stacks: int, listed: bool) -> dict[str, Any]:
    control = Dispatcher(CONTROL_THREADS, "control")
    echo = type("Echo", (DispatchedEcho,), {"listed": listed})
    before = resident_bytes()
    begin = time.perf_counter()
    refs = [echo.start(dispatcher=control) for _ in range(stacks * ACTORS_PER_STACK)]
    started = time.perf_counter()
    # Messages have been through each, as in real use.
    answers: list[DispatchedFuture[Any]] = [ref.ask("warm", block=False) for ref in refs]
    fan_in(answers).get()
    answers.clear()
    used = resident_bytes() - before
    # Stacks come to rest in no particular order.
    random.Random(1).shuffle(refs)
    stopping = time.perf_counter()
    fan_in([stop(ref) for ref in refs]).get()
    stopped = time.perf_counter()
    control.shutdown()
    return {
        "actors": len(refs),
        "bytes_per_actor": round(used / len(refs)),
        "bytes_per_stack": round(used / stacks),
        "start_us_per_actor": round((started - begin) / len(refs) * 1e6, 1),
        "stop_us_per_actor": round((stopped - stopping) / len(refs) * 1e6, 1),
    }


def threaded_bytes(actors: int) -> int:
    before = resident_bytes()
    refs = [ThreadedEcho.start() for _ in range(actors)]
    for ref in refs:
        ref.ask("warm")
    used = resident_bytes() - before
    for ref in refs:
        ref.stop()
    return round(used / actors)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--actors", type=int, default=500, help="actors that ask, and as many that answer")
    arguments.add_argument("--messages", type=int, default=100_000, help="messages in each measurement")
    arguments.add_argument("--stacks", type=int, default=5_000, help="stacks of 7 actors, for the bytes")
    given = arguments.parse_args()
    each = max(1, given.messages // given.actors)

    # Each in a process of its own: memory that one frees would be lent to the next, unseen.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as fresh:
        idle_unlisted = fresh.submit(idle_stacks, given.stacks, False).result()
        idle_listed = fresh.submit(idle_stacks, given.stacks, True).result()
        threaded = fresh.submit(threaded_bytes, given.actors).result()

    control = Dispatcher(CONTROL_THREADS, "control")
    results: dict[str, dict[str, Any]] = {}
    kinds: list[tuple[str, type[pykka.Actor], type[pykka.Actor], dict[str, Any]]] = [
        ("threading_actor", ThreadedEcho, ThreadedAsker, {}),
        ("dispatched_actor", DispatchedEcho, DispatchedAsker, {"dispatcher": control}),
        ("dispatched_actor_that_waits", DispatchedEcho, WaitingAsker, {"dispatcher": control}),
    ]
    for name, echo, asker, options in kinds:
        one = echo.start(**options)
        tell_seconds = min(tells(one, given.messages) for _ in range(3))
        one.stop()
        echoes = [echo.start(**options) for _ in range(given.actors)]
        askers = [asker.start(**options) for _ in range(given.actors)]
        ask_seconds = asks_among(askers, echoes, each)
        results[name] = {
            "tells_per_second": rate(given.messages, tell_seconds),
            "us_per_tell": round(tell_seconds / given.messages * 1e6, 2),
            "asks_per_second": rate(each * given.actors, ask_seconds),
        }
        for ref in askers + echoes:
            ref.stop()
    control.shutdown()
    results["threading_actor"]["bytes_per_actor"] = threaded
    results["dispatched_actor"]["idle_stacks"] = idle_unlisted
    results["dispatched_actor"]["idle_stacks_listed_in_registry"] = idle_listed
    print(
        json.dumps(
            {
                "python": platform.python_version(),
                "cpus": os.cpu_count(),
                "actors": given.actors,
                "control_threads": CONTROL_THREADS,
                **results,
                "times_faster_at_asks": round(
                    results["dispatched_actor"]["asks_per_second"]
                    / results["threading_actor"]["asks_per_second"],
                    1,
                ),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
