"""The orchestrator of Recursor, all of it, on simulated threads, time and disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.legacy_and_graph.week import Happening, latency
from benchmarks.legacy_and_graph.work import Journal, Run, work_of
from recursor.actors.messages import AddTodo, CreateStack, SendUserMessage, SetIdea, Shutdown
from recursor.domain.agent import Run as Order
from recursor.domain.effect import Outcome
from recursor.domain.new_records import new_idea, new_stack, new_todo, new_user_message
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.snapshot import Snapshot
from recursor.orchestration.role_names import STANDARD
from recursor.orchestration.roles import RoleRegistry
from recursor.runner.team import standard_team
from recursor.runtime.simulated import Scheduler
from recursor.storage.rollups import MERGES
from recursor.storage.simulated_store import SimulatedStore
from recursor.storage.tables import TABLES
from tests.simulation.identifiers import Identifiers
from tests.simulation.process import Process, WatchedStore


class Graph:
    """Plays a week."""

    def __init__(self, seed: int, slots: int, epoch: float) -> None:
        """Start the orchestrator.

        Args:
            seed: decides how long calls take, and the order of what happens at one moment.
            slots: how many calls the provider answers at a time.
            epoch: what the time is at the beginning: seconds since the epoch, UTC.
        """
        self.journal = Journal()
        self.seed = seed
        self._epoch = epoch
        self._scheduler = Scheduler(Random(seed))
        self.roles = self._team()
        store = SimulatedStore(TABLES, self._scheduler, merges=MERGES)
        self._process = Process(
            self._scheduler.random,
            WatchedStore(store, {}),
            self._scheduler,
            epoch,
            self.roles,
            Settings(),
            RunnerSettings(agents=slots),
            Identifiers(lambda: epoch + self._scheduler.elapsed).new,
        )
        self.numbers: dict[str, int] = {}
        """Of the stacks, by id."""

    def play(self, happenings: Sequence[Happening], stacks: int, seconds: float) -> Journal:
        """Return what was noted of a week. For the arguments see `Legacy.play`."""
        teams = [new_stack(f"team {number}", self._epoch) for number in range(stacks)]
        self.numbers.update((team.id, number) for number, team in enumerate(teams))
        for happening in happenings:
            self._pass_until(happening.at)
            team, now = teams[happening.stack], self._epoch + happening.at
            match happening.kind:
                case "idea" if happening.text.startswith("idea 0 "):
                    idea = new_idea(team.id, happening.text, now)
                    self._process.ask(CreateStack(team, idea, start=True))
                case "idea":
                    self._process.ask(SetIdea(new_idea(team.id, happening.text, now)))
                case "todo":
                    self._process.ask(AddTodo(new_todo(team.id, happening.text, 3, now)))
                case _:
                    message = new_user_message(team.id, "visitor", happening.text, now)
                    self._process.ask(SendUserMessage(message))
        self._pass_until(seconds)
        self._process.ask(Shutdown(grace=0))
        self._pass_until(seconds + 1)
        self._process.close()
        return self.journal

    def elapsed(self) -> float:
        """Return the seconds since the beginning."""
        return self._scheduler.elapsed

    async def sleep(self, seconds: float) -> None:
        """Let time pass in an agent."""
        await self._scheduler.sleep(seconds)

    def _team(self) -> RoleRegistry:
        agents: dict[str, Any] = {role: _Agent(self) for role in STANDARD}
        return standard_team(agents)

    def _pass_until(self, at: float) -> None:
        scheduler = self._scheduler
        while True:
            scheduler.run_until_idle()
            due = scheduler.next_due()
            if due is None or scheduler.elapsed + due > at:
                scheduler.advance(max(at - scheduler.elapsed, 0.0))
                return
            scheduler.advance_to_next()


@dataclass(frozen=True, slots=True)
class _Agent:
    """Does a role's work in the time that a model would take."""

    graph: Graph

    async def run(self, snapshot: Snapshot, order: Order) -> Outcome:
        graph = self.graph
        began, role = graph.elapsed(), order.role
        status = graph.roles[role].detect(snapshot, order.settings, snapshot.taken_at)
        what, outcome = work_of(role, snapshot)
        await graph.sleep(latency(graph.seed, what))
        number = graph.numbers[snapshot.stack.id]
        run = Run(number, role, began, graph.elapsed(), not status.has_work, not outcome.effects)
        graph.journal.note(run, snapshot, outcome)
        return outcome
