"""The requests for approval of all teams, on the first page."""

from collections.abc import Awaitable, Callable, Sequence

from recursor.domain.approval import ApprovalStatus
from recursor.storage.approval_listing import OpenApproval, open_approvals
from recursor.storage.store import Reader
from recursor.web.dashboard.approvals.request_list import RequestList
from recursor.web.dashboard.page import PageContext
from recursor.web.dashboard.parts import Box, Pager, Section, Span

_ROWS = 5


class Requests:
    """What agents wait for, newest first; hidden if they wait for nobody."""

    def __init__(self, page: PageContext, on_answered: Callable[[], Awaitable[None]]) -> None:
        """Build it, hidden.

        Args:
            page: the page.
            on_answered: reads and shows the current requests.
        """
        self._shown: Sequence[OpenApproval] = ()
        self._page = 0
        with Section("Waiting for your approval", "section home-requests") as self._section:
            with self._section.head:
                self._count = Span("", "request-count", role="status")
            with Box(classes="card card--flush"):
                self._list = RequestList(page, on_answered, with_team=True)
                self._pager = Pager("requests", _ROWS, self._turn)
        self._section.set_visibility(False)

    @staticmethod
    def read(reader: Reader) -> list[OpenApproval]:
        """Return the requests that nobody has answered."""
        return [each for each in open_approvals(reader) if each.approval.status is ApprovalStatus.PENDING]

    def show(self, found: Sequence[OpenApproval]) -> None:
        """Show these requests."""
        self._shown = found
        last = max(0, (len(found) - 1) // _ROWS)
        self._page = min(self._page, last)
        self._list.show(found[self._page * _ROWS : (self._page + 1) * _ROWS])
        self._count.text = f"{len(found):,}"
        self._pager.show(self._page, len(found))
        self._pager.set_visibility(len(found) > _ROWS)
        self._section.set_visibility(not self._list.empty)

    def _turn(self, page: int) -> None:
        self._page = page
        self.show(self._shown)
