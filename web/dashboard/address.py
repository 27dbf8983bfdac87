"""The page's address: it holds the open and chosen things, so that it can be shared and returned to."""

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
        """The path, without a trailing slash except on the first page."""
        return urlsplit(self._router.current_path).path.rstrip("/") or "/"

    @property
    def query(self) -> dict[str, str]:
        """The query string."""
        return dict(parse_qsl(urlsplit(self._router.current_path).query))

    def get(self, name: str, otherwise: str = "") -> str:
        """Return one value of the query."""
        return self.query.get(name, otherwise)

    def with_query(self, **changes: str | None) -> str:
        """Return this address with some values of the query changed; None and "" remove one."""
        query = {name: value for name, value in {**self.query, **changes}.items() if value}
        return self.path + (f"?{urlencode(query)}" if query else "")

    def set(self, *, remember: bool = False, **changes: str | None) -> None:
        """Change some values of the query, without opening anything.

        Args:
            remember: whether the browser's Back returns to the previous query.
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
        """Call `follower` when the query of this path changes, by Back or by a link.

        Args:
            owner: an element; the calls end when it leaves the page.
            follower: shows the query's state.
        """
        self._followers = [each for each in self._followers if not each[0].is_deleted]
        self._followers.append((owner, self.path, follower))

    def _moved(self) -> None:
        for owner, path, follower in tuple(self._followers):
            if path == self.path and not owner.is_deleted:
                with owner:
                    follower()
