"""What the store costs over bare LMDB, in one run on one disk. Prints JSON.

Usage: python benchmarks/store.py [directory] [seconds for each figure]
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import lmdb

from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.store import Writer

KEYS = 10_000
VALUE = b"v" * 200
SUBMITTERS = 100


def key(number: int) -> bytes:
    return b"%08d" % (number * 7919 % KEYS)


def per_second(work: Callable[[int], object], seconds: float) -> float:
    """Call `work` with 0, 1, 2... for `seconds` seconds; return the calls a second."""
    number = 0
    began = now = time.perf_counter()
    while now - began < seconds:
        for _ in range(10):
            work(number)
            number += 1
        now = time.perf_counter()
    return number / (now - began)


def bare(directory: Path, seconds: float) -> dict[str, float]:
    environment = lmdb.open(str(directory / "bare"), map_size=1 << 30, max_dbs=1)
    table = environment.open_db(b"table")

    def commit(number: int) -> None:
        with environment.begin(write=True) as transaction:
            transaction.put(key(number), VALUE, db=table)

    def read(number: int) -> None:
        with environment.begin() as transaction:
            transaction.get(key(number), db=table)

    with environment:
        with environment.begin(write=True) as transaction:
            for number in range(KEYS):
                transaction.put(key(number), VALUE, db=table)
        return {
            "bare_commits_per_second": per_second(commit, seconds),
            "bare_reads_per_second": per_second(read, seconds),
        }


def ours(directory: Path, seconds: float) -> dict[str, float]:
    def put(writer: Writer, number: int) -> None:
        writer.put("table", key(number), VALUE)

    def fill(writer: Writer) -> None:
        for number in range(KEYS):
            put(writer, number)

    with closing(LmdbStore(directory / "ours", ["table"])) as store:
        store.write(fill)

        def write(number: int) -> None:
            store.write(lambda writer: put(writer, number))

        def read(number: int) -> None:
            with store.read() as reader:
                reader.get("table", key(number))

        def scan(_: int) -> None:
            with store.read() as reader:
                for _pair in reader.scan("table"):
                    pass

        figures = {
            "writes_per_second_1_thread": per_second(write, seconds),
            "reads_per_second": per_second(read, seconds),
            "scanned_pairs_per_second": per_second(scan, seconds) * KEYS,
        }
        return {**figures, **many_threads(store, put, seconds), **many_futures(store, put, seconds)}


def many_threads(store: LmdbStore, put: Callable[[Writer, int], None], seconds: float) -> dict[str, float]:
    """One hundred threads, each waiting for its own write."""
    latencies: list[float] = []
    stop = time.perf_counter() + seconds

    def submit(thread: int) -> None:
        mine = []
        number = thread
        began = time.perf_counter()
        while began < stop:
            store.write(lambda writer, n=number: put(writer, n))  # type: ignore[misc]  # mypy can't infer it
            number += SUBMITTERS
            ended = time.perf_counter()
            mine.append(ended - began)
            began = ended
        latencies.extend(mine)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(SUBMITTERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "writes_per_second_100_threads": len(latencies) / seconds,
        "write_median_ms_100_threads": statistics.median(latencies) * 1000,
    }


def many_futures(store: LmdbStore, put: Callable[[Writer, int], None], seconds: float) -> dict[str, float]:
    """One hundred chains of submissions, each continued by its future's callback, as the actors do."""
    stop = time.perf_counter() + seconds
    done = threading.Semaphore(0)
    counts = [0] * SUBMITTERS

    def submit(chain: int, number: int) -> None:
        if time.perf_counter() >= stop:
            done.release()
            return
        counts[chain] += 1
        future = store.submit(lambda writer: put(writer, number))
        future.add_done_callback(lambda _: submit(chain, number + SUBMITTERS))

    for chain in range(SUBMITTERS):
        submit(chain, chain)
    for _ in range(SUBMITTERS):
        done.acquire()
    return {"writes_per_second_100_callback_chains": sum(counts) / seconds}


def main() -> None:
    place = sys.argv[1] if len(sys.argv) > 1 else None
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    with tempfile.TemporaryDirectory(dir=place) as name:
        figures = {**bare(Path(name), seconds), **ours(Path(name), seconds)}
    print(json.dumps({figure: round(value, 2) for figure, value in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
