"""A runner's session for a person: started, watched, ended by a request or its goal, and stopped cleanly."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from pykka import ThreadingActor

from recursor.actors.messages import CreateStack, Subscribe
from recursor.domain.events import Event, StackChanged, StackDeleted, StackWaits
from recursor.domain.project import IdeaReading, ProjectIdea
from recursor.domain.stack import Stack
from recursor.runner.artifacts import write_page
from recursor.runner.board import Board, BoardTotals
from recursor.runner.completion import Completion, Standing, Verdict
from recursor.runner.data_paths import artifacts_directory
from recursor.runner.garbage_collection import seldom_collected
from recursor.runner.interrupts import Interrupted, Interrupts
from recursor.runner.process import Runner, RunnerError
from recursor.runner.thread_switching import often_switched
from recursor.storage.queries import UnreadableStack, list_stacks
from recursor.storage.tables import ARTIFACTS, IDEAS

# Seconds between two drawings of the picture, and between two checks of the goal without an event.
REDRAW_SECONDS = 0.1
LOOK_SECONDS = 1.0


class Display(Protocol):
    """Shows a session. All calls come from one thread."""

    wants_events: bool
    """Whether it shows more than the start and the end."""

    def up(self, runner: Runner) -> None:
        """Show that the runner is up."""
        ...

    def happened(self, event: Event, board: Board) -> None:
        """Show an event that is already on the board."""
        ...

    def redraw(self, board: Board) -> None:
        """Show the board's current state; called several times a second."""
        ...

    def ending(self, grace: float) -> None:
        """Show that running agents have `grace` seconds to finish."""
        ...

    def close(self) -> None:
        """Stop showing the board."""
        ...


@dataclass(frozen=True, slots=True)
class Goal:
    """When a session ends by itself."""

    until_done: bool = False
    stack: Stack | None = None
    """A stack to create and start first, and then the only one to wait for."""
    idea: ProjectIdea | None = None


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """A page written for people to open."""

    stack_id: str
    version: int
    path: Path


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a session."""

    done: bool
    """Whether the goal was reached."""
    interrupted: bool
    """Whether it was interrupted."""
    in_time: bool
    """Whether all running agents finished; the others run again at the next start."""
    seconds: float
    totals: BoardTotals
    verdict: Verdict
    pages: tuple[WrittenPage, ...]
    readings: Mapping[str, IdeaReading]
    """The scripted teams' readings of the ideas, by the ids of the awaited stacks."""


class _Listener(ThreadingActor):
    """Passes events on to the main thread."""

    def __init__(self, inbox: SimpleQueue[Any]) -> None:
        super().__init__()
        self._inbox = inbox

    def on_receive(self, event: Event) -> None:
        """Pass `event` on."""
        self._inbox.put(event)


class Session:
    """Runs a runner in the main thread until it is interrupted, or its goal is reached."""

    def __init__(
        self,
        runner: Runner,
        display: Display,
        goal: Goal,
        grace: float,
        watchers: Sequence[Callable[[Runner], AbstractContextManager[object]]] = (),
    ) -> None:
        """Prepare a session.

        Args:
            runner: not started yet.
            display: shows what happens.
            goal: when to end.
            grace: seconds for running agents to finish at the end.
            watchers: further watchers of the runner while it is up, such as a log.
        """
        self._runner = runner
        self._watchers = watchers
        self._display = display
        self._goal = goal
        self._grace = grace
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        self._board = Board()
        self._look_at = 0.0
        self._redraw_at = 0.0

    def run(self) -> Ending:
        """Start, run, and end.

        Raises:
            RecursorError: `Runner` could not start, the goal's stack could not be created, or the
                orchestrator died.
        """
        began, since = time.monotonic(), self._runner.clock.now()
        with ExitStack() as held:
            held.enter_context(seldom_collected())
            held.enter_context(often_switched())
            held.enter_context(Interrupts(self._inbox))
            held.callback(self._display.close)
            runner = held.enter_context(self._runner)
            for watcher in self._watchers:
                held.enter_context(watcher(runner))
            listener = _Listener.start(self._inbox)
            held.callback(listener.stop)
            goal = self._goal
            if self._display.wants_events or goal.until_done:
                only = goal.stack.id if goal.stack is not None and goal.until_done else None
                runner.orchestrator.ask(Subscribe(listener, only))
            completion = Completion(
                runner.store,
                runner.roles,
                runner.settings,
                runner.clock.now,
                since,
                None if goal.stack is None else goal.stack.id,
            )
            self._note_stacks()
            self._display.up(runner)
            if goal.stack is not None:
                made = runner.orchestrator.ask(CreateStack(goal.stack, goal.idea, start=True))
                assert isinstance(made, Stack)
                self._board.note(made)
            done = self._watch(completion)
            verdict = completion.verdict() if goal.until_done else Verdict(())
            in_time = self._end()
            listener.stop()
            self._drain()
            pages = self._write_pages(verdict.those(Standing.DONE)) if done else ()
            readings = self._readings(verdict)
            self._display.close()
        return Ending(
            done=done and not verdict.those(Standing.FAILED) and not self._unwanted_end(verdict),
            interrupted=not done,
            in_time=in_time,
            seconds=time.monotonic() - began,
            totals=self._board.totals,
            verdict=verdict,
            pages=pages,
            readings=readings,
        )

    def _note_stacks(self) -> None:
        with self._runner.store.read() as reader:
            for stack in list_stacks(reader):
                if not isinstance(stack, UnreadableStack) and stack.state == "running":
                    self._board.note(stack)

    def _watch(self, completion: Completion) -> bool:
        """Return True when the goal is reached, False after an interruption.

        Raises:
            RunnerError: the orchestrator has died, so that nothing runs any more.
        """
        while True:
            if not self._runner.orchestrator.is_alive():
                raise RunnerError(f"{self._runner.data}: the orchestrator has died: start the runner again")
            item = self._next(REDRAW_SECONDS)
            if isinstance(item, Interrupted):
                return False
            if isinstance(item, Event):
                self._take(item)
            self._redraw()
            if self._goal.until_done and self._worth_a_look(item) and completion.over():
                return True

    def _worth_a_look(self, item: object) -> bool:
        now = time.monotonic()
        if not isinstance(item, StackWaits | StackChanged | StackDeleted) and now < self._look_at:
            return False
        self._look_at = now + LOOK_SECONDS
        return True

    def _end(self) -> bool:
        """Let running agents finish; a second interruption ends the wait."""
        self._display.ending(self._grace)
        stopping = self._runner.begin_stop(self._grace)
        stopping.add_done_callback(self._inbox.put)
        while not stopping.done():
            item = self._next(REDRAW_SECONDS)
            if isinstance(item, Interrupted):
                return False
            if isinstance(item, Event):
                self._take(item)
            self._redraw()
        return stopping.get()

    def _drain(self) -> None:
        while (item := self._next(0.0)) is not None:
            if isinstance(item, Event):
                self._take(item)

    def _next(self, seconds: float) -> object:
        try:
            return self._inbox.get(timeout=seconds) if seconds else self._inbox.get_nowait()
        except Empty:
            return None

    def _redraw(self) -> None:
        now = time.monotonic()
        if now >= self._redraw_at:
            self._redraw_at = now + REDRAW_SECONDS
            self._display.redraw(self._board)

    def _take(self, event: Event) -> None:
        self._board.apply(event)
        self._display.happened(event, self._board)

    def _unwanted_end(self, verdict: Verdict) -> bool:
        """Whether the only awaited stack was stopped or deleted."""
        return self._goal.stack is not None and not verdict.those(Standing.DONE)

    def _readings(self, verdict: Verdict) -> Mapping[str, IdeaReading]:
        with self._runner.store.read() as reader:
            ideas = [IDEAS.get(reader, stack.id) for stack, _ in verdict.stacks]
        return {idea.stack_id: idea.reading for idea in ideas if idea is not None and idea.reading}

    def _write_pages(self, done: Sequence[Stack]) -> tuple[WrittenPage, ...]:
        pages: deque[WrittenPage] = deque()
        for stack in done:
            with self._runner.store.read() as reader:
                newest = ARTIFACTS.newest(reader, stack.id, 1)
            for artifact in newest:
                path = write_page(artifacts_directory(self._runner.data), stack, artifact)
                pages.append(WrittenPage(stack.id, artifact.number, path))
        return tuple(pages)
