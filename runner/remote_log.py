"""The log of a runner elsewhere, read over HTTP."""

from collections.abc import Mapping

from recursor.domain.log import LogPage, LogRecord
from recursor.runner.client import ApiClient

# The most that is given at a time.
_PAGE = 500


class RemoteLog:
    """What a runner logged, and goes on logging. Every method raises what `ApiClient` raises."""

    def __init__(self, client: ApiClient, stack: str | None, level: str) -> None:
        """Ask a runner for what concerns a stack, or all, and is at least as serious as `level`."""
        self._client = client
        self._query = {"stack": stack, "level": level}
        self._newer = ""

    def newest(self, limit: int | None, since: str | None = None) -> list[LogRecord]:
        """Return the last records, oldest first; `newer` goes on from there.

        Args:
            limit: how many at most, 1 or more; None for all.
            since: only those of this time (RFC 3339, UTC) and later.
        """
        found: list[LogRecord] = []
        cursor: str | None = ""
        while cursor is not None and (limit is None or len(found) < limit):
            size = _PAGE if limit is None else min(_PAGE, limit - len(found))
            page = self._page({"since": since, "cursor": cursor, "limit": size})
            self._newer = self._newer or page.newer
            found = [*page.items, *found]
            cursor = page.older
        return found

    def newer(self) -> list[LogRecord]:
        """Return what has been logged since the last time, oldest first."""
        found: list[LogRecord] = []
        while True:
            page = self._page({"cursor": self._newer, "limit": _PAGE})
            found += page.items
            if page.newer == self._newer:
                return found
            self._newer = page.newer

    def close(self) -> None:
        """Let go of it. The client is its owner's."""

    def _page(self, more: Mapping[str, str | int | None]) -> LogPage:
        return self._client.get(LogPage, "/api/logs", {**self._query, **more})
