"""Agents that wait for one of the limited slots begin only if their stack may still run."""

import time
from collections.abc import Callable, Iterator
from threading import Event

import pytest
from pykka import ActorRef

from recursor.actors.messages import ControlStack, CreateStack, GetLoad, Shutdown
from recursor.actors.orchestrator import Orchestrator
from recursor.domain.agent import Run
from recursor.domain.commands import Command
from recursor.domain.effect import Outcome, SetPhase
from recursor.domain.execution import ExecutionStatus
from recursor.domain.graph import NodeStatus
from recursor.domain.new_records import new_stack
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.work import WorkStatus
from recursor.orchestration.roles import Role, RoleRegistry
from recursor.storage.opening import memory_store
from recursor.storage.queries import execution_graphs, recent_executions
from recursor.storage.stacks import read_stack

WAIT = 180
"""Seconds that no test ever waits, unless what it waits for is broken."""


class OneSlot:
    """An orchestrator with one slot for agents, which the first one keeps until it is let go."""

    def __init__(self) -> None:
        self.store = memory_store()
        self.begun: list[tuple[str, int]] = []
        self.first_has_begun = Event()
        self.let_go = Event()
        self.orchestrator: ActorRef[Orchestrator] = Orchestrator.start(
            store=self.store,
            roles=RoleRegistry([Role("builder", self._detect, self)]),
            runner=RunnerSettings(agents=1),
        )

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        self.begun.append((snapshot.stack.name, run.attempt))
        self.first_has_begun.set()
        assert self.let_go.wait(WAIT)
        return Outcome(effects=(SetPhase(phase=Phase.COMPLETE),))

    def create(self, name: str) -> str:
        stack = new_stack(name, time.time())
        self.orchestrator.ask(CreateStack(stack, start=True))
        return stack.id

    def queue_one(self) -> str:
        """Have one agent run and another wait for its slot; return the stack of the one that waits."""
        self.create("first")
        assert self.first_has_begun.wait(WAIT)
        second = self.create("second")
        self.wait_until(lambda: self.orchestrator.ask(GetLoad()).agents_queued == 1)
        return second

    def wait_until(self, holds: Callable[[], bool]) -> None:
        give_up = time.monotonic() + WAIT
        while not holds():
            assert time.monotonic() < give_up
            time.sleep(0.001)

    def statuses(self, stack_id: str) -> list[NodeStatus]:
        with self.store.read() as reader:
            return [node.status for graph in execution_graphs(reader, stack_id) for node in graph.nodes]

    @staticmethod
    def _detect(snapshot: Snapshot, _settings: Settings, _now: float) -> WorkStatus:
        complete = snapshot.stack.phase is Phase.COMPLETE
        return WorkStatus(has_work=not complete, priority=0 if complete else 5, reason="to be completed")


@pytest.fixture
def one_slot() -> Iterator[OneSlot]:
    slot = OneSlot()
    yield slot
    slot.let_go.set()
    if slot.orchestrator.is_alive():
        slot.orchestrator.ask(Shutdown(grace=WAIT))
    slot.store.close()


def test_a_pause_takes_back_an_agent_that_waits(one_slot: OneSlot) -> None:
    second = one_slot.queue_one()
    one_slot.orchestrator.ask(ControlStack(second, Command.PAUSE))
    assert one_slot.orchestrator.ask(GetLoad()).agents_queued == 0
    one_slot.let_go.set()
    one_slot.wait_until(lambda: one_slot.statuses(second) == [NodeStatus.PENDING])
    assert [name for name, _ in one_slot.begun] == ["first"]

    one_slot.orchestrator.ask(ControlStack(second, Command.RESUME))
    one_slot.wait_until(lambda: one_slot.statuses(second) == [NodeStatus.COMPLETED])
    assert [name for name, _ in one_slot.begun] == ["first", "second"]


def test_a_pause_that_meets_a_resume_takes_it_back_too(one_slot: OneSlot) -> None:
    second = one_slot.queue_one()
    asked = [
        one_slot.orchestrator.ask(ControlStack(second, command), block=False)
        for command in (Command.RESUME, Command.PAUSE, Command.RESUME, Command.PAUSE)
    ]
    assert [future.get().state for future in asked] == [
        ExecutionState.RUNNING,
        ExecutionState.PAUSED,
        ExecutionState.RUNNING,
        ExecutionState.PAUSED,
    ]
    one_slot.let_go.set()
    one_slot.wait_until(lambda: one_slot.statuses(second) == [NodeStatus.PENDING])
    assert [name for name, _ in one_slot.begun] == ["first"]


def test_a_stop_cancels_an_agent_that_waits(one_slot: OneSlot) -> None:
    second = one_slot.queue_one()
    one_slot.orchestrator.ask(ControlStack(second, Command.STOP))
    one_slot.let_go.set()
    with one_slot.store.read() as reader:
        assert [e.status for e in recent_executions(reader, second)] == [ExecutionStatus.CANCELLED]
    assert one_slot.orchestrator.ask(Shutdown(grace=WAIT))
    assert [name for name, _ in one_slot.begun] == ["first"]


def test_a_shutdown_waits_only_for_agents_that_have_begun(one_slot: OneSlot) -> None:
    second = one_slot.queue_one()
    ended = one_slot.orchestrator.ask(Shutdown(grace=WAIT), block=False)
    one_slot.wait_until(lambda: one_slot.statuses(second) == [NodeStatus.PENDING])
    one_slot.let_go.set()
    assert ended.get()
    assert [name for name, _ in one_slot.begun] == ["first"]
    with one_slot.store.read() as reader:
        assert read_stack(reader, second).state is ExecutionState.RUNNING
