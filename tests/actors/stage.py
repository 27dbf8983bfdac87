"""A stage for stacks: an orchestrator whose time the test moves, agents that do as told, and an audience."""

import inspect
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pykka

from recursor.actors.messages import (
    AddTodo,
    ControlStack,
    CreateStack,
    GetLoad,
    GetStatus,
    OrchestratorLoad,
    SendUserMessage,
    Shutdown,
    StackStatus,
    Subscribe,
)
from recursor.actors.orchestrator import Orchestrator
from recursor.domain.agent import Agent, Run
from recursor.domain.commands import Command
from recursor.domain.effect import AnswerUserMessage, Effect, Outcome, ReadMessages, UpdateTodo
from recursor.domain.events import StackWaits
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, Node
from recursor.domain.message import UserMessage
from recursor.domain.new_records import new_stack, new_todo, new_user_message
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.trace import Trace
from recursor.domain.work import WorkStatus
from recursor.orchestration.detectors import detect_communicator
from recursor.orchestration.roles import Dependency, Role, RoleRegistry
from recursor.runtime.clock import ManualClock
from recursor.storage import queries
from recursor.storage.commit import Commit
from recursor.storage.memory_store import MemoryStore
from recursor.storage.opening import memory_store
from recursor.storage.rollups import MERGES
from recursor.storage.stacks import read_stack
from recursor.storage.store import Store
from recursor.storage.tables import GRAPHS, TABLES, TODOS, TRACES, USER_MESSAGES

WAIT = 180
"""Seconds that no test ever waits, unless what it waits for is broken."""

Act = Callable[[Snapshot, Run], Any]


def todos_for(role: str, priority: int = 5) -> Callable[[Snapshot, Settings, float], WorkStatus]:
    """Make a detector: the role has work while there are open todos that begin with its name."""

    def detect(snapshot: Snapshot, _settings: Settings, _now: float) -> WorkStatus:
        mine = own_todos(snapshot, role)
        if not mine:
            return WorkStatus(has_work=False, reason=f"no todo for {role}")
        return WorkStatus(has_work=True, priority=priority, reason=f"{len(mine)} for {role}")

    return detect


def own_todos(snapshot: Snapshot, role: str) -> list[Todo]:
    return [todo for todo in snapshot.open_todos if todo.content.split(":")[0] == role]


def finish_todo(snapshot: Snapshot, run: Run) -> Outcome:
    """Complete the role's most urgent todo. The trace that it leaves tells how often that was committed."""
    todo = own_todos(snapshot, run.role)[0]
    return outcome(UpdateTodo(todo_id=todo.id, status=TodoStatus.COMPLETED), summary=todo.content)


def answer(snapshot: Snapshot, _run: Run) -> Outcome:
    """Answer the oldest visitor, and read what other stacks wrote."""
    effects: list[Effect] = []
    if snapshot.unanswered:
        first = snapshot.unanswered[0]
        effects.append(AnswerUserMessage(message_id=first.id, answer=f"yes, {first.sender}"))
    if snapshot.messages:
        effects.append(ReadMessages(message_ids=tuple(message.id for message in snapshot.messages)))
    return outcome(*effects, summary="answered")


def outcome(*effects: Effect, summary: str = "") -> Outcome:
    return Outcome(effects=effects, summary=summary)


def fail(_snapshot: Snapshot, _run: Run) -> Outcome:
    raise ValueError("out of ideas")


class Player:
    """An agent that acts as the test says, and remembers its runs."""

    def __init__(self, act: Act = finish_todo) -> None:
        self.act = act
        self.runs: list[Run] = []
        self.snapshots: list[Snapshot] = []

    def run(self, snapshot: Snapshot, run: Run) -> Any:
        self.runs.append(run)
        self.snapshots.append(snapshot)
        return self.act(snapshot, run)


class AsyncPlayer(Player):
    """A player whose act is a coroutine function."""

    async def run(self, snapshot: Snapshot, run: Run) -> Any:
        return await super().run(snapshot, run)


class Gate:
    """An act that waits until the test lets it go, and then does what it stands before."""

    def __init__(self, act: Act = finish_todo) -> None:
        self.act = act
        self._arrived = threading.Semaphore(0)
        self._open = threading.Event()

    def __call__(self, snapshot: Snapshot, run: Run) -> Any:
        self._arrived.release()
        assert self._open.wait(WAIT)
        return self.act(snapshot, run)

    def wait_entered(self) -> None:
        """Wait until one more agent stands before the gate."""
        assert self._arrived.acquire(timeout=WAIT), "no agent came to the gate"

    def entered_again(self) -> bool:
        """Return whether one more agent stands before the gate."""
        return self._arrived.acquire(blocking=False)

    def open(self) -> None:
        self._open.set()


class Cast:
    """A team in three waves (first; second and third; last), and a communicator who waits for nobody."""

    def __init__(self, **acts: Act) -> None:
        self.first, self.second = Player(), Player()
        self.third, self.last = Player(), Player()
        self.communicator = Player(answer)
        for name, act in acts.items():
            setattr(self, name, AsyncPlayer(act) if inspect.iscoroutinefunction(act) else Player(act))

    def players(self) -> Mapping[str, Player]:
        return {name: player for name, player in vars(self).items() if isinstance(player, Player)}

    def roles(self, *more: Role) -> RoleRegistry:
        return RoleRegistry(
            [
                role("first", self.first),
                role("second", self.second, "first"),
                role("third", self.third, "first"),
                role("last", self.last, "second", "third"),
                Role("communicator", detect_communicator, self.communicator),
                *more,
            ]
        )

    def runs(self) -> list[str]:
        """Return the roles of all runs so far, wave by wave where waves cannot overlap."""
        runs = [(run.deadline, run.role) for player in self.players().values() for run in player.runs]
        return [name for _, name in sorted(runs)]


def role(name: str, agent: Agent, *waits_for: str, priority: int = 5) -> Role:
    return Role(name, todos_for(name, priority), agent, tuple(Dependency(other) for other in waits_for))


class Audience(pykka.ThreadingActor):
    """Remembers the events that it was told, and lets tests wait for them."""

    use_daemon_thread = True

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []
        self.arrived = threading.Condition()

    def on_receive(self, message: Any) -> None:
        with self.arrived:
            self.events.append(message)
            self.arrived.notify_all()


class Stage:
    """An orchestrator on a store, with what a test needs to steer and to watch it."""

    def __init__(
        self,
        roles: RoleRegistry | None = None,
        *,
        store: Store | None = None,
        settings: Settings | None = None,
        clock: Any = None,
        **runner: Any,
    ) -> None:
        self.roles = roles or Cast().roles()
        self.store = store or memory_store()
        self.clock = clock or ManualClock()
        self.settings = settings
        self.runner = RunnerSettings(**runner)
        self._audience_ref = Audience.start()
        self._audience = self._audience_ref._actor_weakref()
        self.start()

    def start(self, roles: RoleRegistry | None = None, *, runs: bool = True) -> None:
        """Start an orchestrator, the first one or another after its end; `runs`: whether agents run."""
        self.roles = roles or self.roles
        self.ref = Orchestrator.start(
            self.store, self.roles, self.settings, self.runner, self.clock, runs=runs
        )
        self.ask(Subscribe(self._audience_ref))

    def close(self) -> None:
        if self.ref.is_alive():
            self.ref.stop(timeout=WAIT)
        self._audience_ref.stop(timeout=WAIT)
        self.store.close()

    def crash(self) -> None:
        """End the orchestrator without notice."""
        self.ref.stop(timeout=WAIT)

    # -- Steering ----------------------------------------------------------------------------------------

    def ask(self, message: Any) -> Any:
        return self.ref.ask(message, timeout=WAIT)

    def create(
        self,
        *todos: str,
        name: str = "garden",
        start: bool = True,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> str:
        """Create a stack with todos ("role: what"), and start it."""
        now = self.clock.now()
        stack = new_stack(name, now, settings)
        self.ask(CreateStack(stack))
        for todo in todos:
            self.ask(AddTodo(new_todo(stack.id, todo, 3, now)))
        if start:
            self.tell(stack.id, Command.START)
        return stack.id

    def tell(self, stack_id: str, command: Command) -> Stack:
        stack: Stack = self.ask(ControlStack(stack_id, command))
        return stack

    def add_todo(self, stack_id: str, content: str, priority: int = 3) -> Todo:
        todo: Todo = self.ask(AddTodo(new_todo(stack_id, content, priority, self.clock.now())))
        return todo

    def write_to(self, stack_id: str, content: str = "how is it going?", sender: str = "ann") -> UserMessage:
        message: UserMessage = self.ask(
            SendUserMessage(new_user_message(stack_id, sender, content, self.clock.now()))
        )
        return message

    def shut_down(self, grace: float = 10.0) -> bool:
        in_time: bool = self.ask(Shutdown(grace))
        assert self.ref.actor_stopped.wait(WAIT)
        return in_time

    # -- Watching ----------------------------------------------------------------------------------------

    def events(self, kind: type | tuple[type, ...], stack_id: str | None = None) -> list[Any]:
        """Return the events of a kind so far."""
        with self._audience.arrived:
            return self._found(kind, stack_id)

    def wait_for(
        self,
        kind: type | tuple[type, ...],
        stack_id: str | None = None,
        *,
        count: int = 1,
        where: Callable[[Any], bool] = lambda _: True,
    ) -> Any:
        """Wait until there are `count` such events, and return the last of those."""
        with self._audience.arrived:
            for _ in range(WAIT * 50):
                found = [e for e in self._found(kind, stack_id) if where(e)]
                if len(found) >= count:
                    return found[count - 1]
                self._audience.arrived.wait(0.02)
                # A timer that was set late is due already, and no time has to pass for it.
                if isinstance(self.clock, ManualClock):
                    self.clock.advance(0)
        history = "\n".join(map(repr, self._audience.events[-30:]))
        raise AssertionError(f"waited for {count} {kind} of {stack_id}; the last events:\n{history}")

    def wait_rest(self, stack_id: str, count: int = 1) -> StackWaits:
        """Wait until the stack has had nothing to run for the `count`-th time."""
        waits: StackWaits = self.wait_for(StackWaits, stack_id, count=count)
        return waits

    def waits(self, stack_id: str) -> int:
        """Return how often the stack had nothing to run."""
        return len(self.events(StackWaits, stack_id))

    def _found(self, kind: type | tuple[type, ...], stack_id: str | None) -> list[Any]:
        return [e for e in self._audience.events if isinstance(e, kind) and stack_id in (None, e.stack_id)]

    def status(self, stack_id: str) -> StackStatus:
        status: StackStatus = self.ask(GetStatus(stack_id))
        return status

    def load(self) -> OrchestratorLoad:
        load: OrchestratorLoad = self.ask(GetLoad())
        return load

    def stack(self, stack_id: str) -> Stack:
        with self.store.read() as reader:
            return read_stack(reader, stack_id)

    def cycles(self, stack_id: str) -> list[OrchestratorExecution]:
        """Return the records of the stack's cycles, the oldest first."""
        with self.store.read() as reader:
            return queries.recent_executions(reader, stack_id, 1000)[::-1]

    def graph(self, stack_id: str, cycle: int = -1) -> ExecutionGraph:
        with self.store.read() as reader:
            graph = GRAPHS.get(reader, stack_id, self.cycles(stack_id)[cycle].id)
            assert graph is not None
            return graph

    def nodes(self, stack_id: str, cycle: int = -1) -> dict[str, Node]:
        return {node.role: node for node in self.graph(stack_id, cycle).nodes}

    def traces(self, stack_id: str) -> list[Trace]:
        with self.store.read() as reader:
            return list(TRACES.scan(reader, stack_id))

    def committed(self, stack_id: str) -> list[str]:
        """Return the committed summaries in order: what was applied twice is there twice."""
        return [trace.summary for trace in self.traces(stack_id)]

    def todos(self, stack_id: str) -> dict[str, TodoStatus]:
        with self.store.read() as reader:
            return {todo.content: todo.status for todo in TODOS.scan(reader, stack_id)}

    def user_messages(self, stack_id: str) -> list[UserMessage]:
        with self.store.read() as reader:
            return sorted(USER_MESSAGES.scan(reader, stack_id), key=lambda message: message.id)

    def poison(self, table: str, key: bytes, value: bytes = b"\xc1 not a record") -> None:
        """Make a record unreadable."""
        commit = Commit()
        commit.put(table, key, value)
        self.store.write(commit)


def until(condition: Callable[[], bool], what: str = "it") -> None:
    """Wait for what no event tells of: a thread's end, an actor's."""
    pause = threading.Event()
    for _ in range(WAIT * 200):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError(f"{what} did not happen")


class HeldStore(MemoryStore):
    """A store whose writer a test can stop: what is committed meanwhile is written when it continues."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.submitted = 0
        # Each commit is acknowledged before the next is begun.
        super().__init__(TABLES, merges=MERGES, largest_batch=1)

    def commit(self, commit: Commit, done: Callable[[BaseException | None], object]) -> None:
        with self._lock:
            self.submitted += 1
            super().commit(commit, done)

    def hold(self) -> Callable[[], None]:
        """Write nothing that is committed from now on, until the function that this returns is called."""
        opened = threading.Event()
        self.commit(Commit(), lambda _: opened.wait(WAIT))
        return opened.set

    def wait_submitted(self, count: int) -> None:
        """Wait until there have been `count` commits."""
        until(lambda: self.submitted >= count, f"commit number {count}")
