"""The tab of the artifacts: the versions of the team's page."""

from collections.abc import Awaitable, Callable

from nicegui import background_tasks

from recursor.domain.stack import StackKind
from recursor.storage.overview import ArtifactInfo
from recursor.storage.stacks import read_stack
from recursor.web.dashboard.parts import Anchor, Box, Button, Empty, Field, Pager, Segments, Span
from recursor.web.dashboard.tabs.artifact_views import page_path, show_changes, show_preview, show_source
from recursor.web.dashboard.tabs.versions import ROWS, VersionList, Versions
from recursor.web.dashboard.team.tab import Tab

_VIEWS = {"": "Preview", "source": "Source", "changes": "Changes"}

# Versions offered for comparison: the nearest ones.
_OFFERED = 100


class ArtifactsTab(Tab):
    """Shows a version as a page, as its source, or compared with another one; a version is read only when
    shown.

    The shown version stays when a newer one comes: a person may be using it.
    """

    slug, title, icon = "artifacts", "Artifacts", "file"
    kinds = (StackKind.PAGE,)

    def build(self) -> None:
        """See `Tab.build`."""
        self._versions = Versions(self.team.id)
        # The newest version when the tab was opened or refreshed.
        self._opened = 0
        # The oldest one kept: older versions may have been removed.
        self._oldest = self._newest = 0
        self._shown: tuple[int, str, int] | None = None
        self._none = Empty(
            "file", "No versions yet",
            "The builder publishes a version for each todo. Press Start to begin.",
        ).classes("card section")  # fmt: skip
        with Box(classes="section artifacts") as self._all:
            with Box("section", "card card--flush artifact-versions", aria_label="Versions"):
                self._list = VersionList()
                self._pager = Pager("versions", ROWS, self._turn)
            with Box("section", "card card--flush artifact", aria_label="Version"):
                with Box(classes="toolbar"):
                    self._head = Span("", "artifact-name", tag="h2")
                    self._view = Segments("Look at", _VIEWS, self._wanted_view(), self._choose_view)
                    self._against = Field(
                        "Compare with", "select", options={}, bare=True, on_change=self._choose_against
                    )
                    self._download = Anchor("Download", "/", "button artifact-download")
                with Box(classes="view-note") as self._newer, Box(classes="notice", data_tone="info"):
                    self._newer_text = Span()
                    Button("Show it", self._show_newest)
                self._box = Box(classes="artifact-view")
        self.refresh()

    def refresh(self) -> None:
        """See `Tab.refresh`."""
        with self.team.read() as reader:
            read_stack(reader, self.team.id)
            self._oldest, self._newest = self._versions.oldest(reader), self._versions.newest(reader)
            total = self._newest - self._oldest + 1
            page = max(0, min(self._page(), (total - 1) // ROWS))
            infos = self._versions.page(reader, page)
            self._opened = self._opened or self._newest
            wanted = self._wanted_version() or self._opened
            chosen = self._versions.info(reader, wanted) if wanted else None
        self._none.set_visibility(not self._newest)
        self._all.set_visibility(bool(self._newest))
        if not self._newest:
            return
        links = {info.number: self._link(info.number) for info in infos}
        self._list.show(infos, wanted, links, self._newest)
        self._pager.show(page, total)
        self._pager.set_visibility(total > ROWS)
        self._newer.set_visibility(wanted < self._newest and not self._wanted_version())
        self._newer_text.text = f"Version {self._newest} is available."
        self._show_version(wanted, chosen)

    def address_changed(self) -> None:
        """See `Tab.address_changed`."""
        self._view.choose(self._wanted_view())
        self.refresh()

    def _show_version(self, number: int, info: ArtifactInfo | None) -> None:
        view, against = self._wanted_view(), self._wanted_against(number)
        self._head.text = f"Version {number}"
        self._against.set_visibility(view == "changes" and self._newest > self._oldest)
        self._offer(number, against)
        if self._shown == (number, view, against):
            return
        self._shown = number, view, against
        self._download.lead(page_path(self.team, number))
        self._download._props["download"] = f"{self.team.id}-{number}.html"
        self._box.clear()
        with self._box:
            if info is None:
                Empty("search", f"Version {number} does not exist", "Choose a version in the list.")
            elif view == "source":
                self._later(lambda box: show_source(self.team, number, box), "Reading…")
            elif view == "changes" and not against:
                Empty("file", "Nothing to compare with", "This is the only version so far.")
            elif view == "changes":
                self._later(lambda box: show_changes(self.team, number, against, box), "Comparing…")
            else:
                show_preview(self.team, number)

    def _later(self, show: Callable[[Box], Awaitable[None]], saying: str) -> None:
        box = Box()
        with box:
            wait = Span(saying, "muted view-note", role="status")

        async def work() -> None:
            await show(box)
            if not wait.is_deleted:
                wait.delete()

        background_tasks.create(work(), name="look at an artifact")

    def _offer(self, number: int, against: int) -> None:
        first = max(self._oldest, min(number - _OFFERED // 2, self._newest - _OFFERED))
        near = {each for each in range(first, min(self._newest, first + _OFFERED) + 1) if each != number}
        if against:
            near.add(against)
        self._against.offer({str(each): f"with version {each}" for each in sorted(near, reverse=True)})
        if against and self._against.value != str(against):
            self._against.value = str(against)

    def _link(self, number: int) -> str:
        return self.team.address.with_query(version=str(number), against=None)

    def _page(self) -> int:
        return max(0, _number(self.team.address.get("page")) - 1)

    def _wanted_version(self) -> int:
        return _number(self.team.address.get("version"))

    def _wanted_view(self) -> str:
        view = self.team.address.get("view")
        return view if view in _VIEWS else ""

    def _wanted_against(self, number: int) -> int:
        wanted = _number(self.team.address.get("against"))
        if self._oldest <= wanted <= self._newest and wanted != number:
            return wanted
        if number > self._oldest:
            return number - 1
        return number + 1 if number < self._newest else 0

    def _choose_view(self, view: str) -> None:
        self.team.address.set(view=view, remember=True)
        self.refresh()

    def _choose_against(self, against: str) -> None:
        self.team.address.set(against=against)
        self.refresh()

    def _show_newest(self) -> None:
        self._opened = 0
        self.team.address.set(version=None, against=None, page=None)
        self.refresh()

    def _turn(self, page: int) -> None:
        self.team.address.set(page=str(page + 1) if page else None)
        self.refresh()


def _number(text: str) -> int:
    """Return a number from the address; 0 if it is not a number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 8 else 0
