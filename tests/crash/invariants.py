"""The design's invariants, checked on what a store holds, without the code that is to keep them.

Three witnesses have to agree: the store, the journal that the agents wrote outside of it, and the ledger of
what was asked and acknowledged. Every function yields violations, as text.
"""

from collections import Counter, defaultdict
from collections.abc import Callable

from recursor.orchestration.detection import detect_work
from recursor.orchestration.roles import RoleRegistry
from recursor.storage.stack_store import take_snapshot
from recursor.storage.store import Reader
from recursor.storage.tables import (
    NAMES,
    STACKS,
    TODOS,
    USER_MESSAGES,
)
from tests.crash.acknowledgements import nothing_acknowledged_is_lost, stacks_are_as_they_were_told
from tests.crash.effects import (
    artifacts_count_from_one,
    completed_nodes_have_returned,
    effects_are_applied_once,
    messages_are_dealt_with_once,
    no_run_is_repeated_after_its_commit,
)
from tests.crash.evidence import Evidence
from tests.crash.figures import Violations, counters_equal_the_records, rollups_equal_the_records
from tests.crash.journal import Started, run_key
from tests.crash.ledger import bans
from tests.crash.team import SETTINGS


def at_any_time(evidence: Evidence) -> list[str]:
    """Return what is wrong and would be wrong after any kill."""
    checks: tuple[Callable[[Evidence], Violations], ...] = (
        nothing_acknowledged_is_lost,
        stacks_are_as_they_were_told,
        effects_are_applied_once,
        completed_nodes_have_returned,
        artifacts_count_from_one,
        messages_are_dealt_with_once,
        no_run_is_repeated_after_its_commit,
        runs_are_on_record_before_they_begin,
        waves_follow_each_other,
        no_agent_begins_where_it_may_not,
        agents_run_for_a_reason,
        counters_equal_the_records,
        rollups_equal_the_records,
        records_are_where_they_belong,
    )
    return [f"{check.__name__}: {violation}" for check in checks for violation in check(evidence)]


def at_rest(evidence: Evidence) -> list[str]:
    """Return what is wrong once every stack may run and all that could be done has been done."""
    checks: tuple[Callable[[Evidence], Violations], ...] = (
        everything_has_ended,
        every_visitor_is_answered,
        everything_is_read,
        every_idea_is_planned,
    )
    violations = [f"{check.__name__}: {violation}" for check in checks for violation in check(evidence)]
    return at_any_time(evidence) + violations


def unrest(
    reader: Reader, roles: RoleRegistry, now: float, besides: frozenset[str] = frozenset()
) -> Violations:
    """Yield the running stacks that are at something, or should be, `besides` some that do not matter."""
    for stack_id in [key.decode() for key, _ in reader.scan(STACKS.name)]:
        stack = None if stack_id in besides else STACKS.get(reader, stack_id)
        if stack is None or stack.state != "running":
            continue
        if stack.current_execution_id is not None:
            yield f"{stack.name} is in a cycle"
        report = detect_work(take_snapshot(reader, stack.id, roles, now), roles, SETTINGS, now)
        for role in report.roles_with_work():
            yield f"{stack.name}: {role} has work: {report.statuses[role].reason}"


# 3. Every cycle record ends.


def everything_has_ended(evidence: Evidence) -> Violations:
    """No cycle and no node is left open."""
    for execution in evidence.executions:
        if execution.status == "running":
            yield f"execution {execution.id} of {execution.stack_id} is still running"
    for (execution_id, role), node in evidence.nodes.items():
        if not node.status.ended:
            yield f"node {execution_id}.{role} is still {node.status}"


# 4. A paused or stopped stack starts no agent. A resumed one goes on from the last committed wave.


def no_agent_begins_where_it_may_not(evidence: Evidence) -> Violations:
    """No agent begins between a pause, stop or deletion on disk and the next command to run."""
    begun: dict[str, list[Started]] = defaultdict(list)
    for entry in evidence.journal:
        if isinstance(entry, Started):
            begun[entry.stack].append(entry)
    for ban in bans(evidence.ledger):
        for entry in begun[ban.stack]:
            if ban.begin < entry.begun < ban.end:
                late = 1000 * (entry.begun - ban.begin)
                yield f"run {run_key(entry)} of {ban.stack} began {late:.1f} ms after {ban.why} was on disk"


def runs_are_on_record_before_they_begin(evidence: Evidence) -> Violations:
    """Whatever began is an attempt that the store knows of: else a crash could have it begin again unseen."""
    for entry in evidence.journal:
        if entry.stack in evidence.stacks:
            node = evidence.nodes.get((entry.execution, entry.role))
            if node is None or node.attempts < entry.attempt:
                attempts = "nothing" if node is None else f"{node.attempts} attempts"
                yield f"run {run_key(entry)} began; the store knows {attempts} of it"


def waves_follow_each_other(evidence: Evidence) -> Violations:
    """No agent begins once one of a later wave has begun."""
    reached: dict[str, int] = defaultdict(int)
    for entry in evidence.journal:
        node = evidence.nodes.get((entry.execution, entry.role))
        if isinstance(entry, Started) and node is not None:
            if node.wave < reached[entry.execution]:
                yield f"run {run_key(entry)} of wave {node.wave} began after wave {reached[entry.execution]}"
            reached[entry.execution] = max(reached[entry.execution], node.wave)


# 5. No agent runs without work that a detector gave a reason for.


def agents_run_for_a_reason(evidence: Evidence) -> Violations:
    """Each agent was called with a reason, the one on record, and saw something to do."""
    for entry in evidence.journal:
        if not isinstance(entry, Started):
            continue
        saw = entry.saw
        idle = not saw["open_todos"] and not saw["complete"]
        news = saw["recommendations"] or saw["unplanned"]
        # Periodic looks are out of reach here, but for the first.
        something = {
            "planner": not saw["ideas"] or saw["rewritten"] or not saw["planned"] or idle or news,
            "builder": saw["open_todos"],
            "communicator": saw["unanswered"] or saw["unread"],
            "reviewer": saw["unreviewed"] > 0 or saw["completed_todos"],
        }[entry.role]
        if not something:
            yield f"run {run_key(entry)} had nothing to do ({entry.reason}): {saw}"
        node = evidence.nodes.get((entry.execution, entry.role))
        if node is not None and node.reason != entry.reason:
            yield f"run {run_key(entry)} began because {entry.reason!r}, on record is {node.reason!r}"


# What belongs together.


def records_are_where_they_belong(evidence: Evidence) -> Violations:
    """No record stands on two shelves, none outlives its stack, and each stack has its name."""
    for table, keys in evidence.keys.items():
        if table == NAMES:
            continue
        for key in keys:
            owner = key.split(b"/")[0].decode()
            if owner not in evidence.stacks and owner != "all":
                yield f"{table} {key.decode()} belongs to no stack"
        own = (
            Counter(key.rpartition(b"/")[2] for key in keys)
            if table in (TODOS.name, USER_MESSAGES.name)
            else {}
        )
        yield from (
            f"{table} {key.decode()} is there {times} times" for key, times in own.items() if times > 1
        )
    named = sorted(key.rpartition(b"/")[2].decode() for key in evidence.keys[NAMES])
    if named != sorted(evidence.stacks):
        yield f"names lead to {named}, the stacks are {sorted(evidence.stacks)}"


# At rest.


def every_visitor_is_answered(evidence: Evidence) -> Violations:
    """No user message is never answered."""
    for message in evidence.user_messages:
        if message.answered_at is None and message.stack_id in evidence.stacks:
            yield f"visitor message {message.content!r} to {message.stack_id} is not answered"


def every_idea_is_planned(evidence: Evidence) -> Violations:
    """No idea of a person is left unread, whenever it came."""
    for stack_id, idea in evidence.ideas.items():
        if idea.updated_by != "planner" and stack_id in evidence.stacks:
            yield f"the idea {idea.idea!r} of {stack_id} is not planned"


def everything_is_read(evidence: Evidence) -> Violations:
    """Every stack has read what was sent to it, and the broadcasts since it exists."""
    read: dict[str, set[str]] = defaultdict(set)
    for done in evidence.committed:
        read[done.stack].update(done.read)
    oldest = {asked.stack: asked for asked in evidence.ledger.asked if asked.op == "create"}
    for message in evidence.messages:
        if message.to_stack_id is not None:
            if message.read_at is None:
                yield f"message {message.id} to {message.to_stack_id} is not read"
            continue
        for stack_id in evidence.stacks:
            # Only what was sent after a stack's creation was acknowledged must reach it.
            there = oldest[stack_id].answered_at
            was_there = there is not None and oldest[stack_id].ok and message.created_at > there
            if was_there and message.from_stack_id != stack_id and message.id not in read[stack_id]:
                yield f"broadcast {message.id} ({message.content!r}) was never read by {stack_id}"
    for todo in evidence.todos:
        if todo.status.open:
            yield f"todo {todo.id} of {todo.stack_id} is {todo.status}"
