"""A story played: people, visitors, faults and the engine, on one thread, watched all the time."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import lru_cache
from random import Random

from recursor.actors.messages import Shutdown, Subscribe
from recursor.domain.agent import Run
from recursor.domain.commands import Command
from recursor.domain.effect import Effect
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import Spend
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.simulated import Scheduler
from recursor.runtime.worker import forbid_waiting
from recursor.storage.rollups import MERGES
from recursor.storage.simulated_store import SimulatedStore
from recursor.storage.tables import ALL_STACKS, RESERVATIONS, TABLES
from tests.crash.figures import figures_that_differ
from tests.simulation.actions import Actions
from tests.simulation.answers import Answers
from tests.simulation.beginnings import problems_with
from tests.simulation.book import ABSENT, Book
from tests.simulation.disk import Disk
from tests.simulation.events import Listener
from tests.simulation.identifiers import Identifiers
from tests.simulation.invariants import always, at_rest
from tests.simulation.journal import Begun, Journal, Key, key_of, written
from tests.simulation.logs import watched_logs
from tests.simulation.memory import differences
from tests.simulation.money import Provider, Runs
from tests.simulation.process import Process, WatchedStore, Written
from tests.simulation.register import Answer
from tests.simulation.repositories import Repositories
from tests.simulation.story import Story
from tests.simulation.team import make_team
from tests.simulation.violation import Violation

BEGINNING = 1_700_000_000.0
# Steps in which nothing may go on for ever.
MOST_STEPS = 50_000
# How often a stack is resumed once nothing goes wrong any more: what went wrong before may show late.
MOST_HELP = 6
# Seconds after which all must be done once nothing goes wrong any more: several times the longest time limit
# and wait together. What looks again by itself does so only after two hours.
CALM_SECONDS = 1200.0

SETTINGS = Settings().overridden(
    {
        "detection": {"planner_period": 7200, "reviewer_period": 7200},
        "pause": {"after_work": 0.5, "between_looks": 7200, "first_backoff": 1, "longest_backoff": 20},
        "limits": {"node_seconds": 30, "outcome_bytes": 4096},
        "workspace": {"builders": 3},
    }
)


@lru_cache
def _settings(failures_allowed: int, child_deaths: int) -> Settings:
    return SETTINGS.overridden(
        {"pause": {"failures_allowed": failures_allowed}, "limits": {"child_deaths": child_deaths}}
    )


class World:
    """Plays one story. It is also what the agents see: see `tests.simulation.team.Surroundings`."""

    def __init__(self, story: Story, trace: Callable[[str], None] | None = None) -> None:
        """Begin.

        Args:
            story: what happens.
            trace: told what happens, line by line.
        """
        around = story.surroundings
        self.story = story
        self.trace = trace
        self.moods: Mapping[str, int] = around.moods
        self.slow, self.spends = around.slow, around.spends
        self.settings = _settings(around.failures_allowed, around.child_deaths)
        self.runner = RunnerSettings(
            agents=around.agents,
            passivate_after=around.passivate_after,
            budget_tokens=around.tokens,
            budget_runs_per_hour=around.runs_per_hour,
        )
        self.random = Random(story.seed)
        self.book = Book()
        self.journal = Journal()
        self.provider = Provider()
        self.repositories = Repositories()
        self.provider.allow("all", around.tokens)
        self.runs = Runs(self.now)
        self.listener = Listener(self) if around.listens else None
        self.violations: list[Violation] = []
        self.life = 0
        self.steps = 0
        self.injected = 0
        """How many actors were killed, or commits failed for no reason: an actor may die of each."""
        self.injected_before = 0
        """How many of them before this life of the process."""
        self.set_back = 0.0
        """Seconds by which the clock was set back, in all."""
        self.jumped = False
        self.is_calm = False
        self.answered: dict[str, str | None] = {}
        """What visitors were answered, when it was last looked."""
        self.written: dict[str, list[Written]] = {}
        """What owners have committed, of all lives."""
        self.runs_next = True
        """Whether agents run in the next life of the process."""
        self.blind: dict[str, int] = {}
        """How often looking at a stack is to fail."""
        self.answers = Answers(self)
        self.actions = Actions(self)
        self.ids = Identifiers(self.now)
        self.roles = make_team(self, story.seed, self._look, self._block)
        self.process: Process = None  # type: ignore[assignment]  # started at once
        self._start(SimulatedStore(TABLES, Scheduler(self.random), merges=MERGES), BEGINNING)

    # -- The story -------------------------------------------------------------------------------------------

    def play(self) -> None:
        """Play the story to its end, and everything to rest.

        Raises:
            Violation: an invariant does not hold.
        """
        # The steps of functions that block may end in another order than they have begun.
        with watched_logs(self._log), forbid_waiting():
            for action in self.story.actions:
                self.run(action.steps)
                if self.trace is not None:
                    self.note(str(action))
                self.actions.do(action)
                self._raise()
            self.run_until_idle()
            self.check()
            self._come_to_rest()
            self._shut_down()

    def note(self, line: str) -> None:
        """Tell what happens."""
        if self.trace is not None:
            self.trace(f"{self.steps:6} {self.process.scheduler.elapsed:10.2f} {line}")

    def run(self, steps: int) -> None:
        """Run steps of the engine."""
        run_one = self.process.steps.run_one
        for _ in range(steps):
            if not run_one():
                break
            self.steps += 1
            if self.violations:
                self._raise()
        self._start_again_if_ended()

    def run_until_idle(self) -> None:
        """Run all steps that are ready. Time stands still."""
        run_one = self.process.steps.run_one
        for _ in range(MOST_STEPS):
            if not run_one():
                self._start_again_if_ended()
                if not self.process.scheduler.ready:
                    return
                run_one = self.process.steps.run_one
            self.steps += 1
            if self.violations:
                self._raise()
        raise Violation("rest", f"it goes on after {MOST_STEPS} steps without time passing")

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with what falls due in it."""
        end = self.process.scheduler.elapsed + seconds
        while True:
            self.run_until_idle()
            scheduler = self.process.scheduler
            due = scheduler.next_due()
            if due is None or scheduler.elapsed + due > end:
                scheduler.advance(end - scheduler.elapsed)
                return
            scheduler.advance_to_next()

    def disk(self) -> Disk:
        """Read the disk, but for stacks whose records were damaged."""
        unreadable = [book.id for book in self.book.stacks.values() if book.is_unreadable]
        return Disk.of(self.store).without(unreadable)

    def violate(self, invariant: str, what: str) -> None:
        """Note that an invariant does not hold; raised after the step."""
        self.violations.append(Violation(invariant, what))

    def check(self) -> Disk:
        """Compare what is on disk with what was acknowledged and with what agents say. Returns the former."""
        disk = self.disk()
        for violation in always(self, disk):
            raise violation
        self._raise()
        return disk

    # -- Lives of the process ------------------------------------------------------------------------------

    @property
    def store(self) -> WatchedStore:
        """The disk."""
        return self.process.store

    def jump(self, seconds: float) -> None:
        """Set the clock forwards, or back."""
        self.jumped = True
        self.set_back += max(-seconds, 0.0)
        self.process.clock.jump(seconds)

    def crash(self, downtime: float) -> None:
        """Lose power, check what is left, and start again.

        Args:
            downtime: seconds until then.
        """
        self.process.crash()
        self._restart(downtime)

    def _restart(self, downtime: float) -> None:
        process = self.process
        self.book.cut_off(self.life)
        store = process.store.store.restarted(Scheduler(self.random))
        self.process.store = WatchedStore(store, self.written)
        self.answers.know(self.check())
        self.answers.forget()
        now = process.clock.now() + downtime
        self.actions.damage_disk(store)
        self.note(f"-- down for {downtime:g} s, life {self.life + 1} begins")
        self.life += 1
        self.injected_before = self.injected
        self.ids.restart()
        self._start(store, now, process.scheduler.elapsed + downtime)

    def _start(self, disk: SimulatedStore, now: float, elapsed: float = 0.0) -> None:
        scheduler = Scheduler(self.random)
        scheduler.elapsed = elapsed
        store = WatchedStore(disk.restarted(scheduler), self.written)
        self.process = Process(
            self.random,
            store,
            scheduler,
            now,
            self.roles,
            self.settings,
            self.runner,
            self.ids.new,
            runs=self.runs_next,
        )
        self.runs_next = True
        if self.listener is not None:
            self.listener.forget()
            self.process.ask(Subscribe(self.listener))

    def _start_again_if_ended(self) -> None:
        if not self.process.is_up and not self.process.scheduler.ready:
            self._close()
            self._restart(1.0)

    def _close(self) -> None:
        self.process.close()
        self.answers.must_all_be_there(self.life)
        self._raise()

    # -- What the team's agents see ------------------------------------------------------------------------

    def now(self) -> float:
        """See `Surroundings.now`."""
        return BEGINNING if self.process is None else self.process.clock.now()

    def elapsed(self) -> float:
        """See `Surroundings.elapsed`."""
        return self.process.scheduler.elapsed

    def sleep(self, seconds: float) -> DispatchedFuture[None]:
        """See `Surroundings.sleep`."""
        return self.process.scheduler.sleep(seconds)

    def _block(self, seconds: float) -> None:
        self.process.steps.block(seconds)

    def _look(self, stack_id: str) -> None:
        if self.blind.get(stack_id):
            self.blind[stack_id] -= 1
            raise self.random.choice((ValueError("it sees nothing"), SystemExit(2)))

    def begin(self, snapshot: Snapshot, run: Run) -> Key:
        """See `Surroundings.begin`."""
        key = key_of(run)
        stack_id = snapshot.stack.id
        self.journal.runs += 1
        if self.trace is not None:
            self.note(f"   {run.role} of {stack_id} begins ({written(key)}): {run.reason}")
        for problem in problems_with(self, snapshot, run):
            self.violate(*problem)
        cut, commands = self.book.stacks[stack_id].cut, len(self.book.asked)
        if cut is not None and cut.answer is Answer.OPEN:
            commands = cut.number
        self.journal.begun[key] = Begun(stack_id, key, None, self.life, commands)
        return key

    def returns(self, snapshot: Snapshot, key: Key, effects: tuple[Effect, ...]) -> None:
        """See `Surroundings.returns`."""
        # What is written to a stack that may not be there yet may be dropped.
        uncertain = {book.id for book in self.book.stacks.values() if ABSENT in book.state.possible()}
        self.journal.note_returned(snapshot, key, effects, uncertain)

    def other_stack(self, _stack_id: str, draw: int) -> str | None:
        """See `Surroundings.other_stack`."""
        known = list(self.book.stacks)
        return known[draw % len(known)] if draw % 7 else None

    async def call_model(self, snapshot: Snapshot, run: Run, random: Random) -> None:
        """See `Surroundings.call_model`."""
        await run.meter.begin()
        problem = None if self.jumped else self.runs.begin(self.runner.budget_runs_per_hour)
        if problem is not None:
            self.violate("8 budgets", problem)
        for _ in range(random.randrange(1, 3)):
            most = random.randrange(50, 300)
            reservation = await run.meter.reserve(Spend(tokens=most))
            spent = random.randrange(most + 1)
            problem = self.provider.call(snapshot.stack.id, spent)
            if problem is not None:
                self.violate("8 budgets", problem)
            known = None
            try:
                async with run.aside() if random.random() < 0.3 else nullcontext():
                    await self.sleep(random.choice((0.0, 0.5, 8.0)))
                known = Spend(tokens=spent) if random.random() < 0.8 else None
            finally:
                await run.meter.settle(reservation, known)

    # -- The end ---------------------------------------------------------------------------------------------

    def _come_to_rest(self) -> None:
        self.note("-- nothing goes wrong from here on")
        self.is_calm = True
        self.moods, self.slow, self.spends = {}, 0, 0
        self.blind.clear()
        self.actions.end_faults()
        self.actions.let_agents_run()
        while self.actions.is_shutting_down:
            self.pass_time(30)
        self.run_until_idle()
        self.actions.allow_everything()
        end = self.elapsed() + CALM_SECONDS + self.set_back
        helped: Counter[str] = Counter()
        while True:
            self.run_until_idle()
            problems = self._unfinished(helped)
            scheduler = self.process.scheduler
            if scheduler.ready:
                continue
            if not problems:
                return
            due = scheduler.next_due()
            if due is None or scheduler.elapsed + due > end:
                raise Violation("7 liveness", "; ".join(problems))
            scheduler.advance_to_next()

    def _unfinished(self, helped: Counter[str]) -> list[str]:
        """Return what keeps everything from being at rest; stacks that do not run are made to."""
        problems = [*self.answers.missing()]
        if self.process.agents.load.running:
            problems.append("agents run")
        if problems:
            return problems
        with self.store.read() as reader:
            problems += [f"a call is reserved: {each}" for each in RESERVATIONS.keys(reader, ALL_STACKS)]
        disk = self.disk()
        for stack_id, stack in disk.stacks.items():
            if stack["state"] != "running" and helped[stack_id] < MOST_HELP:
                helped[stack_id] += 1
                paused = stack["state"] == "paused"
                self.answers.control(stack_id, Command.RESUME if paused else Command.START)
        return [*problems, *at_rest(self, disk)] or list(differences(self))

    def _shut_down(self) -> None:
        self.check()
        self.answers.must_all_be_there(self.life)
        if self.listener is not None:
            self.listener.must_have_told_all()
        self._raise()
        self.answers.question("shut_down", "", Shutdown(grace=5))
        process = self.process
        while process.is_up:
            if not process.steps.run_one() and process.scheduler.advance_to_next() is None:
                raise Violation("7 liveness", "the orchestrator does not end")
        process.close()
        self.book.cut_off(self.life)
        self.process.store = WatchedStore(process.store.store.restarted(Scheduler(self.random)), self.written)
        self.check()
        disk = self.disk()
        for problem in at_rest(self, disk):
            raise Violation("7 liveness", f"after the end: {problem}")
        if not any(book.pruned or book.damaged for book in self.book.stacks.values()):
            for problem in figures_that_differ(self.process.store.store, disk):
                raise Violation("2 once", problem)

    def _raise(self) -> None:
        if self.violations:
            raise self.violations[0]

    def _log(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if self.trace is not None:
            self.note(f"   log: {text}")
        error = record.exc_info[1] if record.exc_info else None
        if self.actions.explains(text, error):
            return
        self.violate("logs", f"{text}: {error!r}")
