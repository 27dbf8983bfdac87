"""The page's address: what is open and chosen stands in it, so that it can be sent and come back to."""

import json
from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode, urlsplit

from nicegui import Client
from nicegui.element import Element


class Address:
    """The path and the query of one open page."""

    def __init__(self, client: Client) -> None:
        """Follow the address of a client's page."""
        self._client = client
        self._router = client.sub_pages_router
        self._followers: list[tuple[Element, str, Callable[[], None]]] = []
        self._router.on_path_changed(lambda _path: self._moved())

    @property
    def path(self) -> str:
        """The path, without a trailing slash but for the first page's."""
        return urlsplit(self._router.current_path).path.rstrip("/") or "/"

    @property
    def query(self) -> dict[str, str]:
        """What stands behind the question mark."""
        return dict(parse_qsl(urlsplit(self._router.current_path).query))

    def get(self, name: str, otherwise: str = "") -> str:
        """Return one value of the query."""
        return self.query.get(name, otherwise)

    def with_query(self, **changes: str | None) -> str:
        """Return this address with some values of the query changed; None and "" take one out."""
        query = {name: value for name, value in {**self.query, **changes}.items() if value}
        return self.path + (f"?{urlencode(query)}" if query else "")

    def set(self, *, remember: bool = False, **changes: str | None) -> None:
        """Change some values of the query, without opening anything.

        Args:
            remember: whether the browser's Back comes back to what it was.
            changes: as for `with_query`.
        """
        now = self.with_query(**changes)
        if now == self._router.current_path:
            return
        self._router.current_path = now
        text = json.dumps(now)
        method = "pushState" if remember else "replaceState"
        self._client.run_javascript(f"history.{method}({{page: {text}}}, '', {text})")

    def follow(self, owner: Element, follower: Callable[[], None]) -> None:
        """Call `follower` when the query changes under this path, by Back or by a link.

        Args:
            owner: what is on the page for as long as that matters.
            follower: shows what the query says.
        """
        self._followers = [each for each in self._followers if not each[0].is_deleted]
        self._followers.append((owner, self.path, follower))

    def _moved(self) -> None:
        for owner, path, follower in tuple(self._followers):
            if path == self.path and not owner.is_deleted:
                with owner:
                    follower()
