"""The messages between this team and others."""

import asyncio

from recursor.storage.stacks import read_stack
from recursor.web.dashboard.parts import Box, Empty
from recursor.web.dashboard.tabs.conversation import Conversation, ConversationEntry
from recursor.web.dashboard.tabs.team_messages import name_of, newest_team_messages
from recursor.web.dashboard.team.tab import Team

STEP = 50


class OtherTeams:
    """Messages of other teams to this one or to all, and its messages to them."""

    def __init__(self, team: Team) -> None:
        """Build it, empty: the messages are searched in the background."""
        self._team = team
        self._window = STEP
        self._looking = asyncio.Lock()
        with Box("section", "section card card--flush chat", aria_label="Messages of teams"):
            self._thread = Conversation("Messages of teams", self._show_earlier, self._show_whole)
            with self._thread:
                self._none = Empty(
                    "team", "No team has written",
                    "Teams write to one another, or to all. Their messages appear here.",
                )  # fmt: skip
        self._none.set_visibility(False)

    async def refresh(self) -> None:
        """Show the current messages.

        Raises:
            NotFoundError: the team was deleted.
        """
        async with self._looking:
            said, more = await asyncio.to_thread(self._find, self._window)
        if not self._thread.is_deleted:
            self._thread.show(said, earlier=more)
            self._none.set_visibility(not said)

    async def _show_earlier(self) -> None:
        self._window += STEP
        await self.refresh()

    async def _show_whole(self) -> None:
        await self.refresh()

    def _find(self, window: int) -> tuple[list[ConversationEntry], bool]:
        ours = self._team.id
        with self._team.read() as reader:
            read_stack(reader, ours)
            found = newest_team_messages(reader, ours, window + 1)
            said = [
                ConversationEntry(
                    each.id, each.from_name, each.content, each.created_at, ours=each.from_stack_id == ours,
                    to="" if each.to_stack_id in (None, ours) else name_of(reader, each.to_stack_id),
                    tag="to all teams" if each.to_stack_id is None else "",
                )
                for each in reversed(found[:window])
            ]  # fmt: skip
        return said, len(found) > window
