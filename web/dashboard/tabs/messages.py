"""The tab of the messages: the visitors' chat, and messages between teams."""

from collections.abc import Awaitable

from nicegui import background_tasks

from recursor.web.dashboard.parts import Box, Segments
from recursor.web.dashboard.tabs.other_teams import OtherTeams
from recursor.web.dashboard.tabs.visitors import Visitors
from recursor.web.dashboard.team.tab import Tab

_WITH = {"": "Visitors", "teams": "Other teams"}


class MessagesTab(Tab):
    """Two conversations, of which one is shown."""

    slug, title, icon = "messages", "Messages", "chat"

    def build(self) -> None:
        """See `Tab.build`."""
        with Box(classes="section"):
            self._choice = Segments("Conversation with", _WITH, self._wanted(), self._choose)
        self._box = Box()
        self._shown: Visitors | OtherTeams | None = None
        self._open()

    def refresh(self) -> Awaitable[None] | None:
        """See `Tab.refresh`."""
        return None if self._shown is None else self._shown.refresh()

    def address_changed(self) -> None:
        """See `Tab.address_changed`."""
        self._choice.choose(self._wanted())
        self._open()

    def _wanted(self) -> str:
        wanted = self.team.address.get("with")
        return wanted if wanted in _WITH else ""

    def _choose(self, wanted: str) -> None:
        self.team.address.set(**{"with": wanted}, remember=True)
        self._open()

    def _open(self) -> None:
        kind = OtherTeams if self._wanted() else Visitors
        if isinstance(self._shown, kind):
            return
        self._box.clear()
        with self._box:
            self._shown = kind(self.team)
            if isinstance(self._shown, Visitors):
                self._shown.refresh()
            else:
                background_tasks.create(self._shown.refresh(), name="look for messages of teams")
