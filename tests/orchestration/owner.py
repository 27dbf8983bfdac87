"""A supervisor without actors: it carries out what the machine decides, in the order that a test wants."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from recursor.actors.commit_queue import CommitQueue
from recursor.domain.commands import Command, ControlStack
from recursor.domain.effect import Outcome
from recursor.domain.events import NodeFinished
from recursor.domain.graph import NodeStatus
from recursor.domain.message import Message
from recursor.domain.node_result import NodeResult
from recursor.domain.settings import Settings
from recursor.orchestration.draft import Found
from recursor.orchestration.graph import build_graph
from recursor.orchestration.stack_events import (
    Activity,
    Build,
    CancelRuns,
    DeliverToStack,
    Effect,
    Gone,
    GraphBuilt,
    Look,
    LookFailed,
    Quiesced,
    Reload,
    Requested,
    RunWave,
    SetTimer,
    TakeBack,
    Tell,
    TimerDue,
    WaveEnded,
    Woken,
    WorkReported,
)
from recursor.orchestration.stack_machine import StackMachine
from recursor.orchestration.stack_records import StackRecords
from recursor.orchestration.stack_state import StackState, Step
from recursor.runtime.future import DispatchedFuture
from recursor.storage.commit import Commit, Fence
from recursor.storage.errors import StorageFullError
from recursor.storage.memory_tables import MemoryTables, snapshot
from recursor.storage.readers_gate import ReadersGate
from recursor.storage.rollups import MERGES
from recursor.storage.store import Reader
from recursor.storage.tables import MESSAGES, TABLES
from tests.making import NOW, STACK, make_report, make_snapshot, make_stack, make_status
from tests.orchestration.desk import counted_ids, make_records

FULL = StorageFullError("no space left")
RETRY = 5.0


class Disk:
    """A store in which one commit at a time waits until the test has it written, or lost."""

    def __init__(self) -> None:
        self.waiting: Commit | None = None
        self._tables = MemoryTables.empty(TABLES)

    def commit(self, commit: Commit, _done: Callable[[BaseException | None], object]) -> None:
        assert self.waiting is None, "a second commit while one is under way"
        self.waiting = commit

    def write(self) -> None:
        """Write the commit that waits."""
        assert self.waiting is not None
        self._apply(self.waiting)
        self.waiting = None

    def post(self, message: Message) -> None:
        """Write a message of another stack to all."""
        commit = Commit()
        MESSAGES.add(commit, message)
        self._apply(commit)

    def _apply(self, commit: Commit) -> None:
        self._tables, (refused,) = self._tables.applying([commit], MERGES)
        assert refused is None

    def read(self) -> AbstractContextManager[Reader]:
        return snapshot(self._tables, ReadersGate())


@dataclass
class Question:
    """What was asked of the cache, the builder or the agents, and in which turn."""

    turn: int
    effect: Look | Build | RunWave
    begun: set[str] = field(default_factory=set)
    """The roles whose agents have begun."""
    taken_back: bool = False


class Owner:
    """Does with the machine what `recursor.actors.supervisor` does, without threads, and keeps the rest."""

    def __init__(
        self,
        records: StackRecords | None = None,
        *,
        settings: Settings | None = None,
        now: float = NOW,
        wake: bool = True,
        **begin: Any,
    ) -> None:
        self.machine = StackMachine(settings or Settings(), counted_ids())
        self.now = now
        self.disk = Disk()
        self.questions: list[Question] = []
        """Asked and not answered, also those to which the answer would be stale."""
        self.timer: tuple[float, int] | None = None
        self.told: list[Tell] = []
        self.carried_out: list[Effect] = []
        self.delivering: list[Any] = []
        """Messages to other stacks on their way."""
        self.is_gone = self.is_quiet = False
        self.taken_back = -1
        self.state: StackState
        self.queue: CommitQueue
        self.begin(records or make_records(), **begin)
        if wake:
            self.feed(Woken())

    def begin(self, records: StackRecords, **begin: Any) -> None:
        self.state = self.machine.begin(records, **begin)
        self.queue = CommitQueue(self.disk, Fence(STACK, 1), records, lambda _error: None)  # type: ignore[arg-type]

    @property
    def activity(self) -> Activity:
        return self.state.activity

    @property
    def records(self) -> StackRecords:
        return self.state.records

    @property
    def asked(self) -> Question:
        """The question whose answer counts."""
        (question,) = [each for each in self.questions if each.turn == self.state.turn]
        return question

    # -- What happens ----------------------------------------------------------------------------------------

    def feed(self, event: object) -> Step:
        """Have something happen."""
        step = self.machine.step(self.state, event, self.now)
        self._take(step, results=[event] if isinstance(event, WaveEnded) else [])
        return step

    def do(self, command: Any, found: Found | None = None) -> DispatchedFuture[Any]:
        """Have a command carried out; the future is answered when it is on disk. Refusals are raised."""
        step = self.machine.step(self.state, Requested(command, found or {}), self.now)
        if not step.writes and not step.after:
            step = replace(step, save=True)
        future: DispatchedFuture[Any] = DispatchedFuture()
        self._take(step, future)
        return future

    def write(self) -> None:
        """Have the commit that is under way written."""
        self.disk.write()
        self._carry_out(self.queue.committed())
        self._carry_out(self.queue.flush())

    def fail(self) -> None:
        """Have the commit that is under way find no room."""
        assert self.disk.waiting is not None
        self.disk.waiting = None
        durable, lost = self.queue.durable, self.queue.failed(FULL)
        running = any(
            isinstance(each.effect, RunWave) and each.turn == self.state.turn for each in self.questions
        )
        step = self.machine.recover(self.state, durable, lost, self.now, running=running, retry=RETRY)
        self._take(step, results=lost)

    def answer(self, question: Question, value: Any) -> None:
        """Answer a question: with a report, a graph, or results of agents. Nobody hears a stale answer."""
        self.questions.remove(question)
        if question.turn != self.state.turn:
            return
        match question.effect, value:
            case Look(), str() as problem:
                self.feed(LookFailed(problem))
            case Look(), report:
                self.feed(WorkReported(report))
            case Build(), str() as problem:
                self.feed(LookFailed(problem))
            case Build(report), graph:
                self.feed(GraphBuilt(graph, report))
            case RunWave(), results:
                self.feed(WaveEnded(tuple(results)))

    def pass_time(self, seconds: float) -> None:
        """Let time pass; the timer goes off if it is due."""
        self.now += seconds
        if self.timer is not None and self.timer[0] <= self.now:
            (_, turn), self.timer = self.timer, None
            if turn == self.state.turn:
                self.feed(TimerDue())

    def is_committing(self) -> bool:
        """Return whether a commit is under way."""
        return self.disk.waiting is not None

    def lose_timer(self) -> None:
        """Forget the timer, as if it had gone off."""
        self.timer = None

    def write_all(self) -> None:
        """Have everything written that is to be."""
        while self.disk.waiting is not None:
            self.write()

    # -- What follows ----------------------------------------------------------------------------------------

    def _take(self, step: Step, future: DispatchedFuture[Any] | None = None, results: Any = ()) -> None:
        self.state = step.state
        self._carry_out(step.effects)
        self._carry_out(self.queue.add(step, future, results))

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            self.carried_out.append(effect)
            self._carry_out_one(effect)

    def _carry_out_one(self, effect: Effect) -> None:
        match effect:
            case Look() | Build():
                self.questions.append(Question(self.state.turn, effect))
            case RunWave():
                self._run(effect)
            case TakeBack():
                self.taken_back = self.state.turn
                for question in self.questions:
                    question.taken_back = question.turn == self.state.turn
            case CancelRuns():
                # Whatever they return, nobody waits for it.
                self.questions = [each for each in self.questions if not isinstance(each.effect, RunWave)]
            case SetTimer(due):
                self.timer = None if due is None else (due, self.state.turn)
            case Tell():
                self.told.append(effect)
            case DeliverToStack(message):
                self.delivering.append(message)
            case Reload():
                self.begin(self.queue.durable)
                self.feed(Woken())
            case Gone():
                self.is_gone = True
            case Quiesced():
                self.is_quiet = True

    def _run(self, effect: RunWave) -> None:
        if effect.turn != self.state.turn:
            return
        if self.taken_back == effect.turn:
            self.feed(WaveEnded(()))
        else:
            self.questions.append(Question(effect.turn, effect))

    def told_of(self, kind: type = NodeFinished) -> list[Any]:
        """Return what observers were told of a kind: the fields of each event."""
        return [tell.fields for tell in self.told if tell.kind is kind]


def result_of(node: Any, saw: Any, now: float, **fields: Any) -> NodeResult:
    """Return the result of a run that began and ended just now."""
    return NodeResult(
        role=node.role, attempt=node.attempts, saw=saw, started_at=now, finished_at=now, **fields
    )


# -- What tests of single steps do over and over -----------------------------------------------------------

WORK = make_report({"planner": make_status(9), "builder": make_status(5, dependencies=("planner",))})
NO_WORK = make_report({"planner": make_status(), "builder": make_status()})


def steer(owner: Owner, command: Command) -> Any:
    return owner.do(ControlStack(STACK, command))


def look(owner: Owner, report: Any = WORK) -> None:
    """Have the work cache answer."""
    assert isinstance(owner.asked.effect, Look)
    owner.answer(owner.asked, report)


def build(owner: Owner) -> None:
    """Have the graph builder answer."""
    question = owner.asked
    assert isinstance(question.effect, Build)
    owner.answer(question, build_graph(question.effect.report, question.effect.graph_id, owner.now))


def end_wave(owner: Owner, *roles: str, **fields: Any) -> None:
    """Have the agents of a wave end, or only some of them: the others were taken back."""
    run = owner.asked.effect
    assert isinstance(run, RunWave)
    fields = fields or {"outcome": Outcome()}
    results = [
        result_of(node, make_snapshot(), owner.now, **fields)
        for node in run.nodes
        if not roles or node.role in roles
    ]
    owner.answer(owner.asked, results)


def statuses(owner: Owner) -> dict[str, NodeStatus]:
    assert owner.records.graph is not None
    return {node.role: node.status for node in owner.records.graph.nodes}


def running(**fields: Any) -> Owner:
    """Return an owner whose stack runs its first wave: the planner."""
    owner = Owner(make_records(**fields))
    look(owner)
    build(owner)
    owner.write_all()
    assert owner.activity is Activity.RUNNING
    return owner


def resting(**fields: Any) -> Owner:
    """Return an owner whose stack has nothing to do."""
    owner = Owner(make_records(**fields))
    look(owner, NO_WORK)
    owner.write_all()
    assert owner.activity is Activity.RESTING
    return owner


def held(state: str = "paused", **fields: Any) -> Owner:
    """Return an owner whose stack may not run."""
    owner = Owner(make_records(stack=make_stack(state=state), **fields))
    assert owner.activity is Activity.HELD
    return owner
