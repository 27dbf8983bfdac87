"""What the agents do, whoever calls them, and what is noted of their runs."""

from dataclasses import dataclass, field
from random import Random

from recursor.domain.effect import (
    AnswerUserMessage,
    CreateTodo,
    Effect,
    Outcome,
    PlanUserMessages,
    PublishArtifact,
    ReadMessages,
    ReviewArtifact,
    SetPhase,
    SetProject,
    UpdateTodo,
)
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase
from recursor.domain.todo import TodoStatus
from recursor.orchestration.detectors import asks_for_change

FEWEST_TODOS, MOST_TODOS = 3, 7
"""What a planner makes of an idea."""


@dataclass(slots=True)
class Run:
    """One run of an agent."""

    stack: int
    role: str
    began: float
    """This and the next in seconds since the beginning."""
    ended: float
    idle: bool
    """Whether the role's detector gave no reason for it."""
    fruitless: bool
    """Whether it proposed nothing."""


@dataclass(slots=True)
class Journal:
    """What both ways to run agents have to tell."""

    runs: list[Run] = field(default_factory=list)
    answers: dict[str, float] = field(default_factory=dict)
    """When the run began that answered a visitor, by the visitor's words."""
    finished: dict[str, float] = field(default_factory=dict)
    """When an idea was done, by its words."""

    def note(self, run: Run, snapshot: Snapshot, outcome: Outcome) -> None:
        """Take in a run that has ended."""
        self.runs.append(run)
        words = {message.id: message.content for message in snapshot.user_messages}
        for effect in outcome.effects:
            if isinstance(effect, AnswerUserMessage):
                self.answers.setdefault(words[effect.message_id], run.began)
            elif (
                isinstance(effect, SetPhase) and effect.phase is Phase.COMPLETE and snapshot.idea is not None
            ):
                self.finished.setdefault(snapshot.idea.idea, run.ended)


def work_of(role: str, snapshot: Snapshot) -> tuple[str, Outcome]:
    """Return what a role does now: in words, to draw from how long it takes, and its outcome."""
    effects, what = _ROLES[role](snapshot)
    return f"{role}: {what}", Outcome(effects=tuple(effects), summary=what if effects else "")


def _plan(snapshot: Snapshot) -> tuple[list[Effect], str]:
    idea = snapshot.idea
    if idea is None:
        return [], "no idea"
    if idea.updated_by != "planner":
        count = Random(idea.idea).randint(FEWEST_TODOS, MOST_TODOS)
        todos = [CreateTodo(content=f"part {number} of {idea.idea}") for number in range(count)]
        return [SetProject(title=idea.idea), SetPhase(phase=Phase.BUILDING), *todos], idea.idea
    wishes = [
        message
        for message in snapshot.user_messages
        if message.planned_at is None and asks_for_change(message, Settings().detection)
    ]
    if wishes:
        todos = [CreateTodo(content=f"wish {message.content}") for message in wishes]
        planned = PlanUserMessages(message_ids=tuple(message.id for message in wishes))
        return [planned, SetPhase(phase=Phase.BUILDING), *todos], wishes[0].content
    if not snapshot.open_todos and snapshot.stack.phase is not Phase.COMPLETE:
        return [SetPhase(phase=Phase.COMPLETE)], f"end of {idea.idea}"
    return [], "nothing to plan"


def _build(snapshot: Snapshot) -> tuple[list[Effect], str]:
    todos = snapshot.open_todos
    if not todos:
        return [], "nothing to build"
    done = UpdateTodo(todo_id=todos[0].id, status=TodoStatus.COMPLETED)
    return [done, PublishArtifact(content=f"with {todos[0].content}")], todos[0].content


def _communicate(snapshot: Snapshot) -> tuple[list[Effect], str]:
    effects: list[Effect] = [
        AnswerUserMessage(message_id=message.id, answer="yes") for message in snapshot.unanswered
    ]
    if snapshot.messages:
        effects.append(ReadMessages(message_ids=tuple(message.id for message in snapshot.messages)))
    return effects, snapshot.unanswered[0].content if snapshot.unanswered else "nobody to answer"


def _review(snapshot: Snapshot) -> tuple[list[Effect], str]:
    artifact, state = snapshot.artifact, snapshot.states.get("reviewer")
    reviewed = 0 if state is None else state.long_term.reviewed_artifact
    if artifact is None or artifact.number <= reviewed:
        return [], "nothing to review"
    return [ReviewArtifact(number=artifact.number)], f"version {artifact.number}"


_ROLES = {"planner": _plan, "builder": _build, "communicator": _communicate, "reviewer": _review}
