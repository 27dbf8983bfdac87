"""A team under test: its agents propose marked effects, and tell the journal of every run."""

from collections.abc import Callable
from random import Random

from recursor.domain.agent import Run
from recursor.domain.effect import (
    AnswerUserMessage,
    CreateTodo,
    Effect,
    Outcome,
    PlanUserMessages,
    PublishArtifact,
    ReadMessages,
    ReviewArtifact,
    SendMessage,
    SetFocus,
    SetPhase,
    SetProject,
    TakeRecommendations,
    UpdateTodo,
)
from recursor.domain.graph import Usage
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase
from recursor.domain.todo import TodoStatus
from recursor.orchestration.detectors import (
    asks_for_change,
    detect_builder,
    detect_communicator,
    detect_planner,
    detect_reviewer,
    planner_is_urgent,
)
from recursor.orchestration.roles import Dependency, Role, RoleRegistry
from recursor.storage.tables import BROADCASTS
from tests.crash.journal import Done, Journal, Started

# Stacks with such names are deleted at any moment: others don't write to them.
DOOMED = "doomed"
MADE_UP = "made up"
"""The idea of a planner that was given none."""

# A stack rests until an event: a wake-up that is lost is not made good by a look that was due anyhow.
SETTINGS = Settings().overridden(
    {
        "detection": {"planner_period": 7200, "reviewer_period": 7200},
        "pause": {
            "after_work": 0.01,
            "between_looks": 7200,
            "first_backoff": 0.02,
            "longest_backoff": 0.2,
            "failures_allowed": 1_000_000,
        },
        "limits": {"node_seconds": 1.0, "child_deaths": 1_000_000},
    }
)

Propose = Callable[[Snapshot, str, Random], list[Effect]]


class JournalingAgent:
    """Does one role's work, in its own time, and fails or hangs now and then."""

    def __init__(
        self,
        propose: Propose,
        journal: Journal,
        *,
        seconds: float = 0.0,
        fails: float = 0.0,
        hangs: float = 0.0,
        passing: Callable[[str], None] | None = None,
    ) -> None:
        """Take up to `seconds` for a run, fail and hang with these chances; `passing` is told where it is."""
        self._propose = propose
        self._journal = journal
        self._seconds = seconds
        self._fails = fails
        self._hangs = hangs
        self._passing = passing

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        stack = snapshot.stack.id
        key = f"{run.execution_id}.{run.role}.{run.attempt}"
        begun = run.deadline - run.settings.limits.node_seconds
        self._journal.note(
            Started(stack, run.execution_id, run.role, run.attempt, begun, run.reason, to_do(snapshot))
        )
        if self._passing is not None:
            self._passing("start")
        random = Random(key)
        if random.random() < self._hangs:
            # Given up long before, it returns an outcome all the same.
            run.cancelled.wait(30)
        else:
            run.cancelled.wait(random.uniform(0, self._seconds))
        if random.random() < self._fails:
            raise RuntimeError("fails now and then")
        effects = self._propose(snapshot, key, random)
        tokens = random.randrange(1, 1000)
        self._journal.note(_done(stack, run, effects, tokens))
        if self._passing is not None:
            self._passing("done")
        return Outcome(
            effects=tuple(effects), summary=key, metadata={"key": key}, usage=Usage(input_tokens=tokens)
        )


def make_team(
    journal: Journal,
    *,
    seconds: float = 0.06,
    fails: float = 0.08,
    hangs: float = 0.005,
    passing: Callable[[str], None] | None = None,
) -> RoleRegistry:
    """Return the four standard roles: the reviewer is slow, the builder sometimes fails or hangs."""

    def agent(
        propose: Propose, *, slow: float = 0.0, fails: float = 0.0, hangs: float = 0.0
    ) -> JournalingAgent:
        return JournalingAgent(propose, journal, seconds=slow, fails=fails, hangs=hangs, passing=passing)

    return RoleRegistry(
        [
            Role("planner", detect_planner, agent(plan, slow=seconds / 10)),
            Role(
                "builder",
                detect_builder,
                agent(build, slow=seconds / 5, fails=fails, hangs=hangs),
                (Dependency("planner", planner_is_urgent),),
            ),
            Role("communicator", detect_communicator, agent(communicate)),
            Role("reviewer", detect_reviewer, agent(review, slow=seconds), (Dependency("builder"),)),
        ]
    )


def plan(snapshot: Snapshot, key: str, random: Random) -> list[Effect]:
    if snapshot.idea is None:
        return [SetProject(idea=MADE_UP, title=plan_of(MADE_UP)), _todo(key)]
    effects: list[Effect] = []
    if snapshot.idea.updated_by != "planner":
        effects.append(SetProject(title=plan_of(snapshot.idea.idea)))
    recommendations = snapshot.states["reviewer"].long_term.recommendations
    if recommendations:
        effects += [TakeRecommendations(recommendations=recommendations), _todo(key)]
    requests = tuple(
        message.id
        for message in snapshot.user_messages
        if message.planned_at is None and asks_for_change(message, SETTINGS.detection)
    )
    if requests:
        effects += [PlanUserMessages(message_ids=requests), _todo(key), _todo(key, priority=1)]
    if not snapshot.open_todos and snapshot.stack.phase is not Phase.COMPLETE:
        effects.append(SetPhase(phase=Phase.COMPLETE))
    return effects


def plan_of(idea: str) -> str:
    """Return what the planner calls the project that it makes of an idea."""
    return f"what it takes for {idea}"


def build(snapshot: Snapshot, key: str, random: Random) -> list[Effect]:
    effects: list[Effect] = [
        UpdateTodo(todo_id=todo.id, status=TodoStatus.COMPLETED)
        for todo in snapshot.open_todos[: random.randrange(1, 4)]
    ]
    if random.random() < 0.4:
        effects.append(PublishArtifact(content=f"<p>{key}", metadata={"key": key}))
    if random.random() < 0.05:
        effects.append(SendMessage(content=f"{key} 0"))
    return effects


def communicate(snapshot: Snapshot, key: str, random: Random) -> list[Effect]:
    if snapshot.unanswered:
        return [AnswerUserMessage(message_id=snapshot.unanswered[0].id, answer=key)]
    effects: list[Effect] = [ReadMessages(message_ids=tuple(message.id for message in snapshot.messages))]
    for message in snapshot.messages:
        hops = int(message.content.split()[-1])
        if hops and not message.from_name.startswith(DOOMED):
            effects.append(SendMessage(to_stack_id=message.from_stack_id, content=f"{key} {hops - 1}"))
    return effects


def review(snapshot: Snapshot, key: str, random: Random) -> list[Effect]:
    number = 0 if snapshot.artifact is None else snapshot.artifact.number
    recommendations = (f"make it better: {key}",) if random.random() < 0.15 else ()
    return [ReviewArtifact(number=number, recommendations=recommendations), SetFocus(focus=key)]


def to_do(snapshot: Snapshot) -> dict[str, int]:
    """Return what there is to do, as far as somebody who does not know the detectors can see."""
    reviewer = snapshot.states["reviewer"]
    artifact = 0 if snapshot.artifact is None else snapshot.artifact.number
    return {
        "ideas": snapshot.idea is not None,
        "rewritten": snapshot.idea is not None and snapshot.idea.updated_by == "user",
        "planned": snapshot.states["planner"].last_run_at is not None,
        "complete": snapshot.stack.phase is Phase.COMPLETE,
        "open_todos": sum(todo.status.open for todo in snapshot.todos),
        "unanswered": sum(message.answered_at is None for message in snapshot.user_messages),
        "unplanned": sum(message.planned_at is None for message in snapshot.user_messages),
        "unread": len(snapshot.messages),
        "recommendations": len(reviewer.long_term.recommendations),
        "unreviewed": artifact - reviewer.long_term.reviewed_artifact,
        "completed_todos": sum(todo.status is TodoStatus.COMPLETED for todo in snapshot.todos),
    }


def _todo(key: str, priority: int = 3) -> CreateTodo:
    return CreateTodo(content=f"by {key}", priority=priority, metadata={"key": key})


def _done(stack: str, run: Run, effects: list[Effect], tokens: int) -> Done:
    def count(kind: type) -> int:
        return sum(isinstance(effect, kind) for effect in effects)

    return Done(
        stack=stack,
        execution=run.execution_id,
        role=run.role,
        attempt=run.attempt,
        todos=count(CreateTodo),
        artifacts=count(PublishArtifact),
        tokens=tokens,
        sent=tuple(e.to_stack_id or BROADCASTS for e in effects if isinstance(e, SendMessage)),
        completed=tuple(e.todo_id for e in effects if isinstance(e, UpdateTodo)),
        answered=tuple(e.message_id for e in effects if isinstance(e, AnswerUserMessage)),
        planned=tuple(i for e in effects if isinstance(e, PlanUserMessages) for i in e.message_ids),
        read=tuple(i for e in effects if isinstance(e, ReadMessages) for i in e.message_ids),
    )
