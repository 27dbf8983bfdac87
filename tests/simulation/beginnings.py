"""What must hold at the moment when an agent begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from recursor.domain.agent import Run
from recursor.domain.graph import node_key
from recursor.domain.snapshot import Snapshot
from recursor.orchestration.workspace_detectors import overlap
from recursor.storage.tables import GRAPHS, STACKS
from tests.simulation.disk import Fields, fields
from tests.simulation.journal import Key, key_of, written
from tests.simulation.register import Answer
from tests.simulation.team import DETECTORS

if TYPE_CHECKING:
    from tests.simulation.world import World

Problems = Iterator[tuple[str, str]]
"""(invariant, what is wrong)"""


def problems_with(world: World, snapshot: Snapshot, run: Run) -> Problems:
    """Yield what is wrong with a run that begins."""
    key, stack_id = key_of(run), snapshot.stack.id
    what = f"{written(key)} of {stack_id} begins"
    yield from ((invariant, f"{what}{why}") for invariant, why in _with_commands(world, stack_id))
    if not world.book.stacks[stack_id].damaged:
        for problems in (
            _with_runs(world, stack_id, key),
            _with_records(world, stack_id, run),
            _with_others(world, snapshot, run),
        ):
            yield from ((invariant, f"{what}{why}") for invariant, why in problems)
        if not world.answers.asked_for_work(stack_id):
            status = DETECTORS[run.role](snapshot, run.settings, snapshot.taken_at)
            if not status.has_work or (run.todo_id is not None and run.todo_id not in status.todos):
                yield "5 reason", f"{what} for {run.reason!r}; by what it sees: {status.reason}"


def _with_commands(world: World, stack_id: str) -> Problems:
    """No agent begins where a person was told that none does."""
    if not world.process.runs:
        yield "4 control", " without a runner"
    if world.process.is_ending:
        yield "4 control", " while the process ends"
    banned = world.book.stacks[stack_id].banned
    if banned is not None:
        yield "4 control", f" after {banned}"
    problem = world.answers.begins_while_all_are_stopped(stack_id)
    if problem is not None:
        yield "4 control", f", and {problem}"


def _with_runs(world: World, stack_id: str, key: Key) -> Problems:
    """No run is repeated, and none whose outcome could have been applied."""
    journal, before = world.journal, (key[0], key[1], key[2] - 1)
    if key in journal.begun:
        yield "2 once", " a second time"
    if before not in journal.returned or world.injected > world.injected_before:
        return
    begun = journal.begun[before]
    if begun.life == world.life and not world.book.stacks[stack_id].cuts_what_began_after(begun.commands):
        yield "2 once", ", though the run before it has returned"


def _with_records(world: World, stack_id: str, run: Run) -> Problems:
    """That it begins is on disk, and that what it waits for has ended."""
    with world.store.read() as reader:
        value = reader.get(GRAPHS.name, f"{stack_id}/{run.execution_id}".encode())
        stack = reader.get(STACKS.name, stack_id.encode())
    if stack is None or value is None:
        yield "1 durable", ", and its cycle is not on disk"
        return
    commands = world.book.stacks[stack_id].state.commands
    if fields(stack)["state"] != "running" and all(each.answer is not Answer.OPEN for each, _ in commands):
        yield "4 control", f", and on disk its stack is {fields(stack)['state']}"
    nodes = {node_key(node["role"], node["todo_id"]): node for node in fields(value)["nodes"]}
    node = nodes.get(node_key(run.role, run.todo_id))
    if node is None or node["attempts"] != run.attempt or node["status"] != "running":
        yield "3 cycles", f", and on disk its node is {node}"
        return
    if node["reason"] != run.reason or not run.reason:
        yield "5 reason", f" for {run.reason!r}; on disk is {node['reason']!r}"
    for other in nodes.values():
        if other["wave"] < node["wave"] and other["status"] in ("pending", "running"):
            yield "4 waves", f" in wave {node['wave']}, and {other['role']} is {other['status']}"
    obstacles = _obstacles(nodes.values()).intersection(node["dependencies"])
    if obstacles:
        yield "4 waves", f", and depends on {sorted(obstacles)}, which failed"


def _with_others(world: World, snapshot: Snapshot, run: Run) -> Problems:
    """No more builders run at once than may, and no two of them on the same paths."""
    if run.todo_id is None:
        return
    with world.store.read() as reader:
        value = reader.get(GRAPHS.name, f"{snapshot.stack.id}/{run.execution_id}".encode())
    nodes = [] if value is None else fields(value)["nodes"]
    at_work = [n["todo_id"] for n in nodes if n["role"] == run.role and n["status"] == "running"]
    if len(set(at_work)) < len(at_work) or len(at_work) > run.settings.workspace.builders:
        yield "9 repositories", f", and on disk there run {at_work}"
    paths = {todo.id: todo.paths for todo in snapshot.todos}
    for todo_id in at_work:
        if todo_id != run.todo_id and overlap(paths.get(todo_id, ()), paths[run.todo_id]):
            yield "9 repositories", f" on {paths[run.todo_id]}, as todo {todo_id} is"


def _obstacles(nodes: Iterable[Fields]) -> set[str]:
    """Return the roles that no role which depends on them may follow: none of their nodes completed."""
    found: set[str] = set()
    by_role: dict[str, list[Fields]] = {}
    for node in sorted(nodes, key=lambda each: each["wave"]):
        by_role.setdefault(node["role"], []).append(node)
    for role, of_role in by_role.items():
        if all(
            node["status"] in ("failed", "waiting", "cancelled")
            or (node["status"] == "skipped" and not found.isdisjoint(node["dependencies"]))
            for node in of_role
        ):
            found.add(role)
    return found
