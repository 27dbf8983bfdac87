"""A complete stack comes to rest: planner and reviewer do not call each other again and again."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from recursor.domain.graph import NodeStatus
from recursor.domain.project import Artifact
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.work import WorkReport
from recursor.orchestration.detection import detect_work
from recursor.orchestration.graph import build_graph, next_wave
from tests.making import (
    NOW,
    make_artifact,
    make_idea,
    make_snapshot,
    make_stack,
    make_state,
    make_todo,
    make_user_message,
)
from tests.orchestration.test_roles import TEAM


@dataclass
class Team:
    """A team in memory, as simple as one can be that does its work. Every run changes its state."""

    now: float = NOW
    phase: str = "complete"
    todos: list[Todo] = field(default_factory=list)
    artifact: Artifact | None = None
    wishes: int = 0
    """How often the reviewer recommends something before it is content."""
    runs: list[tuple[float, str]] = field(default_factory=list)
    remarks: int = 0

    def __post_init__(self) -> None:
        self.states = {role: make_state(role, self.now - 1) for role in TEAM}

    def snapshot(self) -> Snapshot:
        return make_snapshot(
            *self.states.values(),
            stack=make_stack(phase=self.phase),
            taken_at=self.now,
            idea=make_idea(),
            todos=tuple(self.todos),
            artifact=self.artifact,
            user_messages=tuple(
                make_user_message(n, content="hi", created_at=NOW, answered_at=NOW, answer="hi")
                for n in range(self.remarks)
            ),
        )

    def look(self) -> WorkReport:
        return detect_work(self.snapshot(), TEAM, Settings(), self.now)

    def cycle(self) -> bool:
        """Run one cycle, wave by wave. Returns whether anybody had work."""
        graph = build_graph(self.look(), "1", self.now)
        ran = False
        while True:
            graph, ready = next_wave(graph, self.look(), self.now)
            if not ready:
                return ran
            taken_at = self.now
            self.now += 1
            for node in ready:
                ran = True
                self.runs.append((taken_at, node.role))
                self.run(node.role, taken_at)
            graph = graph.replacing({node.role: node.but(status=NodeStatus.COMPLETED) for node in ready})

    def run(self, role: str, taken_at: float) -> None:
        getattr(self, role)()
        self.states[role] = self.states[role].but(last_run_at=taken_at)

    def planner(self) -> None:
        memory = self.states["reviewer"].long_term
        for wish in memory.recommendations:
            self.todos.append(
                make_todo(len(self.todos), content=wish, created_at=self.now, updated_at=self.now)
            )
        self._remember(recommendations=())
        if not any(todo.status.open for todo in self.todos):
            self.phase = "complete"

    def builder(self) -> None:
        done = {
            "status": TodoStatus.COMPLETED,
            "closed_at": self.now,
            "updated_at": self.now,
            "updated_by": "builder",
        }
        self.todos = [todo.but(**done) if todo.status.open else todo for todo in self.todos]
        number = 1 + (self.artifact.number if self.artifact else 0)
        self.artifact = make_artifact(number, created_at=self.now)

    def reviewer(self) -> None:
        wish: tuple[str, ...] = ()
        if self.wishes:
            self.wishes -= 1
            wish = (f"wish {self.wishes}",)
        self._remember(recommendations=wish, reviewed_artifact=self.artifact.number if self.artifact else 0)

    def _remember(self, **changes: object) -> None:
        state = self.states["reviewer"]
        memory = state.long_term.but(**changes)
        self.states["reviewer"] = state.but(long_term=memory)


@given(st.integers(0, 4), st.integers(0, 3), st.integers(0, 2), st.sampled_from(["complete", "building"]))
def test_every_team_comes_to_rest(todos: int, wishes: int, remarks: int, phase: str) -> None:
    team = Team(wishes=wishes, remarks=remarks, phase=phase)
    team.todos = [make_todo(n) for n in range(todos)]
    for _ in range(60):
        if not team.cycle():
            due = team.look().next_due()
            if due is None:
                break
            team.now = due
    else:
        raise AssertionError(f"never rests: {team.runs[-10:]}")
    assert len(team.runs) < 12 * (1 + wishes)
    assert team.wishes == 0 or not todos
    team.now += 1e7
    assert not team.cycle()


def test_a_periodic_look_of_the_planner_does_not_call_the_reviewer_or_itself() -> None:
    team = Team(artifact=make_artifact(1, created_at=NOW + 5))
    team.states["reviewer"] = make_state("reviewer", NOW + 6, reviewed_artifact=1)
    assert not team.cycle()
    team.now = team.look().next_due() or 0.0
    assert team.cycle()
    assert [role for _, role in team.runs] == ["planner"]
    team.now += 1e6
    assert not team.cycle()
    assert team.look().next_due() is None
