"""Keeps open pages current: one watcher of the events tells all pages which parts to refresh.

Nothing is read or sent if nothing happened or nobody watches, nor faster than a person can follow.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from inspect import isawaitable

from nicegui import Client, background_tasks, ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments
from pykka import ActorDeadError

from recursor.domain.events import MessageSent, NodeProgress
from recursor.storage.errors import StoreClosedError
from recursor.storage.tables import BROADCASTS
from recursor.web.engine import Engine
from recursor.web.event_feed import EventReader, EventsMissed, FeedClosedError, FeedEntry, TooSlowError

logger = logging.getLogger("recursor.web")

# Seconds for which events are collected before pages are notified.
GATHER = 0.05

# The least seconds between two refreshes of a page, and so the delay of the last of many events; the first
# one shows at once. Nobody reads faster, and a browser that redraws a busy page takes time from the agents.
PERIOD = 0.5

# After a slow refresh, a page pauses for this multiple of its duration: refreshing takes a twentieth of a
# core, however much happens; but the pause is limited, so that the page is at most a second behind.
REST = 20
LONGEST = 0.75

# Seconds after which a failed refresh of a part is retried, with or without events.
AGAIN = 2.0

# Events that may wait while the loop is busy. With more, everything is refreshed.
QUEUED = 20_000

Refresh = Callable[[], Awaitable[None] | None]


class Watcher:
    """Reads the events for all open pages. Without pages it reads nothing."""

    def __init__(self, engine: Engine) -> None:
        """Watch the events of `engine`."""
        self._engine = engine
        self._pages: set[LivePage] = set()
        self._reader: EventReader | None = None

    def join(self, page: LivePage) -> None:
        """Notify a page of events from now on."""
        self._pages.add(page)
        if self._reader is None:
            # At once, so that no event is lost between the page's reading now and its first notification.
            self._reader = self._engine.events.read(queued=QUEUED)
            background_tasks.create(self._watch(), name="watch events")

    def leave(self, page: LivePage) -> None:
        """Stop notifying a page."""
        self._pages.discard(page)
        if not self._pages and self._reader is not None:
            self._reader.close()
            self._reader = None

    async def _watch(self) -> None:
        while (reader := self._reader) is not None:
            try:
                # The time after which a closed reader is noticed.
                async for batch in reader.batches(10.0):
                    if reader is not self._reader:
                        return
                    self._mark(batch)
                    await asyncio.sleep(GATHER)
            except FeedClosedError:
                return
            except TooSlowError:
                if reader is not self._reader:
                    return
                self._reader = self._engine.events.read(queued=QUEUED)
                self._mark_all()

    def _mark(self, batch: Iterable[FeedEntry]) -> None:
        changed: set[str] = set()
        said: dict[tuple[str, str, str | None], NodeProgress] = {}
        for told in batch:
            if isinstance(told.what, EventsMissed) or told.what.stack_id == BROADCASTS:
                self._mark_all()
                return
            if isinstance(told.what, NodeProgress):
                # It changes no stored data.
                said[told.what.stack_id, told.what.role, told.what.todo_id] = told.what
                continue
            changed.add(told.what.stack_id)
            if isinstance(told.what, MessageSent):
                changed.add(told.what.from_stack_id)
        for page in self._pages:
            if changed:
                page.mark(changed)
            page.note_progress(said.values())

    def _mark_all(self) -> None:
        for page in self._pages:
            page.mark(None)


@dataclass(slots=True)
class _Part:
    owner: Element
    stack_id: str | None
    refresh: Refresh
    stale: bool = False


@dataclass(frozen=True, slots=True)
class _Ear:
    owner: Element
    stack_id: str
    show: Callable[[NodeProgress], None]


class LivePage:
    """One open page, and its parts that follow events."""

    def __init__(self, watcher: Watcher, client: Client) -> None:
        """Start following. Create it before reading anything for the page."""
        self._watcher = watcher
        self._client = client
        self._parts: list[_Part] = []
        self._ears: list[_Ear] = []
        self._said: dict[tuple[str, str, str | None], NodeProgress] = {}
        self._hidden = False
        self._wake = asyncio.Event()
        ui.on("page_hidden", self._note_hidden)
        client.on_connect(self._look)
        client.on_delete(lambda: watcher.leave(self))
        watcher.join(self)
        self._task = background_tasks.create(self._run(), name=f"refresh {client.id}")
        client.on_delete(self._task.cancel)

    def follow(self, owner: Element, refresh: Refresh, stack_id: str | None = None) -> None:
        """Refresh a part of the page after events, as long as `owner` is on the page.

        Args:
            owner: the element with the part; `refresh` may add elements to it.
            refresh: reads and shows the current state. It sends nothing if nothing changed.
            stack_id: the shown stack; None: all.
        """
        self._parts = [part for part in self._parts if not part.owner.is_deleted]
        self._parts.append(_Part(owner, stack_id, refresh))

    def hear(self, owner: Element, show: Callable[[NodeProgress], None], stack_id: str) -> None:
        """Show the unfinished answers of a stack's agents, as long as `owner` is on the page.

        Args:
            owner: the element that shows them.
            show: called with each run's newest part, at most as often as a part is refreshed.
            stack_id: the stack.
        """
        self._ears = [ear for ear in self._ears if not ear.owner.is_deleted]
        self._ears.append(_Ear(owner, stack_id, show))

    def note_progress(self, said: Iterable[NodeProgress]) -> None:
        """Note agents' unfinished answers."""
        heard = {ear.stack_id for ear in self._ears}
        for event in said:
            if event.stack_id in heard:
                self._said[event.stack_id, event.role, event.todo_id] = event
                self._wake.set()

    def mark(self, changed: set[str] | None) -> None:
        """Note that these stacks have changed (None: perhaps all)."""
        for part in self._parts:
            if changed is None or part.stack_id is None or part.stack_id in changed:
                part.stale = True
                self._wake.set()

    async def _run(self) -> None:
        await self._client.connected()
        loop = asyncio.get_running_loop()
        while not self._client.is_deleted:
            await self._wake.wait()
            self._wake.clear()
            if self._hidden or not self._client.has_socket_connection:
                # Its return wakes this up.
                continue
            began = loop.time()
            for part in tuple(self._parts):
                if part.stale and not part.owner.is_deleted:
                    part.stale = False
                    await self._refresh(part)
            self._tell_progress()
            await asyncio.sleep(max(PERIOD, min(LONGEST, REST * (loop.time() - began))))

    def _tell_progress(self) -> None:
        # After the parts: a role that has just begun is on the page now.
        said, self._said = self._said, {}
        for ear in self._ears:
            if not ear.owner.is_deleted:
                for event in said.values():
                    if event.stack_id == ear.stack_id:
                        ear.show(event)

    async def _refresh(self, part: _Part) -> None:
        try:
            with part.owner:
                done = part.refresh()
                if isawaitable(done):
                    await done
        except (ActorDeadError, TimeoutError, StoreClosedError):
            # The runner is ending or busy. It may recover soon, without another event.
            part.stale = True
            asyncio.get_running_loop().call_later(AGAIN, self._look)
        except Exception:  # a problem of one part must not stop the others
            logger.exception("dashboard: a part of %s could not be refreshed", self._client.id)

    def _note_hidden(self, event: GenericEventArguments) -> None:
        self._hidden = bool(event.args)
        self._look()

    def _look(self) -> None:
        if any(part.stale for part in self._parts):
            self._wake.set()
