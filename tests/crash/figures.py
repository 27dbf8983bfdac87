"""Counters and sums, compared with the records that they sum up, without the code that sums them up."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain

from recursor.storage.rollups import read_rollup
from recursor.storage.store import Store
from recursor.storage.tables import HOURS, MINUTES
from tests.simulation.disk import Disk, Fields

_ALL = "all"
_FIGURES = (
    "cycles", "completed", "failed", "waiting", "cancelled", "agents_run", "agents_failed", "agents_waiting",
)  # fmt: skip
_RAN = ("completed", "failed", "waiting")


def figures_that_differ(store: Store, disk: Disk) -> Iterator[str]:
    """Yield what stacks count, cycles sum up and tables sum up over time, where it is not so."""
    for stack_id, stack in disk.stacks.items():
        executions = disk.executions(stack_id)
        # A stop begins the next epoch; the counter is reset by the start that follows.
        epoch = stack["epoch"] - (stack["state"] == "stopped")
        mine = [each for each in executions if each["epoch"] == epoch and each["status"] in _RAN]
        if stack["total_cycles"] != len(mine):
            yield f"{stack_id} counts {stack['total_cycles']} cycles, on record are {len(mine)}"
        for execution in executions:
            if execution["status"] != "running":
                yield from _summary(execution, disk.graphs[execution["id"]])
    yield from _sums(store, disk, MINUTES, 60)
    yield from _sums(store, disk, HOURS, 3600)


def _summary(execution: Fields, graph: Fields) -> Iterator[str]:
    nodes = Counter(node["status"] for node in graph["nodes"])
    summary = execution["summary"]
    said = tuple(summary[f"agents_{each}"] for each in ("run", "failed", "waiting", "skipped"))
    counted = (sum(nodes[each] for each in _RAN), nodes["failed"], nodes["waiting"], nodes["skipped"])
    if said != counted:
        yield f"cycle {execution['id']} sums up (run, failed, waiting, skipped) {said}, its graph {counted}"


def _sums(store: Store, disk: Disk, table: str, seconds: int) -> Iterator[str]:
    wanted: dict[str, Counter[str]] = {}
    for execution in chain.from_iterable(disk.executions(stack_id) for stack_id in disk.stacks):
        if execution["finished_at"] is not None:
            moment, nodes = int(execution["finished_at"] // seconds), disk.graphs[execution["id"]]["nodes"]
            figures = Counter(
                cycles=1,
                agents_run=sum(node["status"] in _RAN for node in nodes),
                agents_failed=sum(node["status"] == "failed" for node in nodes),
                agents_waiting=sum(node["status"] == "waiting" for node in nodes),
                **{execution["status"]: 1},
            )
            for owner in (execution["stack_id"], _ALL):
                wanted.setdefault(f"{owner}/{moment:012d}", Counter()).update(figures)
    with store.read() as reader:
        stored = {key.decode(): read_rollup(value).model_dump() for key, value in reader.scan(table)}
    for key in wanted.keys() | stored.keys():
        sums = stored.get(key, {})
        for figure in _FIGURES:
            found, value = sums.get(figure, 0), wanted.get(key, Counter())[figure]
            # What deleted stacks did is on record no more, and still counted.
            if found != value and not (key.startswith(_ALL) and found > value):
                yield f"{figure} of {table} {key} is {found}, by the records {value}"
