"""The context of every part of an open page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from nicegui import Client
from pykka import ActorDeadError

from recursor.domain.errors import RecursorError
from recursor.web.dashboard.address import Address
from recursor.web.dashboard.live import LivePage
from recursor.web.dashboard.parts import Toasts
from recursor.web.engine import Engine


@dataclass(frozen=True, slots=True, eq=False)
class PageContext:
    """One open page: it shows `engine`, its position is in `address`, and `live` keeps it current."""

    engine: Engine
    client: Client
    address: Address
    live: LivePage
    toasts: Toasts

    async def ask(self, message: object, done: str = "") -> Any | None:
        """Ask the orchestrator, and show the result.

        Args:
            message: one of `recursor.actors.messages`.
            done: the message on success; empty for none.

        Returns:
            the answer, or None if it was refused; then the person has seen the reason.
        """
        answer, problem = await self.attempt(message)
        if problem:
            self.toasts.show(problem, "bad")
        elif done:
            self.toasts.show(done)
        return answer

    async def attempt(self, message: object) -> tuple[Any | None, str]:
        """Ask the orchestrator, and show nothing.

        Args:
            message: one of `recursor.actors.messages`.

        Returns:
            the answer, or None if it was refused; and the reason, empty if it was not.
        """
        try:
            return await self.engine.ask(message), ""
        except RecursorError as error:
            return None, str(error)
        except (ActorDeadError, TimeoutError, OSError):
            return None, "The runner does not answer: it may be ending. Try again in a moment."

    def open(self, path: str) -> None:
        """Go to another page of the dashboard, like a link."""
        self.client.run_javascript(f"emitEvent('sub_pages_navigate', {json.dumps(path)})")

    def set_title(self, title: str) -> None:
        """Set the page's title in the browser's tab."""
        whole = f"{title} · Recursor"
        if self.client.resolve_title() != whole:
            self.client.title = whole
            self.client.run_javascript(f"document.title = {json.dumps(whole)}")
