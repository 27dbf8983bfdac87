"""What comes at the same moment, in every order that a seed draws: no order loses or doubles anything."""

import itertools
from typing import Any

import pytest

from recursor.actors.environment import Runtime
from recursor.actors.messages import (
    CancelTodo,
    ConfigureStack,
    ControlAll,
    ControlStack,
    CreateStack,
    DeleteStack,
    EditTodo,
    Prune,
)
from recursor.actors.orchestrator import Orchestrator
from recursor.actors.stack_messages import Reserve
from recursor.domain.commands import Command
from recursor.domain.effect import Outcome
from recursor.domain.errors import ConflictError
from recursor.domain.new_records import new_stack, new_todo
from recursor.domain.settings import RetentionSettings, RunnerSettings, Settings
from recursor.domain.spending import BudgetExceededError, Reservation, Spend
from recursor.domain.stack import ExecutionState
from recursor.domain.todo import TodoStatus
from recursor.domain.work import WorkStatus
from recursor.orchestration.roles import Role, RoleRegistry
from recursor.runtime.simulated import Scheduler, SimulatedClock, SimulatedDispatcher
from recursor.runtime.simulated_pool import SimulatedPool
from recursor.storage.commit import Commit
from recursor.storage.errors import StorageError, StorageFullError
from recursor.storage.rollups import MERGES
from recursor.storage.simulated_store import SimulatedStore
from recursor.storage.tables import ACCOUNTS, EXECUTIONS, RESERVATIONS, STACKS, TABLES, TODOS

START = 1_700_000_000.0


class Idle:
    """Proposes nothing."""

    def run(self, _snapshot, _run):
        return Outcome()


class NoModels:
    """Nobody asks a model."""

    addresses = None

    async def aclose(self):
        """Close nothing."""


def nothing(_snapshot, _settings, _now):
    return WorkStatus(has_work=False, reason="there is none")


class World:
    """An orchestrator on simulated threads, time and disk."""

    def __init__(self, seed: int, detect: Any = nothing, stored: Commit | None = None, **runner: Any) -> None:
        self.scheduler = Scheduler(seed)
        self.store = SimulatedStore(TABLES, self.scheduler, merges=MERGES)
        if stored is not None:
            self.store.write(stored)
        numbers = itertools.count(1)
        runtime = Runtime(
            SimulatedClock(self.scheduler),
            SimulatedDispatcher(self.scheduler),
            SimulatedPool(self.scheduler, 8),
            lambda: f"{next(numbers):032x}",
        )
        self.clock = runtime.clock
        self.ref = Orchestrator.start(
            self.store,
            RoleRegistry([Role("worker", detect, Idle())]),
            Settings(),
            RunnerSettings(**runner),
            models=NoModels(),
            runtime=runtime,
            closes_runtime=False,
        )

    def ask(self, *messages: Any) -> list[Any]:
        """Ask all at once, and let everything happen."""
        futures = [self.ref.ask(message, block=False) for message in messages]
        self.settle()
        return futures

    def settle(self, seconds: float = 0.0) -> None:
        if seconds:
            self.scheduler.advance(seconds)
        self.scheduler.run_until_idle()

    def create(self, name: str = "garden", *, start: bool = False, **fields: Any) -> Any:
        stack = new_stack(name, self.clock.now(), **fields)
        self.ask(CreateStack(stack, start=start))
        return stack

    def stack(self, stack_id: str) -> Any:
        with self.store.read() as reader:
            return STACKS.get(reader, stack_id)

    @property
    def ledger(self) -> Any:
        return self.ref._actor_weakref()._environment.ledger


@pytest.mark.parametrize("seed", range(0, 300, 10))
def test_a_timer_that_goes_off_as_the_stack_is_passivated_starts_no_second_cycle(seed):
    def detect(_snapshot, _settings, now):
        if START + 10 <= now < START + 15:
            return WorkStatus(has_work=True, priority=5, reason="the time has come")
        return WorkStatus(has_work=False, reason="later", due_at=START + 10 if now < START + 10 else None)

    for each in range(seed, seed + 10):
        world = World(each, detect, passivate_after=9.99)
        stack = world.create(start=True)
        # One wait covers both timers.
        world.settle(10.001)
        for _ in range(20):
            world.settle(1)
        with world.store.read() as reader:
            cycles = list(EXECUTIONS.scan(reader, stack.id))
        assert len({cycle.number for cycle in cycles}) == len(cycles)
        assert all(cycle.finished_at is not None for cycle in cycles)


def test_a_todo_that_was_cancelled_just_now_cannot_be_changed_any_more():
    stack, stored = new_stack("garden", START), Commit()
    STACKS.put(stored, stack)
    old = new_todo(stack.id, "old", 3, START)
    TODOS.put(stored, old)
    for number in range(200):
        todo = new_todo(stack.id, f"todo {number}", 3, START + 1 + number)
        TODOS.put(stored, todo.but(status=TodoStatus.COMPLETED, closed_at=START + 5))
    world = World(3, stored=stored)
    cancelled, edited = world.ask(CancelTodo(stack.id, old.id), EditTodo(stack.id, old.id, content="other"))
    assert cancelled.get().status is TodoStatus.CANCELLED
    with pytest.raises(ConflictError):
        edited.get()
    with world.store.read() as reader:
        assert TODOS.get(reader, stack.id, old.id).status is TodoStatus.CANCELLED


@pytest.mark.parametrize("seed", range(20))
def test_a_stack_whose_start_is_being_written_is_stopped_with_all(seed):
    world = World(seed)
    stack, other = world.create(), world.create("other")
    _, stopped = world.ask(ControlStack(stack.id, Command.START), ControlAll(Command.STOP))
    assert world.stack(stack.id).state is ExecutionState.STOPPED
    assert stopped.get().keys() == {stack.id}
    assert world.stack(other.id).state is ExecutionState.IDLE


def test_a_budget_that_could_not_be_raised_holds():
    world = World(1)
    stack = world.create(settings={"budget": {"tokens": 1000}})
    world.store.fail_next(StorageFullError("no room"))
    (raised,) = world.ask(ConfigureStack(stack.id, {"budget": {"tokens": 10**9}}))
    with pytest.raises(StorageFullError):
        raised.get()
    asked = world.ledger.ask(Reserve(stack.id, "worker", Spend(tokens=2000)), block=False)
    world.settle()
    with pytest.raises(BudgetExceededError):
        asked.get()


def damaged(stack: Any) -> Commit:
    stored = Commit()
    STACKS.put(stored, stack)
    RESERVATIONS.add(
        stored,
        Reservation(id="open", stack_id=stack.id, role="worker", most=Spend(tokens=5), made_at=START),
    )
    stored.put(ACCOUNTS.name, f"{stack.id}/total".encode(), b"\xc1 damaged")
    stored.put(RESERVATIONS.name, b"all/unreadable", b"\xc1 damaged")
    return stored


def test_damaged_books_of_one_stack_stop_no_other():
    world = World(1, stored=damaged(new_stack("damaged", START)))
    healthy = world.create()
    asked = world.ledger.ask(Reserve(healthy.id, "worker", Spend(tokens=1)), block=False)
    world.settle()
    assert asked.get()


def test_a_fence_that_cannot_be_read_once_is_read_again(monkeypatch):
    world = World(5)
    stack = world.create(start=True)
    roster = world.ref._actor_weakref()._roster
    next_fence, fails = roster._next_fence, iter([True])

    def failing_once(stack_id):
        if next(fails, False):
            raise StorageError("too many snapshots are open at once")
        return next_fence(stack_id)

    monkeypatch.setattr(roster, "_next_fence", failing_once)
    # It dies of a message that it does not know.
    roster._active[stack.id].supervisor.actor_inbox.post(object(), None)
    world.settle()
    (stopped,) = world.ask(ControlAll(Command.STOP))
    for _ in range(10):
        world.settle(10)
    assert stopped.get()[stack.id].state is ExecutionState.STOPPED


@pytest.mark.parametrize("seed", range(0, 100, 5))
def test_a_stack_that_is_deleted_while_it_is_pruned_ends_in_order(seed, caplog):
    for each in range(seed, seed + 5):
        world = World(each)
        stack = world.create()
        world.ask(Prune(stack.id, RetentionSettings()), DeleteStack(stack.id))
        assert world.stack(stack.id) is None
    assert "supervisor died" not in caplog.text
