"""The form in which a visitor writes to a team."""

from collections.abc import Awaitable, Callable

from nicegui.element import Element
from nicegui.events import GenericEventArguments


class Composer(Element, component="composer.js"):
    """A name, remembered in the browser, and a message. Enter sends it."""

    def __init__(self, team_id: str, on_send: Callable[[str, str], Awaitable[None]]) -> None:
        """Create it.

        Args:
            team_id: the receiving team: unsent text is kept for each team.
            on_send: called with the sender and the content; it calls `settle`.
        """
        super().__init__()
        self._props["draft"] = f"recursor.draft.{team_id}"

        async def send(event: GenericEventArguments) -> None:
            await on_send(str(event.args["sender"]), str(event.args["content"]))

        self.on("send", send)

    def settle(self, **problems: str) -> None:
        """Report that the message was sent, or the error of the `sender` or the `content`."""
        self.run_method("settled", problems)
