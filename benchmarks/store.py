"""What the store costs over bare LMDB, in one run on one disk. Prints JSON.

Usage: python -m benchmarks.store [directory] [seconds for each figure]

A commit is that of an owner: under its fence, seven records of 300 bytes in six tables.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import lmdb

from recursor.domain.execution import GraphSummary, OrchestratorExecution
from recursor.storage.commit import Commit, Fence
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.rollups import MERGES, count_execution

OWNERS = 100
TABLES = tuple(f"table{number}" for number in range(6))
RECORDS_A_TABLE, PUTS = 20, 7
VALUE = b"v" * 300
CYCLE = OrchestratorExecution(
    id="1",
    stack_id="1",
    number=1,
    epoch=0,
    started_at=time.time(),
    summary=GraphSummary(agents_run=4, waves=3, max_parallel=2, agent_seconds=0.01),
)


def puts(owner: int, number: int) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield what one commit puts: (table, key, value)."""
    for index in range(PUTS):
        yield TABLES[index % len(TABLES)], key(owner, index + number), VALUE


def key(owner: int, record: int) -> bytes:
    return b"%016d/%02d" % (owner % OWNERS, record % RECORDS_A_TABLE)


def commit_of(owner: int, number: int) -> Commit:
    commit = Commit(Fence(f"{owner:016}", 1))
    for table, place, value in puts(owner, number):
        commit.put(table, place, value)
    return commit


def everything() -> Iterator[tuple[str, bytes, bytes]]:
    for table in TABLES:
        for owner in range(OWNERS):
            for record in range(RECORDS_A_TABLE):
                yield table, key(owner, record), VALUE


def per_second(work: Callable[[int], object], seconds: float) -> tuple[float, float]:
    """Call `work` with 0, 1, 2... for `seconds` seconds; return calls a second and µs of processor a call."""
    number, spent = 0, time.process_time()
    began = now = time.perf_counter()
    while now - began < seconds:
        for _ in range(10):
            work(number)
            number += 1
        now = time.perf_counter()
    return number / (now - began), (time.process_time() - spent) / number * 1e6


def bare(directory: Path, seconds: float) -> dict[str, float]:
    """The same writes, in transactions of one commit and of a hundred."""
    environment = lmdb.open(str(directory / "bare"), map_size=1 << 30, max_dbs=len(TABLES))
    tables = {name: environment.open_db(name.encode()) for name in TABLES}

    def write(number: int, commits: int) -> None:
        with environment.begin(write=True) as transaction:
            for each in range(number * commits, (number + 1) * commits):
                for table, place, value in puts(each, each // OWNERS):
                    transaction.put(place, value, db=tables[table])

    with environment:
        with environment.begin(write=True) as transaction:
            for table, place, value in everything():
                transaction.put(place, value, db=tables[table])
        alone, alone_us = per_second(lambda number: write(number, 1), seconds)
        crowd, crowd_us = per_second(lambda number: write(number, OWNERS), seconds)
        return {
            "bare_commits_per_second_1": alone,
            "bare_us_of_processor_1": alone_us,
            "bare_commits_per_second_100": crowd * OWNERS,
            "bare_us_of_processor_100": crowd_us / OWNERS,
        }


def ours(directory: Path, seconds: float) -> dict[str, float]:
    """Chains of commits, each continued by its acknowledgement, as owners do; and reads."""
    tables = [*TABLES, *MERGES]
    with closing(LmdbStore(directory / "ours", tables, merges=MERGES)) as store:
        fill = Commit()
        for write in everything():
            fill.put(*write)
        store.write(fill)

        def read(number: int) -> None:
            with store.read() as reader:
                reader.get(TABLES[0], key(number, number))

        def scan(_: int) -> None:
            with store.read() as reader:
                for _pair in reader.scan(TABLES[0]):
                    pass

        figures = {}
        for owners in (1, OWNERS):
            for name, make in (("commits", commit_of), ("counted_commits", counted_commit)):
                rate, spent = chains(store, owners, make, seconds)
                figures[f"{name}_per_second_{owners}"] = rate
                figures[f"{name}_us_of_processor_{owners}"] = spent
        figures["writes_per_second"] = per_second(lambda number: store.write(commit_of(0, number)), seconds)[
            0
        ]
        figures["reads_per_second"] = per_second(read, seconds)[0]
        figures["scanned_pairs_per_second"] = per_second(scan, seconds)[0] * OWNERS * RECORDS_A_TABLE
        return figures


def counted_commit(owner: int, number: int) -> Commit:
    """The end of a cycle: its figures are added to the sums, too."""
    commit = commit_of(owner, number)
    count_execution(commit, CYCLE.but(stack_id=f"{owner:016}", finished_at=time.time()), None)
    return commit


def chains(
    store: LmdbStore, owners: int, make: Callable[[int, int], Commit], seconds: float
) -> tuple[float, float]:
    """Return commits a second, and µs of processor a commit, what it takes to make it included."""
    done, counts = threading.Semaphore(0), [0] * owners
    spent, began = time.process_time(), time.perf_counter()
    stop = began + seconds

    def again(owner: int, error: BaseException | None = None) -> None:
        assert error is None
        if time.perf_counter() >= stop:
            done.release()
            return
        counts[owner] += 1
        store.commit(make(owner, counts[owner]), lambda error: again(owner, error))

    for owner in range(owners):
        again(owner)
    for _ in range(owners):
        done.acquire()
    total = sum(counts)
    return total / (time.perf_counter() - began), (time.process_time() - spent) / total * 1e6


def main() -> None:
    """Measure, and print the figures."""
    place = sys.argv[1] if len(sys.argv) > 1 else None
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    with tempfile.TemporaryDirectory(dir=place) as name:
        figures = {**bare(Path(name), seconds), **ours(Path(name), seconds)}
    print(json.dumps({figure: round(value, 2) for figure, value in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
