"""The original's loop: every five seconds one agent of four, in fixed order, work or not."""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.legacy_and_graph.week import SHORTEST, Happening, latency
from benchmarks.legacy_and_graph.work import Journal, Run, work_of
from recursor.domain.commands import AddTodo, SendUserMessage, SetIdea
from recursor.domain.effect import Outcome
from recursor.domain.ids import new_id
from recursor.domain.new_records import new_idea, new_stack, new_todo, new_user_message
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.orchestration.draft import Draft
from recursor.orchestration.outcomes import apply_outcome
from recursor.orchestration.stack_commands import COMMANDS
from recursor.orchestration.stack_records import StackRecords, forgettable
from recursor.runner.team import observers_team

TICK = 5.0
ORDER = ("planner", "builder", "communicator", "reviewer")
# What a model takes to say that there is nothing to do, in seconds: as little as any call.
IDLE_SECONDS = SHORTEST

_ROLES = observers_team()
_SETTINGS = Settings()


@dataclass(slots=True)
class _Stack:
    number: int
    records: StackRecords
    turns: int = 0
    busy: bool = False


@dataclass(slots=True)
class Legacy:
    """Plays a week.

    Args:
        seed: decides how long calls take.
        slots: how many calls the provider answers at a time.
        epoch: what the time is at the beginning: seconds since the epoch, UTC.
    """

    seed: int
    slots: int
    epoch: float
    journal: Journal = field(default_factory=Journal)
    _now: float = 0.0
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _serial: "itertools.count[int]" = field(default_factory=itertools.count)
    _waiting: "deque[Callable[[], None]]" = field(default_factory=deque)
    _taken: int = 0

    def play(self, happenings: Sequence[Happening], stacks: int, seconds: float) -> Journal:
        """Return what was noted of a week.

        Args:
            happenings: what people do.
            stacks: how many teams there are.
            seconds: how long it lasts.
        """
        teams = [
            _Stack(number, StackRecords(new_stack(f"team {number}", self.epoch))) for number in range(stacks)
        ]
        for team in teams:
            # Not all at the same moment.
            self._at(TICK * team.number / stacks, lambda team=team: self._tick(team))  # type: ignore[misc]  # bound
        for each in happenings:
            self._at(each.at, lambda each=each: self._take_in(teams[each.stack], each))  # type: ignore[misc]  # bound
        while self._due and self._due[0][0] <= seconds:
            self._now, _, call = heapq.heappop(self._due)
            call()
        return self.journal

    def _at(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when, next(self._serial), call))

    def _tick(self, team: _Stack) -> None:
        self._at(self._now + TICK, lambda: self._tick(team))
        if not team.busy:
            team.busy = True
            self._waiting.append(lambda: self._begin(team))
            self._admit()

    def _admit(self) -> None:
        while self._waiting and self._taken < self.slots:
            self._taken += 1
            self._waiting.popleft()()

    def _begin(self, team: _Stack) -> None:
        role = ORDER[team.turns % len(ORDER)]
        team.turns += 1
        snapshot = team.records.snapshot(_ROLES, self.epoch + self._now)
        idle = not _ROLES[role].detect(snapshot, _SETTINGS, self.epoch + self._now).has_work
        what, outcome = work_of(role, snapshot)
        seconds = latency(self.seed, what) if outcome.effects else IDLE_SECONDS
        run = Run(team.number, role, self._now, self._now + seconds, idle, not outcome.effects)
        self._at(run.ended, lambda: self._end(team, run, snapshot, outcome))

    def _end(self, team: _Stack, run: Run, snapshot: Snapshot, outcome: Outcome) -> None:
        draft = Draft(team.records, self.epoch + self._now, new_id)
        apply_outcome(draft, run.role, "", outcome, snapshot, Settings())
        team.records = forgettable(draft.records)
        self.journal.note(run, snapshot, outcome)
        team.busy = False
        self._taken -= 1
        self._admit()

    def _take_in(self, team: _Stack, happening: Happening) -> None:
        stack_id, now = team.records.stack.id, self.epoch + self._now
        match happening.kind:
            case "idea":
                command: SetIdea | AddTodo | SendUserMessage = SetIdea(
                    new_idea(stack_id, happening.text, now)
                )
            case "todo":
                command = AddTodo(new_todo(stack_id, happening.text, 3, now))
            case _:
                command = SendUserMessage(new_user_message(stack_id, "visitor", happening.text, now))
        draft = Draft(team.records, now, new_id)
        COMMANDS[type(command)](draft, command)
        team.records = draft.records
