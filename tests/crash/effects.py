"""Invariant 2: no effect is applied twice; no user message is answered twice."""

from collections import Counter, defaultdict

from recursor.storage.tables import BROADCASTS
from tests.crash.evidence import Evidence
from tests.crash.figures import Violations
from tests.crash.journal import Started, run_key


def effects_are_applied_once(evidence: Evidence) -> Violations:
    """What the store holds of each run is all that the run proposed if it was completed, else nothing."""
    found, there = _marks(evidence), {*evidence.stacks, BROADCASTS}
    for done in evidence.committed:
        proposed = Counter(
            todos=done.todos,
            artifacts=done.artifacts,
            # What was written to a stack goes with it.
            sent=sum(receiver in there for receiver in done.sent),
            answers=len(done.answered),
            traces=1,
            tokens=done.tokens,
        )
        stored = found.pop(run_key(done), Counter())
        if +proposed != +stored:
            yield f"run {run_key(done)} proposed {dict(+proposed)}, the store holds {dict(stored)}"
    for key, stored in found.items():
        yield f"run {key} was not completed, the store holds {dict(stored)} of it"


def completed_nodes_have_returned(evidence: Evidence) -> Violations:
    """No node is completed but by an attempt that told the journal so."""
    returned = {(done.execution, done.role, done.attempt) for done in evidence.committed}
    for (execution, role), node in evidence.nodes.items():
        if node.status == "completed" and (execution, role, node.attempts) not in returned:
            yield f"node {execution}.{role} is completed by attempt {node.attempts}, which never returned"


def artifacts_count_from_one(evidence: Evidence) -> Violations:
    """No version is missing, none is there twice."""
    by_stack: dict[str, list[int]] = defaultdict(list)
    for artifact in evidence.artifacts:
        by_stack[artifact.stack_id].append(artifact.number)
    for stack_id, numbers in by_stack.items():
        if numbers != list(range(1, 1 + len(numbers))):
            yield f"the artifacts of {stack_id} have the numbers {numbers}"


def _marks(evidence: Evidence) -> dict[str, Counter[str]]:
    """Return what the store holds of each run, by the run's key."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for todo in evidence.todos:
        if "key" in todo.metadata:
            found[str(todo.metadata["key"])]["todos"] += 1
    for artifact in evidence.artifacts:
        found[str(artifact.metadata["key"])]["artifacts"] += 1
    for trace in evidence.traces:
        found[str(trace.metadata["key"])]["traces"] += 1
    for user_message in evidence.user_messages:
        if user_message.answer is not None:
            found[user_message.answer]["answers"] += 1
    for message in evidence.messages:
        if message.from_stack_id in evidence.stacks and "." in message.content:
            found[message.content.split()[0]]["sent"] += 1
    for (execution, role), node in evidence.nodes.items():
        if node.usage is not None and node.status == "completed":
            found[f"{execution}.{role}.{node.attempts}"]["tokens"] += node.usage.input_tokens
    return found


def messages_are_dealt_with_once(evidence: Evidence) -> Violations:
    """What was answered, planned for, read or completed was so by exactly one completed run, and by that."""
    runs: dict[str, dict[str, list[str]]] = {
        what: defaultdict(list) for what in ("completed", "answered", "planned", "read")
    }
    for done in evidence.committed:
        for what, by_id in runs.items():
            for record_id in getattr(done, what):
                by_id[record_id].append(run_key(done) if what != "read" else done.stack)
    for message in evidence.user_messages:
        yield from _once(
            message.id, "answered", runs["answered"][message.id], message.answered_at is not None
        )
        yield from _once(
            message.id, "planned for", runs["planned"][message.id], message.planned_at is not None
        )
        if message.answer is not None and message.answer not in runs["answered"][message.id]:
            yield f"visitor message {message.id} has the answer of {message.answer}, which did not answer it"
    for todo in evidence.todos:
        yield from _once(todo.id, "completed", runs["completed"][todo.id], todo.status == "completed")
    for sent in evidence.messages:
        readers = Counter(runs["read"][sent.id])
        if sent.to_stack_id is not None and sent.to_stack_id in evidence.stacks:
            yield from _once(sent.id, "read", list(readers.elements()), sent.read_at is not None)
        for stack_id, times in readers.items():
            if times > 1:
                yield f"message {sent.id} was read {times} times by {stack_id}"


def _once(record_id: str, what: str, runs: list[str], stored: bool) -> Violations:
    if len(runs) != stored:
        yield f"{record_id} is {'' if stored else 'not '}{what} in the store; by these completed runs: {runs}"


def no_run_is_repeated_after_its_commit(evidence: Evidence) -> Violations:
    """No key is used twice, and no attempt follows one that was committed or failed for good."""
    starts = Counter(run_key(entry) for entry in evidence.journal if isinstance(entry, Started))
    for key, times in starts.items():
        if times > 1:
            yield f"run {key} began {times} times"
    for entry in evidence.journal:
        node = evidence.nodes.get((entry.execution, entry.role))
        if node is not None and node.status.ended and entry.attempt > node.attempts:
            yield f"run {run_key(entry)} came after attempt {node.attempts}, which {node.status} its node"
