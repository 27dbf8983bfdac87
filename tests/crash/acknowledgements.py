"""Invariant 1: no acknowledged write is ever lost, whatever is killed when."""

from collections import Counter

from tests.crash.evidence import Evidence
from tests.crash.figures import Violations
from tests.crash.ledger import ABSENT, UNEXPECTED, Asked
from tests.crash.team import MADE_UP, plan_of


def nothing_acknowledged_is_lost(evidence: Evidence) -> Violations:
    """What was sent is there once if it was acknowledged, at most once if not, never if refused."""
    found = Counter(
        [
            *(("visit", message.stack_id, message.content) for message in evidence.user_messages),
            *(("todo", todo.stack_id, todo.content) for todo in evidence.todos),
            *(("message", message.from_stack_id, message.content) for message in evidence.messages),
        ]
    )
    for asked in evidence.ledger.asked:
        if asked.op not in ("visit", "todo", "message") or not _is_kept(evidence, asked):
            continue
        copies, what = found[asked.op, asked.stack, asked.args["text"]], f"{asked.op} {asked.args['text']!r}"
        if asked.ok and copies != 1:
            yield f"{what} to {asked.stack}: acknowledged, and there {copies} times"
        elif copies > (asked.answered_at is None or asked.ok):
            yield f"{what} to {asked.stack}: there {copies} times ({asked.error})"
    status = {todo.id: todo.status for todo in evidence.todos}
    for asked in evidence.ledger.acknowledged("cancel"):
        todo = asked.args["todo"]
        if asked.stack in evidence.stacks and status.get(todo) != "cancelled":
            yield f"todo {todo}: its cancellation was acknowledged; it is {status.get(todo)}"
    for stack_id in evidence.stacks:
        yield from _idea_is_kept(evidence, stack_id)
    for asked in evidence.ledger.asked:
        if asked.error is not None and asked.error.startswith(UNEXPECTED):
            yield f"{asked.op} of {asked.stack} failed: {asked.error}"


def _is_kept(evidence: Evidence, asked: Asked) -> bool:
    if asked.op == "message":
        return asked.args["to"] is None or asked.args["to"] in evidence.stacks
    return asked.stack in evidence.stacks


def _idea_is_kept(evidence: Evidence, stack_id: str) -> Violations:
    possible: set[str | None] = {None}
    for asked in evidence.ledger.asked:
        if asked.stack == stack_id and asked.op in ("create", "idea") and (asked.ok or not asked.answered_at):
            idea = asked.args["text"] if asked.op == "idea" else asked.args["idea"]
            possible = {idea} if asked.ok else {*possible, idea}
    found = evidence.ideas.get(stack_id)
    text = None if found is None else found.idea
    if text not in possible and not (None in possible and text == MADE_UP):
        yield f"the idea of {stack_id} is {text!r}, and should be one of {possible}"
    if found is not None and found.updated_by == "planner" and found.title != plan_of(found.idea):
        yield f"the idea of {stack_id}, {text!r}, passes for planned, and the plan is {found.title!r}"


def stacks_are_as_they_were_told(evidence: Evidence) -> Violations:
    """Each stack is in a state that the acknowledged commands, and perhaps others, lead to."""
    for stack_id, possible in evidence.ledger.possible_states().items():
        stack = evidence.stacks.get(stack_id)
        state = ABSENT if stack is None else stack.state.value
        if state not in possible:
            yield f"stack {stack_id} is {state}; after what was acknowledged it can be {sorted(possible)}"
        evidence.ledger.found(stack_id, state)
