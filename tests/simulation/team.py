"""A team whose agents do their work, or what else a seed has them do."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

from recursor.domain.agent import Run
from recursor.domain.effect import (
    AnswerUserMessage,
    CreateTodo,
    Effect,
    FailTodo,
    MoveTip,
    Outcome,
    PlanUserMessages,
    ProposeCommit,
    PublishArtifact,
    ReadMessages,
    RefusePull,
    Remember,
    ReturnProposal,
    ReviewArtifact,
    SendMessage,
    SetPhase,
    SetProject,
    TakeRecommendations,
    UpdateTodo,
)
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError, BudgetExceededError
from recursor.domain.stack import Phase, StackKind
from recursor.domain.todo import TodoStatus
from recursor.domain.work import WorkStatus
from recursor.orchestration.detectors import (
    asks_for_change,
    detect_builder,
    detect_communicator,
    detect_planner,
    detect_reviewer,
    planner_is_urgent,
)
from recursor.orchestration.roles import Dependency, Detector, Role, RoleRegistry
from recursor.orchestration.workspace_detectors import detect_integrator
from recursor.runtime.future import DispatchedFuture
from tests.simulation.journal import Key, written

if TYPE_CHECKING:
    from tests.simulation.repositories import Repositories

ENDLESS = 1e9
"""Seconds that nobody lives to see the end of."""
_PATHS = ("a", "a/b", "a/c", "d", "d/e", "f")


class Surroundings(Protocol):
    """What agents need of the world."""

    moods: Mapping[str, int]
    slow: int
    spends: int

    def begin(self, snapshot: Snapshot, run: Run) -> Key:
        """Note that an agent was called. Returns the key of its run."""
        ...

    def returns(self, snapshot: Snapshot, key: Key, effects: tuple[Effect, ...]) -> None:
        """Note that an agent is about to return these effects."""
        ...

    def sleep(self, seconds: float) -> DispatchedFuture[None]:
        """Return what ends after some seconds."""
        ...

    def elapsed(self) -> float:
        """Return the seconds that have passed, whatever the clock was set to."""
        ...

    def now(self) -> float:
        """Return the time, in seconds since the epoch, UTC."""
        ...

    def other_stack(self, stack_id: str, draw: int) -> str | None:
        """Return a stack to write to: another one, itself, one that was deleted, or None: all of them."""
        ...

    @property
    def repositories(self) -> "Repositories":
        """The commits of all stacks."""
        ...

    async def call_model(self, snapshot: Snapshot, run: Run, random: Random) -> None:
        """Call a model, and pay for it."""
        ...


@dataclass(frozen=True, slots=True)
class Mood:
    """What an agent does in one run."""

    kind: str
    seconds: float
    spends: bool
    random: Random


Propose = Callable[["_Task"], list[Effect]]


@dataclass(frozen=True, slots=True)
class _Task:
    """One run, while its effects are made."""

    snapshot: Snapshot
    key: Key
    random: Random
    world: Surroundings

    @property
    def name(self) -> str:
        return written(self.key)


def _unhindered(_stack_id: str) -> None:
    """Let a detector look at a stack."""


def _at_once(_seconds: float) -> None:
    """Wait for nothing."""


def make_team(
    world: Surroundings,
    seed: int,
    look: Callable[[str], None] = _unhindered,
    block: Callable[[float], None] = _at_once,
) -> RoleRegistry:
    """Return the four standard roles, with agents that the seed makes good or bad.

    Args:
        world: what agents need of it.
        seed: what agents do is drawn from it, and from the key of each run.
        look: called with the stack's id whenever a detector looks at it; raises what is to go wrong.
        block: what agents that are functions call to wait for some seconds.
    """

    def chosen(propose: Propose) -> Any:
        return _Choice((_Coroutine(propose, world, seed), _Function(propose, world, seed, block)))

    def looking(snapshot: Snapshot, settings: Settings, now: float) -> WorkStatus:
        look(snapshot.stack.id)
        return detect_planner(snapshot, settings, now)

    return RoleRegistry(
        [
            Role("planner", looking, chosen(plan)),
            Role("builder", detect_builder, chosen(build), (Dependency("planner", planner_is_urgent),)),
            Role("communicator", detect_communicator, chosen(communicate)),
            Role("integrator", detect_integrator, chosen(integrate), kinds=frozenset([StackKind.WORKSPACE])),
            Role(
                "reviewer",
                detect_reviewer,
                chosen(review),
                (Dependency("builder"), Dependency("integrator")),
            ),
        ]
    )


DETECTORS: Mapping[str, Detector] = {
    "planner": detect_planner,
    "builder": detect_builder,
    "communicator": detect_communicator,
    "integrator": detect_integrator,
    "reviewer": detect_reviewer,
}
"""Who has work, when nothing goes wrong with looking."""


class _Choice:
    """A `recursor.domain.agent.AgentChoice`: a function or a coroutine."""

    def __init__(self, agents: "tuple[_Coroutine, _Function]") -> None:
        self._agents = agents
        self._runs = agents[0].seed

    def choose(self, role: str, snapshot: Snapshot, settings: Settings) -> Any:
        del role, snapshot, settings
        self._runs += 1
        return self._agents[self._runs % 3 == 0]


@dataclass(frozen=True, slots=True)
class _Function:
    """An agent that is called on a thread of its own."""

    propose: Propose
    world: Surroundings
    seed: int
    block: Callable[[float], None]

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        key = self.world.begin(snapshot, run)
        mood = _mood(self.world, self.seed, key)
        seconds = {"hangs": ENDLESS, "late": mood.seconds + 35}.get(mood.kind, mood.seconds)
        if seconds:
            self.block(seconds)
        _misbehave(mood, self.world.now())
        return _outcome(self.propose, _Task(snapshot, key, mood.random, self.world), mood)


@dataclass(frozen=True, slots=True)
class _Coroutine:
    """An agent that awaits others."""

    propose: Propose
    world: Surroundings
    seed: int

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        world = self.world
        key = world.begin(snapshot, run)
        mood = _mood(world, self.seed, key)
        if mood.kind == "late":
            await self._ignore_cancellation(mood.seconds + 5)
        elif mood.kind == "hangs":
            await world.sleep(ENDLESS)
        elif mood.seconds:
            await world.sleep(mood.seconds)
        if mood.spends:
            await world.call_model(snapshot, run, mood.random)
        _misbehave(mood, world.now())
        return _outcome(self.propose, _Task(snapshot, key, mood.random, world), mood)

    async def _ignore_cancellation(self, seconds: float) -> None:
        end = self.world.elapsed() + seconds
        while self.world.elapsed() < end:
            try:
                await self.world.sleep(end - self.world.elapsed())
            except asyncio.CancelledError:
                continue


def _mood(world: Surroundings, seed: int, key: Key) -> Mood:
    random = Random(crc32(f"{seed} {written(key)}".encode()))
    drawn, kind = random.random() * 100, "works"
    for each, percent in world.moods.items():
        drawn -= percent
        if drawn < 0:
            kind = each
            break
    seconds = random.choice((0.1, 1.0, 3.0, 10.0, 45.0)) if random.random() * 100 < world.slow else 0.0
    return Mood(kind, seconds, random.random() * 100 < world.spends, random)


def _misbehave(mood: Mood, now: float) -> None:
    random = mood.random
    match mood.kind:
        case "raises":
            raise random.choice((ValueError("out of ideas"), KeyError("\ud800"), MemoryError()))
        case "gives_up":
            raise AgentFailedError("gives up")
        case "passes":
            raise AgentFailedError(
                "not now", passes=True, not_before=random.choice((None, now + 20, now - 5))
            )
        case "suspends":
            raise random.choice(
                (AgentFailedError("a person must look", suspend=True), BudgetExceededError("out"))
            )
        case "exits":
            raise random.choice((SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError()))
        case _:
            pass


def _outcome(propose: Propose, task: _Task, mood: Mood) -> Outcome:
    if mood.kind == "lies":
        # Nothing of it may be applied, whatever is right in it.
        return _lie(task, propose(task))
    effects = tuple(propose(task))
    task.world.returns(task.snapshot, task.key, effects)
    return Outcome(effects=effects, summary=task.name)


def _lie(task: _Task, effects: list[Effect]) -> Any:
    random, name = task.random, task.name
    made_up = random.choice(("0" * 32, "nobody knows this", "x" * 600, "a/b/c", "\u2028"))
    lies: tuple[Callable[[], Any], ...] = (
        lambda: None,
        lambda: "done",
        lambda: {"effects": []},
        lambda: Outcome(effects=(*effects, UpdateTodo(todo_id=made_up, priority=1)), summary=name),
        lambda: Outcome(effects=(*effects, AnswerUserMessage(message_id=made_up, answer=name)), summary=name),
        lambda: Outcome(effects=(*effects, ReadMessages(message_ids=(made_up,))), summary=name),
        lambda: Outcome(effects=(*effects, PlanUserMessages(message_ids=(made_up,))), summary=name),
        lambda: Outcome(effects=(*effects, ReviewArtifact(number=999)), summary=name),
        lambda: Outcome(effects=tuple(effects), summary=name + "!" * 5000),
        lambda: Outcome(effects=tuple(effects), summary=name, metadata={"number": 1 << 70}),
        lambda: Outcome(effects=tuple(effects), summary=name + "\ud800"),
        lambda: Outcome.model_construct(effects=(7, *effects), summary=name, thoughts=None),
    )
    if task.snapshot.workspace is not None and random.random() < 0.5:
        # Its like, for who has a repository.
        wrong: tuple[Effect, ...] = (
            MoveTip(tip="0" * 40, onto=task.snapshot.workspace.tip, proposal_id=made_up),
            ReturnProposal(proposal_id=made_up, reason=name),
            FailTodo(todo_id=made_up, problem=name),
            ProposeCommit(todo_id=made_up, commit="0" * 40, base="0" * 40, tree="0" * 40, title="x", files=1),
        )
        return Outcome(effects=(random.choice(wrong), *effects), summary=name)
    return random.choice(lies)()


# -- The work ------------------------------------------------------------------------------------------------


def plan(task: _Task) -> list[Effect]:
    """Say what the idea means, plan what was wished for, and say when all is done."""
    snapshot, effects = task.snapshot, list[Effect]()
    wishes = tuple(
        message.id
        for message in snapshot.user_messages
        if message.planned_at is None and asks_for_change(message, Settings().detection)
    )
    if snapshot.idea is None:
        effects.append(SetProject(idea=f"an idea of {task.name}", title="own"))
    elif snapshot.idea.updated_by != "planner":
        effects.append(SetProject(title=f"plan of {snapshot.idea.idea}"))
    recommendations = snapshot.states["reviewer"].long_term.recommendations
    if recommendations:
        effects.append(TakeRecommendations(recommendations=recommendations))
    if wishes:
        effects.append(PlanUserMessages(message_ids=wishes))
    if effects:
        effects.append(SetPhase(phase=Phase.BUILDING))
        effects += [_todo(task, number) for number in range(task.random.randrange(1, 3))]
    elif not snapshot.open_todos:
        effects.append(SetPhase(phase=Phase.COMPLETE))
    return effects


def build(task: _Task) -> list[Effect]:
    """Finish some todos; now and then there is a page to show."""
    workspace = task.snapshot.workspace
    if workspace is not None and workspace.tip is not None:
        return _build_commit(task, workspace.tip)
    todos = task.snapshot.open_todos[: task.random.randrange(1, 4)]
    effects: list[Effect] = [UpdateTodo(todo_id=todo.id, status=TodoStatus.COMPLETED) for todo in todos]
    if task.random.random() < 0.5:
        effects.append(PublishArtifact(content=task.name))
    if task.random.random() < 0.15:
        effects += _letter(task, 0, hops=1)
    return effects


def _build_commit(task: _Task, tip: str) -> list[Effect]:
    """Propose a commit for the todo of the run, or fail at it, which nobody does so often that it stays."""
    todo = next(todo for todo in task.snapshot.open_todos if task.key[1] == f"builder:{todo.id}")
    if not todo.attempts and task.random.random() < 0.2:
        return [FailTodo(todo_id=todo.id, problem=task.name)]
    commit = task.world.repositories.commit(task.name, tip)
    return [
        ProposeCommit(todo_id=todo.id, commit=commit, base=tip, tree=commit, title=task.name, files=1),
        Remember(facts=(task.name,)),
    ]


def integrate(task: _Task) -> list[Effect]:
    """Make the repository; merge what waits, and give some of it back, but nothing for a last attempt."""
    snapshot, repositories = task.snapshot, task.world.repositories
    workspace = snapshot.workspace
    assert workspace is not None
    if workspace.tip is None:
        return [MoveTip(tip=repositories.begin(snapshot.stack.id), onto=None, branch="main")]
    effects, tip = list[Effect](), workspace.tip
    attempts = {todo.id: todo.attempts for todo in snapshot.todos}
    for pull in workspace.pulls:
        if task.random.random() < 0.3:
            effects.append(RefusePull(pull_id=pull.id, reason=task.name))
            continue
        merged = repositories.merge(tip, pull.commit)
        effects.append(MoveTip(tip=merged, onto=tip, pull_id=pull.id))
        tip = merged
    for proposal in snapshot.proposals[: task.random.randrange(1, 5)]:
        if attempts.get(proposal.todo_id, 9) < 2 and task.random.random() < 0.3:
            effects.append(ReturnProposal(proposal_id=proposal.id, reason=task.name))
            continue
        merged = repositories.merge(tip, proposal.commit)
        effects.append(MoveTip(tip=merged, onto=tip, proposal_id=proposal.id))
        tip = merged
    return effects


def communicate(task: _Task) -> list[Effect]:
    """Answer visitors, some once more, read what other stacks wrote, and answer some of them."""
    snapshot = task.snapshot
    effects: list[Effect] = [
        AnswerUserMessage(message_id=message.id, answer=task.name)
        for message in snapshot.user_messages
        if message.answered_at is None or task.random.random() < 0.1
    ]
    if snapshot.messages:
        effects.append(ReadMessages(message_ids=tuple(message.id for message in snapshot.messages)))
    for number, message in enumerate(snapshot.messages):
        hops = int(message.content.rpartition(" ")[2])
        if hops:
            effects += _letter(task, number, hops - 1, message.from_stack_id)
    return effects


def review(task: _Task) -> list[Effect]:
    """Review the newest page, and recommend something while there are few."""
    newest = task.snapshot.workspace or task.snapshot.artifact
    number = 0 if newest is None else newest.number
    recommended = (f"better: {task.name}",) if number < 3 and task.random.random() < 0.3 else ()
    return [ReviewArtifact(number=number, recommendations=recommended), Remember(facts=(task.name,))]


def _todo(task: _Task, number: int) -> CreateTodo:
    priority = task.random.randrange(1, 6)
    paths = ()
    if task.snapshot.workspace is not None:
        paths = tuple(task.random.sample(_PATHS, task.random.randrange(3)))
    return CreateTodo(
        content=f"{task.name} {number}", priority=priority, metadata={"key": task.name}, paths=paths
    )


def _letter(task: _Task, number: int, hops: int, receiver: str | None = None) -> list[Effect]:
    own = task.snapshot.stack.id
    to = receiver or task.world.other_stack(own, task.random.randrange(1 << 16))
    return [SendMessage(to_stack_id=to, content=f"{task.name} {number} {hops}")]
