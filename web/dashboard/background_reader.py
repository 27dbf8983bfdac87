"""Slow reads on a thread, so that the event loop can serve other pages."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

from nicegui import background_tasks
from nicegui.element import Element

from recursor.domain.errors import NotFoundError

T = TypeVar("T")


class BackgroundReader(Generic[T]):
    """Reads on a thread and shows the result, one read at a time: the last result shown is the latest."""

    def __init__(
        self,
        owner: Element,
        read: Callable[[], T],
        show: Callable[[T], None],
        complete: Callable[[T], Awaitable[T]] | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            owner: what it is shown in, for as long as that is on the page.
            read: reads what is wanted now; called in a thread.
            show: shows what was read; called on the event loop.
            complete: asks the runner for what the store cannot tell; `show_now` does without it.
        """
        self._owner, self._read, self._show, self._complete = owner, read, show, complete
        self._reading = asyncio.Lock()
        self._waits = False

    def show_now(self) -> None:
        """Read a small amount on the event loop, if nothing else is being read."""
        self._show(self._read())

    def begin(self) -> None:
        """Read and show it in the background; ignored if its subject was deleted meanwhile."""
        background_tasks.create(self._refresh_if_there(), name="read beside the pages")

    async def _refresh_if_there(self) -> None:
        with suppress(NotFoundError):
            await self.refresh()

    async def refresh(self) -> None:
        """Read and show the data, as wanted when the reading begins.

        Raises:
            Exception: the reading's error.
        """
        if self._waits:
            # A waiting read will use the latest request.
            return
        self._waits = True
        try:
            await self._reading.acquire()
        finally:
            self._waits = False
        try:
            found = await asyncio.to_thread(self._read)
            if self._complete is not None:
                found = await self._complete(found)
            if not self._owner.is_deleted:
                self._show(found)
        finally:
            self._reading.release()
