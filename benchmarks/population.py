"""Fills a store as months of use would: stacks with all that belongs to them, and a history of cycles."""

import random
import secrets

from recursor.domain.agent_state import AgentState, LongTermMemory
from recursor.domain.execution import (
    Decision,
    DecisionKind,
    ExecutionStatus,
    GraphSummary,
    OrchestratorExecution,
)
from recursor.domain.graph import ExecutionGraph, Node, NodeStatus, Usage
from recursor.domain.ids import earliest_id
from recursor.domain.message import Message, UserMessage
from recursor.domain.new_records import new_idea, new_stack
from recursor.domain.project import Artifact
from recursor.domain.stack import ExecutionState, Phase, Stack
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.trace import Trace
from recursor.domain.work import WorkReport, WorkStatus
from recursor.storage.commit import Commit
from recursor.storage.rollups import count_execution
from recursor.storage.stack_names import add_name
from recursor.storage.store import Store
from recursor.storage.tables import (
    ARTIFACTS,
    EXECUTIONS,
    GRAPHS,
    IDEAS,
    MESSAGES,
    STACKS,
    STATES,
    TODOS,
    TRACES,
    USER_MESSAGES,
    WORK,
)

DAY = 86_400.0
SPAN = 30 * DAY
ROLES = ("planner", "builder", "communicator", "reviewer")

_BATCH = 2_000
_STACKS_IN_A_BATCH = 100
_REASON = "3 pending todos, 2 of priority 3 or more"
_SUBJECTS = ("garden", "budget", "kitchen", "library", "workshop", "festival", "choir", "harbour")
_PAGE = "<!doctype html><title>Version {number}</title>\n" + "<p>A paragraph like any other.</p>\n" * 600


def id_of(at: float) -> str:
    """Return a new id as it would have been made at `at` (seconds since the epoch, UTC)."""
    return f"{earliest_id(at)}7{secrets.token_hex(10)[:19]}"


def populate(
    store: Store, stack_count: int, executions: int, now: float, *, contents: bool = True
) -> list[str]:
    """Write stacks and their past.

    Args:
        store: where to.
        stack_count: how many stacks; none of them is running.
        executions: how many finished cycles, spread over thirty days and all the stacks.
        now: seconds since the epoch, UTC.
        contents: whether the stacks get ideas, todos, messages, artifacts and traces, too.

    Returns:
        the ids of the stacks.
    """
    made = [
        new_stack(f"{_SUBJECTS[number % len(_SUBJECTS)]} {number}", now - SPAN)
        for number in range(stack_count)
    ]
    chance = random.Random(1)
    for first in range(0, stack_count, _STACKS_IN_A_BATCH):
        commit = Commit()
        for stack in made[first : first + _STACKS_IN_A_BATCH]:
            write_stack(commit, stack)
            WORK.add(commit, some_report(stack.id, now))
            if contents:
                IDEAS.add(commit, new_idea(stack.id, f"a planner for every {stack.name}", now - SPAN))
                write_contents(commit, stack.id, now, chance)
        store.write(commit)
    ids = [stack.id for stack in made]
    for first in range(0, executions, _BATCH):
        commit = Commit()
        for number in range(first, min(first + _BATCH, executions)):
            at = now - SPAN * (1 - number / executions)
            write_cycle(commit, ids[number % stack_count], number // stack_count + 1, at)
        store.write(commit)
    commit = Commit()
    for stack in made:
        STACKS.put(commit, _aged(stack, executions // stack_count, now))
    store.write(commit)
    return ids


def write_stack(commit: Commit, stack: Stack) -> None:
    """Write a stack that nobody owns yet."""
    STACKS.add(commit, stack)
    add_name(commit, stack)


def some_report(stack_id: str, now: float) -> WorkReport:
    """Return what the work cache might hold."""
    status = WorkStatus(has_work=True, priority=8, reason=_REASON)
    return WorkReport(stack_id=stack_id, computed_at=now, statuses=dict.fromkeys(ROLES, status))


def write_contents(commit: Commit, stack_id: str, now: float, chance: random.Random) -> None:
    """Write what people and agents told and made: some of each, over thirty days."""
    for number in range(20):
        at = now - SPAN * (1 - number / 20)
        closed = number < 15
        TODOS.add(
            commit,
            Todo(
                id=id_of(at),
                stack_id=stack_id,
                content=f"Let visitors print page {number}",
                priority=1 + number % 5,
                status=TodoStatus.COMPLETED if closed else TodoStatus.PENDING,
                assigned_by="planner",
                created_at=at,
                updated_at=at,
                updated_by="planner",
                closed_at=at if closed else None,
            ),
        )
        answered = number < 19 or chance.random() < 0.9
        USER_MESSAGES.add(
            commit,
            UserMessage(
                id=id_of(at),
                stack_id=stack_id,
                sender="Ada",
                content=f"Could you add a search to page {number}?",
                created_at=at,
                answer="Yes: the planner has taken it up." if answered else None,
                answered_at=at + 5 if answered else None,
                planned_at=at + 9 if answered else None,
            ),
        )
        MESSAGES.add(
            commit,
            Message(
                id=id_of(at),
                from_stack_id="0a1b2c3d4e5f6071",
                from_name="Orchard",
                to_stack_id=stack_id,
                content="We publish a list of plants: use it.",
                created_at=at,
                read_at=at + 2,
            ),
        )
        TRACES.add(
            commit,
            Trace(
                id=id_of(at),
                stack_id=stack_id,
                execution_id=id_of(at),
                role=ROLES[number % 4],
                created_at=at,
                summary=f"Worked on page {number}",
                thoughts=("A month fits on a phone when weeks are rows.",),
                effects=("update_todo",),
            ),
        )
    for number in range(1, 4):
        at = now - SPAN / number
        content = _PAGE.format(number=number)
        ARTIFACTS.add(
            commit,
            Artifact(
                id=id_of(at),
                stack_id=stack_id,
                number=number,
                content=content,
                author="builder",
                created_at=at,
            ),
        )
    for role in ROLES:
        memory = LongTermMemory(facts=("visitors read on small screens",))
        STATES.add(commit, AgentState(stack_id=stack_id, role=role, long_term=memory, updated_at=now - DAY))


def write_cycle(commit: Commit, stack_id: str, number: int, at: float) -> str:
    """Write one finished cycle that began at `at`, and return its id."""
    nodes = tuple(
        Node(
            role=role,
            priority=8 - wave,
            reason=_REASON,
            wave=wave,
            status=NodeStatus.COMPLETED,
            attempts=1,
            started_at=at,
            finished_at=at + 1,
            usage=Usage(model="some-model", input_tokens=1200, output_tokens=340),
        )
        for wave, role in enumerate(ROLES)
    )
    graph = ExecutionGraph(id=id_of(at), stack_id=stack_id, created_at=at, nodes=nodes)
    execution = OrchestratorExecution(
        id=graph.id,
        stack_id=stack_id,
        number=number,
        epoch=0,
        status=ExecutionStatus.FAILED if number % 50 == 0 else ExecutionStatus.COMPLETED,
        started_at=at,
        finished_at=at + 4,
        decision=Decision(
            kind=DecisionKind.PAUSE if number % 5 == 0 else DecisionKind.CONTINUE,
            reason="builder has work: 3 pending todos",
        ),
        summary=GraphSummary(agents_run=4, waves=4, max_parallel=1, agent_seconds=4.0),
    )
    EXECUTIONS.add(commit, execution)
    GRAPHS.add(commit, graph)
    count_execution(commit, execution, graph)
    return graph.id


def _aged(stack: Stack, cycles: int, now: float) -> Stack:
    states = (ExecutionState.PAUSED, ExecutionState.IDLE, ExecutionState.STOPPED)
    return stack.but(
        total_cycles=cycles,
        last_cycle=cycles,
        phase=list(Phase)[int(stack.id[0], 16) % 4],
        state=states[int(stack.id[1], 16) % 3],
        started_at=stack.created_at,
        last_activity_at=now - DAY * int(stack.id[:4], 16) / 65_536,
    )
