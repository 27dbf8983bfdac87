"""The invariants, held against what is on disk when nothing is under way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from recursor.storage.tables import ACCOUNTS, NAMES, OUTBOX, WORKSPACES
from tests.simulation.answers import item_problems, items_found, stack_problems
from tests.simulation.disk import BROADCASTS, Disk
from tests.simulation.journal import Returned, written
from tests.simulation.repositories import repositories_agree
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.world import World

_ENDED = frozenset(("completed", "failed", "waiting", "skipped", "cancelled"))


def always(world: World, disk: Disk) -> Iterator[Violation]:
    """Yield what must hold at any moment, also after a loss of power."""
    for check in (
        _nothing_acknowledged_is_lost,
        _records_belong_to_stacks,
        _cycles_end,
        _effects_are_applied_once,
        _visitors_are_answered_once,
        _messages_arrive_once,
        _nothing_is_repeated,
        repositories_agree,
    ):
        for problem in check(world, disk):
            yield Violation(_INVARIANTS[check.__name__], problem)
    for problem in world.provider.problems(disk):
        yield Violation("8 budgets", problem)


def at_rest(world: World, disk: Disk) -> Iterator[str]:
    """Yield what must be done once every stack may run and nothing goes wrong any more."""
    broadcasts = disk.messages(BROADCASTS)
    for owner in disk.tables[ACCOUNTS.name]:
        if owner not in disk.stacks and owner != BROADCASTS:
            yield f"there are accounts of {owner}, which was deleted"
    for stack_id, stack in disk.stacks.items():
        if stack["state"] != "running":
            yield f"{stack_id} is {stack['state']} ({stack['state_reason']})"
        if stack["phase"] != "complete":
            yield f"{stack_id} is {stack['phase']}"
        if stack["current_execution_id"] is not None:
            yield f"{stack_id} is in cycle {stack['current_execution_id']}"
        yield from (
            f"todo {t['id']} of {stack_id} is {t['status']}"
            for t in disk.todos(stack_id)
            if t["status"] in ("pending", "in_progress")
        )
        yield from (
            f"the repository of {stack_id} is not made, or pulls wait: {each}"
            for each in disk.of_stack(WORKSPACES.name, stack_id)
            if each["tip"] is None or each["pulls"]
        )
        yield from (
            f"visitor message {m['id']} of {stack_id} is not answered"
            for m in disk.user_messages(stack_id)
            if m["answered_at"] is None
        )
        yield from (
            f"message {m['id']} to {stack_id} is not read"
            for m in disk.messages(stack_id)
            if m["read_at"] is None
        )
        # One to a stack that cannot be read waits until that is restored, or deleted.
        yield from (
            f"message {m['id']} of {stack_id} has not arrived"
            for m in disk.outbox(stack_id)
            if m["to_stack_id"] is None or not world.book.stacks[m["to_stack_id"]].is_unreadable
        )
        yield from (
            f"broadcast {m['id']} is not read by {stack_id}"
            for m in broadcasts
            if m["from_stack_id"] != stack_id and m["id"] > stack["broadcasts_read"]
        )


def _nothing_acknowledged_is_lost(world: World, disk: Disk) -> Iterator[str]:
    for book in world.book.stacks.values():
        if book.is_unreadable:
            continue
        stack = disk.stacks.get(book.id)
        yield from (f"{book.id}: {problem}" for problem in stack_problems(book, stack))
        if stack is None:
            continue
        idea = disk.ideas.get(book.id)
        text, ideas = None if idea is None else idea["idea"], book.idea.possible()
        own = None in ideas and text is not None and text.startswith("an idea of ")
        if text not in ideas and not own:
            yield f"the idea of {book.id} is {text!r}, and must be one of {ideas}"
    for item, found in items_found(world.book, disk):
        owner = item.stack_id
        if owner == BROADCASTS or owner in disk.stacks:
            yield from item_problems(item, found, may_be_gone=world.book.may_be_gone(owner))


def _records_belong_to_stacks(_world: World, disk: Disk) -> Iterator[str]:
    for table, keys in disk.keys.items():
        for key in keys:
            owner = key.partition(b"/")[0].decode()
            # The ledger removes accounts after their stack.
            if table not in (NAMES, ACCOUNTS.name) and owner not in disk.stacks and owner != BROADCASTS:
                yield f"{table} {key.decode()} belongs to no stack"
    named = sorted(key.rpartition(b"/")[2].decode() for key in disk.keys[NAMES])
    if named != sorted(disk.stacks):
        yield f"names lead to {named}, there are {sorted(disk.stacks)}"


def _cycles_end(world: World, disk: Disk) -> Iterator[str]:
    for stack_id, stack in disk.stacks.items():
        pruned = world.book.stacks[stack_id].pruned
        executions = disk.executions(stack_id)
        numbers = [execution["number"] for execution in executions]
        if len(set(numbers)) < len(numbers):
            yield f"the cycles of {stack_id} have the numbers {numbers}"
        # The clock may have been set back: later ones may have earlier ids.
        if not pruned and sorted(numbers) != list(range(1, stack["last_cycle"] + 1)):
            yield f"{stack_id} has counted {stack['last_cycle']} cycles, on record are {numbers}"
        current = stack["current_execution_id"]
        going = [execution["id"] for execution in executions if execution["status"] == "running"]
        if going != ([] if current is None else [current]):
            yield f"{stack_id} is in cycle {current}; running are {going}"
        for execution in executions:
            graph = disk.graphs.get(execution["id"])
            if graph is None:
                yield f"cycle {execution['id']} of {stack_id} has no graph"
            elif execution["status"] != "running":
                open_nodes = [n["role"] for n in graph["nodes"] if n["status"] not in _ENDED]
                if open_nodes:
                    yield f"cycle {execution['id']} is {execution['status']}, and {open_nodes} are not"


def _effects_are_applied_once(world: World, disk: Disk) -> Iterator[str]:
    """What is on disk of each run is all that it returned, if its node is completed, else nothing."""
    for stack_id in disk.stacks:
        pruned = world.book.stacks[stack_id].pruned
        found = _marks(disk, stack_id)
        for graph in disk.tables["execution_graphs"].get(stack_id, ()):
            for node in graph["nodes"]:
                if node["status"] != "completed":
                    continue
                key = disk.key_of(graph, node)
                returned = world.journal.returned.get(key)
                if returned is None:
                    yield f"node {written(key)} is completed, and no such run has returned"
                    continue
                stored = found.pop(written(key), Counter())
                wanted = +Counter(
                    todos=returned.todos, artifacts=returned.artifacts, facts=returned.facts, traces=1
                )
                if pruned:
                    for kept in ("traces", "artifacts", "todos"):
                        stored.pop(kept, None), wanted.pop(kept, None)
                if stored != wanted:
                    yield f"run {written(key)} returned {dict(wanted)}, on disk is {dict(stored)} of it"
        if not pruned:
            for name, stored in found.items():
                yield f"run {name} was not completed, and on disk is {dict(stored)} of it"


def _marks(disk: Disk, stack_id: str) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for todo in disk.todos(stack_id):
        if todo["assigned_by"] != "user":
            found[todo["metadata"]["key"]]["todos"] += 1
    for artifact in disk.artifacts(stack_id):
        found[artifact["content"]]["artifacts"] += 1
    for trace in disk.traces(stack_id):
        found[trace["summary"]]["traces"] += 1
    for state in disk.states(stack_id).values():
        for fact in state["long_term"]["facts"]:
            found[fact]["facts"] += 1
    return found


def _completed(world: World, disk: Disk, stack_id: str) -> Iterator[Returned]:
    for graph in disk.tables["execution_graphs"].get(stack_id, ()):
        for node in graph["nodes"]:
            if node["status"] == "completed":
                returned = world.journal.returned.get(disk.key_of(graph, node))
                if returned is not None:
                    yield returned


def _visitors_are_answered_once(world: World, disk: Disk) -> Iterator[str]:
    for stack_id in disk.stacks:
        if world.book.stacks[stack_id].pruned:
            continue
        runs = list(_completed(world, disk, stack_id))
        answering: dict[str, list[str]] = defaultdict(list)
        finishing: dict[str, list[str]] = defaultdict(list)
        for run in runs:
            for message_id in run.answered:
                answering[message_id].append(written(run.key))
            for todo_id in run.completed:
                finishing[todo_id].append(written(run.key))
        for message in disk.user_messages(stack_id):
            by = answering[message["id"]]
            if len(by) != (message["answered_at"] is not None) or (by and by != [message["answer"]]):
                yield (
                    f"visitor message {message['id']} of {stack_id} is answered with {message['answer']!r}, "
                    f"by completed runs {by}"
                )
            before = world.answered.setdefault(message["id"], message["answer"])
            if before is not None and before != message["answer"]:
                yield f"visitor message {message['id']} had the answer {before!r}, now {message['answer']!r}"
            world.answered[message["id"]] = message["answer"]
        for todo in disk.todos(stack_id):
            by = finishing[todo["id"]]
            done = todo["status"] == "completed"
            # What a person cancelled meanwhile is dropped from an outcome.
            if len(by) > 1 or (done and not by) or (by and todo["status"] not in ("completed", "cancelled")):
                yield f"todo {todo['id']} of {stack_id} is {todo['status']}, by completed runs {by}"


def _messages_arrive_once(world: World, disk: Disk) -> Iterator[str]:
    received: Counter[tuple[str, str]] = Counter()
    for owner, messages in disk.tables["messages"].items():
        received.update((owner, message["content"]) for message in messages)
    for (owner, content), times in received.items():
        if times > 1:
            yield f"message {content!r} has reached {owner} {times} times"
    waiting = {message["content"] for sent in disk.tables[OUTBOX].values() for message in sent}
    sent: set[str] = set()
    for stack_id in disk.stacks:
        for run in _completed(world, disk, stack_id):
            for receiver, content in run.sent:
                sent.add(content)
                owner = receiver or BROADCASTS
                if (
                    owner in run.uncertain
                    or world.book.may_be_gone(owner)
                    or (owner != BROADCASTS and owner not in disk.stacks)
                ):
                    continue
                if content not in waiting and not received[owner, content]:
                    yield f"message {content!r} of {stack_id} to {owner} is lost"
        if not world.book.stacks[stack_id].pruned:
            for message in disk.outbox(stack_id):
                if message["content"] not in sent:
                    yield f"message {message['content']!r} waits, and no completed run has sent it"


def _nothing_is_repeated(world: World, disk: Disk) -> Iterator[str]:
    """No run follows one that ended its node."""
    for key in world.journal.begun:
        node = disk.nodes.get(key[:2])
        if node is not None and node["status"] in _ENDED and key[2] > node["attempts"]:
            yield f"run {written(key)} came after attempt {node['attempts']} ended its node"


_INVARIANTS: dict[str, str] = {
    "_nothing_acknowledged_is_lost": "1 durable",
    "_records_belong_to_stacks": "1 durable",
    "_cycles_end": "3 cycles",
    "_effects_are_applied_once": "2 once",
    "_visitors_are_answered_once": "2 once",
    "_messages_arrive_once": "2 once",
    "_nothing_is_repeated": "4 waves",
    "repositories_agree": "9 repositories",
}
