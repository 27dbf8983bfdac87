"""The tab of the approvals: what the team asks for, and the answers so far."""

from itertools import islice

from recursor.domain.approval import Approval
from recursor.storage.approval_listing import open_approvals
from recursor.storage.stacks import read_stack
from recursor.storage.tables import APPROVALS, CLOSED
from recursor.web.dashboard.age_pager import AgePager
from recursor.web.dashboard.approvals.answered_list import AnsweredList, row_of
from recursor.web.dashboard.approvals.request_list import RequestList
from recursor.web.dashboard.parts import Box, Empty, Section
from recursor.web.dashboard.team.tab import Tab

_ROWS = 25


class ApprovalsTab(Tab):
    """Lists, answers and remembers requests for approval."""

    slug, title, icon = "approvals", "Approvals", "person"

    def build(self) -> None:
        """See `Tab.build`."""
        with Section("Waiting") as self._open, Box(classes="card card--flush"):
            self._list = RequestList(self.team.page, self._refresh, with_team=False)
        with Section("Answered") as self._closed, Box(classes="card card--flush"):
            self._history = AnsweredList()
            self._pager = AgePager("answered requests", self.team.address, self.refresh)
        self._none = Empty(
            "person", "No requests for approval",
            "Choose under Settings, Approvals, what the agents must ask for: merges, commands, new versions, "
            "spending or single tools.",
        ).classes("card section")  # fmt: skip
        self.refresh()

    def refresh(self) -> None:
        """See `Tab.refresh`."""
        before = self.team.address.get("before")
        with self.team.read() as reader:
            read_stack(reader, self.team.id)
            found = open_approvals(reader, self.team.id)
            closed = list(islice(APPROVALS.before(reader, self.team.id, before, shelf=CLOSED), _ROWS + 1))
        self._list.show(found)
        shown = closed[:_ROWS]
        self._history.show([row_of(each) for each in shown])
        self._pager.show(_said(shown), shown[-1].id if len(closed) > _ROWS else None)
        self._open.set_visibility(not self._list.empty)
        self._closed.set_visibility(bool(shown or before))
        self._none.set_visibility(self._list.empty and not shown and not before)

    def address_changed(self) -> None:
        """See `Tab.address_changed`."""
        self.refresh()

    async def _refresh(self) -> None:
        self.refresh()


def _said(shown: list[Approval]) -> str:
    return f"{len(shown):,} requests" if shown else "No older requests"
