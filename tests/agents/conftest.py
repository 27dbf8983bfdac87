"""A small world for the scripted team: it applies effects to a snapshot and calls the roles in turn."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import pytest

from recursor.agents.team import scripted_agents
from recursor.domain.agent import Run
from recursor.domain.agent_state import AgentState, LongTermMemory, ShortTermMemory
from recursor.domain.effect import (
    AnswerUserMessage,
    CreateTodo,
    Effect,
    Outcome,
    PlanUserMessages,
    PublishArtifact,
    ReadMessages,
    Remember,
    ReviewArtifact,
    SendMessage,
    SetFocus,
    SetPhase,
    SetProject,
    TakeRecommendations,
    UpdateTodo,
)
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.settings import DetectionSettings, Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase, Stack
from recursor.domain.todo import Todo

ROLES = ("planner", "builder", "communicator", "reviewer")
KEYWORDS = DetectionSettings().change_keywords


@dataclass
class World:
    """One stack in memory."""

    idea: str | None
    name: str = "Test stack"
    now: float = 1_000_000.0
    cycles: int = 0
    cycles_taken: int = 0
    """By the last `until_quiet`."""
    trace: list[tuple[str, str]] = field(default_factory=list)
    sent: list[SendMessage] = field(default_factory=list)
    snapshot: Snapshot = field(init=False)
    _ids: int = 0

    def __post_init__(self) -> None:
        stack = Stack(id="stack-1", name=self.name, created_at=self.now)
        idea = self.idea and ProjectIdea(
            stack_id=stack.id, idea=self.idea, created_at=self.now, updated_at=self.now, updated_by="user"
        )
        self.snapshot = Snapshot(
            stack=stack,
            taken_at=self.now,
            idea=idea or None,
            states={
                role: AgentState(stack_id=stack.id, role=role, updated_at=self.now)  # type: ignore[misc]
                for role in ROLES
            },
        )
        self.agents = scripted_agents()

    def new_id(self) -> str:
        self._ids += 1
        return f"id-{self._ids:06d}"

    def ask(self, content: str, sender: str = "Ada") -> str:
        """A visitor writes."""
        message = UserMessage(
            id=self.new_id(), stack_id="stack-1", sender=sender, content=content, created_at=self.now
        )
        self._change(user_messages=(*self.snapshot.user_messages, message))
        return message.id

    def receive(self, content: str, *, sender: str = "other", broadcast: bool = False) -> None:
        """Another stack writes."""
        message = Message(
            id=self.new_id(),
            from_stack_id=sender,
            from_name=f"Stack {sender}",
            to_stack_id=None if broadcast else "stack-1",
            content=content,
            created_at=self.now,
        )
        self._change(messages=(*self.snapshot.messages, message))

    def add_todo(self, content: str, **more: object) -> str:
        todo = Todo.model_validate(
            {"id": self.new_id(), "stack_id": "stack-1", "content": content, "assigned_by": "user",
             "updated_by": "user", "created_at": self.now, "updated_at": self.now, **more}
        )  # fmt: skip
        self._change(todos=(*self.snapshot.todos, todo))
        return todo.id

    def answer_to(self, message_id: str) -> str | None:
        return next(m.answer for m in self.snapshot.user_messages if m.id == message_id)

    @property
    def page(self) -> str:
        assert self.snapshot.artifact is not None
        return self.snapshot.artifact.content

    @property
    def phase(self) -> Phase:
        return self.snapshot.stack.phase

    def with_work(self) -> list[str]:
        """The roles with work, as the detectors see it, without what time alone brings."""
        s = self.snapshot
        reviewer = s.states["reviewer"].long_term
        wishes = [
            m
            for m in s.user_messages
            if m.planned_at is None
            and (len(m.content) >= 200 or any(word in m.content.lower() for word in KEYWORDS))
        ]
        planner = (
            s.idea is None
            or (not s.open_todos and not s.stack.phase.is_final)
            or reviewer.recommendations
            or wishes
        )
        unreviewed = s.artifact is not None and s.artifact.number > reviewer.reviewed_artifact
        work = {
            "planner": planner,
            "builder": s.open_todos,
            "communicator": s.unanswered or s.messages,
            "reviewer": unreviewed,
        }
        return [role for role in ROLES if work[role]]

    def run(self, role: str) -> Outcome:
        """One run of one role, on the snapshot as it is; nothing is applied."""
        run = Run(
            execution_id="x", role=role, attempt=1, reason="test", settings=Settings(), deadline=self.now + 60
        )
        return self.agents[role].run(self.snapshot, run)

    def cycle(self) -> bool:
        """One cycle: planner with communicator and reviewer in the first wave, the builder in the second."""
        roles = self.with_work()
        if not roles:
            return False
        self.cycles += 1
        first = [role for role in roles if role != "builder" or "planner" not in roles]
        for wave in (first, [role for role in roles if role not in first]):
            outcomes = [(role, self.run(role)) for role in wave]
            for role, outcome in outcomes:
                self.now += 1
                if outcome.summary:
                    self.trace.append((role, outcome.summary))
                for effect in outcome.effects:
                    self.apply(role, effect)
        return True

    def until_quiet(self, most: int = 40) -> "World":
        """Cycle until no role has work."""
        while self.cycle():
            assert self.cycles <= most, "\n".join(f"{role}: {said}" for role, said in self.trace[-20:])
        self.cycles, self.cycles_taken = 0, self.cycles
        return self

    def apply(self, role: str, effect: Effect) -> None:  # noqa: PLR0912  # one branch per kind of effect
        s, now = self.snapshot, self.now
        state = s.states[role]
        memory: LongTermMemory = state.long_term
        match effect:
            case SetProject():
                idea = s.idea or ProjectIdea(
                    stack_id="stack-1",
                    idea=effect.idea or "",
                    created_at=now,
                    updated_at=now,
                    updated_by=role,
                )
                self._change(
                    idea=idea.but(**{"title": effect.title, "description": effect.description,
                                "features": effect.features, "reading": effect.reading, "updated_by": role})
                )  # fmt: skip
            case SetPhase():
                self._change(stack=s.stack.but(phase=effect.phase))
            case CreateTodo():
                self.add_todo(
                    effect.content, priority=effect.priority, metadata=effect.metadata, assigned_by=role
                )
            case UpdateTodo():
                changes = {
                    k: v for k in ("status", "priority", "content") if (v := getattr(effect, k)) is not None
                }
                self._change(todos=tuple(t.but(**changes) if t.id == effect.todo_id else t for t in s.todos))
            case PublishArtifact():
                number = s.artifact.number + 1 if s.artifact else 1
                self._change(
                    artifact=Artifact(
                        id=self.new_id(), stack_id="stack-1", number=number, content=effect.content,
                        author=role, created_at=now, metadata=effect.metadata,
                    )
                )  # fmt: skip
            case AnswerUserMessage():
                self._messages(
                    lambda m: m.id == effect.message_id and m.answered_at is None,
                    answer=effect.answer,
                    answered_at=now,
                )
            case PlanUserMessages():
                self._messages(lambda m: m.id in effect.message_ids, planned_at=now)
            case ReadMessages():
                self._change(messages=tuple(m for m in s.messages if m.id not in effect.message_ids))
            case SendMessage():
                self.sent.append(effect)
            case ReviewArtifact():
                self._remember(
                    role,
                    memory.but(reviewed_artifact=effect.number, recommendations=effect.recommendations),
                )
            case TakeRecommendations():
                theirs = s.states["reviewer"].long_term
                left = tuple(r for r in theirs.recommendations if r not in effect.recommendations)
                self._remember("reviewer", theirs.but(recommendations=left))
            case Remember():
                self._remember(
                    role,
                    memory.but(
                        **{
                            "facts": (*memory.facts, *(f for f in effect.facts if f not in memory.facts)),
                            "learnings": (*memory.learnings, *effect.learnings),
                        }
                    ),
                )
            case SetFocus():
                short = ShortTermMemory(active_task=effect.active_task, focus=effect.focus)
                self._change(states={**s.states, role: state.but(short_term=short)})

    def _messages(self, chosen: Callable[[UserMessage], bool], **changes: object) -> None:
        self._change(
            user_messages=tuple(m.but(**changes) if chosen(m) else m for m in self.snapshot.user_messages)
        )

    def _remember(self, role: str, memory: LongTermMemory) -> None:
        states = self.snapshot.states
        self._change(states={**states, role: states[role].but(long_term=memory)})

    def _change(self, **changes: object) -> None:
        # Through JSON-less validation, as the store would: what an agent proposes must fit the records.
        self.snapshot = Snapshot.model_validate(self.snapshot.but(**changes, taken_at=self.now).model_dump())


@pytest.fixture(scope="session")
def world() -> type[World]:
    """The class of worlds, for tests to make their own."""
    return World


@pytest.fixture(scope="session")
def finished(world: type[World]) -> Callable[[str], World]:
    """Worlds in which an idea has come to its end. They are shared: look, and change nothing."""
    return cache(lambda idea: world(idea).until_quiet())
