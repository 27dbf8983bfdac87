"""Where a visitor writes to a team."""

from collections.abc import Awaitable, Callable

from nicegui.element import Element
from nicegui.events import GenericEventArguments


class Composer(Element, component="composer.js"):
    """A name, remembered in the browser, and a message. Enter sends it."""

    def __init__(self, team_id: str, on_send: Callable[[str, str], Awaitable[None]]) -> None:
        """Make it.

        Args:
            team_id: the team that is written to: what is not sent yet is kept for each.
            on_send: told the sender and the content; it calls `settle`.
        """
        super().__init__()
        self._props["draft"] = f"recursor.draft.{team_id}"

        async def send(event: GenericEventArguments) -> None:
            await on_send(str(event.args["sender"]), str(event.args["content"]))

        self.on("send", send)

    def settle(self, **problems: str) -> None:
        """Say that the message is sent; or what is wrong with the `sender` or the `content`."""
        self.run_method("settled", problems)
