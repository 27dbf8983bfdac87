"""The project made by Recursor's model-driven team, as `recursor run` would, on a clock that can be moved."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pykka import ActorRef

from benchmarks.comparison.project import APPROVED, IDEA, WISH, Made, parts_in
from recursor.actors.messages import CreateStack, GetLoad, GetStatus, SendUserMessage, Shutdown
from recursor.actors.orchestrator import Orchestrator
from recursor.domain.new_records import new_idea, new_stack, new_user_message
from recursor.domain.settings import Settings
from recursor.domain.stack import Phase
from recursor.domain.statistics import OrchestrationStats
from recursor.runner.team import standard_team
from recursor.runtime.clock import Clock, ManualClock
from recursor.storage.opening import open_store
from recursor.storage.queries import orchestration_stats
from recursor.storage.stacks import read_stack
from recursor.storage.store import Store
from recursor.storage.tables import ARTIFACTS, TRACES, USER_MESSAGES

ROLES = ("planner", "builder", "communicator", "reviewer")
# How long nothing must have happened before the clock is moved, and by how much, in seconds.
QUIET_SECONDS = 0.15
STEP_SECONDS = 1.0
# Longer than any run takes, however busy the machine.
PATIENCE_SECONDS = 600.0


class RecursorTeam:
    """One stack in an orchestrator of its own."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """Make the stack, with the idea; it is not running yet."""
        self._store = store
        self._settings = settings
        self._clock = clock = ManualClock(time.time())
        self._orchestrator = self._start(clock)
        self._begun = clock.now()
        self._stack = new_stack("shopping list", clock.now())

    def make(self) -> Made:
        """Have the page made, have a visitor write, have the wish built."""
        idea = new_idea(self._stack.id, IDEA, self._clock.now())
        self._orchestrator.ask(CreateStack(self._stack, idea, start=True))
        self._until(self._complete)
        message = new_user_message(self._stack.id, "Ada", WISH, self._clock.now())
        self._orchestrator.ask(SendUserMessage(message))
        self._until(lambda: self._complete() and self._answer() != "")
        return self._made()

    def rest(self, seconds: float) -> None:
        """Let `seconds` pass, firing every timer that falls due, and wait for what comes of it."""
        end = self._clock.now() + seconds
        while (now := self._clock.now()) < end:
            self._clock.advance(min(STEP_SECONDS, end - now))
            self._settle(0.001)
        self._settle(QUIET_SECONDS)

    def live(self, seconds: float) -> None:
        """Start anew, by the machine's clock, and let `seconds` of it pass."""
        self.end()
        self._orchestrator = self._start(None)
        time.sleep(seconds)

    def end(self) -> None:
        """Shut the orchestrator down; the stack stays as it is."""
        self._orchestrator.ask(Shutdown(grace=5))

    def _start(self, clock: Clock | None) -> ActorRef[Orchestrator]:
        return Orchestrator.start(
            store=self._store, roles=standard_team(), settings=self._settings, clock=clock
        )

    @property
    def waited(self) -> float:
        """How far the clock was moved, in seconds."""
        return self._clock.now() - self._begun

    @property
    def figures(self) -> OrchestrationStats:
        """What the team came to, as people are shown it."""
        with self._store.read() as reader:
            return orchestration_stats(reader, self._stack.id, self._begun, self._clock.now())

    def _until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            self._settle(QUIET_SECONDS)
            if reached():
                return
            if time.monotonic() > deadline:
                status = self._orchestrator.ask(GetStatus(self._stack.id))
                raise TimeoutError(f"the project is not finished: {status}")
            self._clock.advance(STEP_SECONDS)

    def _settle(self, seconds: float) -> None:
        """Wait until no agent has run for `seconds`."""
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < seconds:
            # Time for actors to take what a timer has told them, before they are asked.
            time.sleep(0.005)
            load = self._orchestrator.ask(GetLoad())
            if load.agents_running or load.agents_queued:
                quiet_since = time.monotonic()

    def _complete(self) -> bool:
        with self._store.read() as reader:
            stack = read_stack(reader, self._stack.id)
        return stack.phase is Phase.COMPLETE and stack.current_execution_id is None

    def _answer(self) -> str:
        with self._store.read() as reader:
            return "".join(each.answer or "" for each in USER_MESSAGES.scan(reader, self._stack.id))

    def _made(self) -> Made:
        with self._store.read() as reader:
            versions = list(ARTIFACTS.scan(reader, self._stack.id))
            reviews = [each for each in TRACES.scan(reader, self._stack.id) if each.role == "reviewer"]
        approved = [
            max(parts_in(each.content) for each in versions if each.created_at < review.created_at)
            for review in reviews
            if APPROVED in review.summary
        ]
        pages = [each.content for each in versions]
        return Made(over=self._complete(), pages=pages, approved=approved, answer=self._answer())


@contextmanager
def recursor_team(url: str, **model: object) -> Iterator[RecursorTeam]:
    """Start an orchestrator whose agents ask models at `url`, or by `model`; shut it down afterwards."""
    asked = {
        "name": "openai:planner",
        "roles": {role: f"openai:{role}" for role in ROLES},
        "base_url": url,
        "context_tokens": 100_000,
        **model,
    }
    with tempfile.TemporaryDirectory(dir=".") as folder:
        store = open_store(Path(folder))
        team = RecursorTeam(store, Settings().overridden({"model": asked}))
        try:
            yield team
        finally:
            team.end()
            store.close()
