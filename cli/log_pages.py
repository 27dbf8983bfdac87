"""A runner's log, page by page."""

from recursor.client.synchronous import Client
from recursor.domain.log import LogRecord

# The most records per page.
_PAGE = 500


class FollowedLog:
    """The log, including future records."""

    def __init__(self, client: Client, stack: str | None, level: str) -> None:
        """Ask for records of a stack, or of all, of at least `level`."""
        self._client = client
        self._stack = stack
        self._level = level
        self._newer = ""

    def newest(self, limit: int | None, since: str | None = None) -> list[LogRecord]:
        """Return the last records, oldest first; `newer` continues from there.

        Args:
            limit: the most records, 1 or more; None for all.
            since: only records of this time (RFC 3339, UTC) or later.
        """
        found: list[LogRecord] = []
        cursor: str | None = ""
        while cursor is not None and (limit is None or len(found) < limit):
            size = _PAGE if limit is None else min(_PAGE, limit - len(found))
            page = self._client.logs(
                stack=self._stack, level=self._level, since=since, cursor=cursor, limit=size
            )
            self._newer = self._newer or page.newer
            found = [*page.items, *found]
            cursor = page.older
        return found

    def newer(self) -> list[LogRecord]:
        """Return the records since the last call, oldest first."""
        found: list[LogRecord] = []
        while True:
            page = self._client.logs(stack=self._stack, level=self._level, cursor=self._newer, limit=_PAGE)
            found += page.items
            if page.newer == self._newer:
                return found
            self._newer = page.newer
