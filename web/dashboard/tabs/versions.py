"""The versions of the team's page, each with its author, time and size."""

from itertools import islice
from typing import Any

from nicegui.element import Element

from recursor.domain.wording import size
from recursor.storage.overview import ArtifactInfo, artifact_info
from recursor.storage.store import Reader
from recursor.storage.tables import ARTIFACTS

ROWS = 10


class Versions:
    """Reads the metadata of a stack's versions; each once, because versions never change."""

    def __init__(self, stack_id: str) -> None:
        """Start empty."""
        self._stack_id = stack_id
        self._known: dict[int, ArtifactInfo] = {}

    def newest(self, reader: Reader) -> int:
        """Return the number of the newest version; 0 if there is none."""
        return int(next(ARTIFACTS.keys(reader, self._stack_id, newest_first=True), "0"))

    def oldest(self, reader: Reader) -> int:
        """Return the number of the oldest version kept; 0 if there is none."""
        return int(next(ARTIFACTS.keys(reader, self._stack_id), "0"))

    def page(self, reader: Reader, page: int) -> list[ArtifactInfo]:
        """Return a page of versions, newest first; from 0."""
        keys = ARTIFACTS.keys(reader, self._stack_id, newest_first=True)
        numbers = map(int, islice(keys, page * ROWS, (page + 1) * ROWS))
        return [info for number in numbers if (info := self.info(reader, number)) is not None]

    def info(self, reader: Reader, number: int) -> ArtifactInfo | None:
        """Return the metadata of one version; None if it does not exist."""
        if number not in self._known:
            artifact = ARTIFACTS.get(reader, self._stack_id, f"{number:08d}")
            if artifact is None:
                return None
            self._known[number] = artifact_info(artifact)
        return self._known[number]


class VersionList(Element, component="version_list.js"):
    """A page of versions, each with a link."""

    def __init__(self) -> None:
        """Create it, empty."""
        super().__init__()
        self._props.update({"rows": [], "chosen": 0})

    def show(self, infos: list[ArtifactInfo], chosen: int, links: dict[int, str], newest: int) -> None:
        """Show these versions; nothing is sent if they are unchanged.

        Args:
            infos: newest first.
            chosen: the number of the shown version.
            links: the target of each.
            newest: the number of the newest one of all.
        """
        rows: list[dict[str, Any]] = [
            {
                "number": info.number,
                "newest": info.number == newest,
                "author": info.author,
                "at": info.created_at,
                "size": size(info.bytes),
                "link": links[info.number],
            }
            for info in infos
        ]
        if self._props["rows"] != rows:
            self._props["rows"] = rows
        if self._props["chosen"] != chosen:
            self._props["chosen"] = chosen
