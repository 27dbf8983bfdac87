"""The views of a version: as a page, as its source, and as changes."""

import asyncio

from nicegui.element import Element

from recursor.domain.comparison import LONGEST_COMPARED
from recursor.domain.project import Artifact
from recursor.storage.tables import ARTIFACTS
from recursor.web.dashboard.comparison import LONGEST_SHOWN, Difference, Excerpt, compare, excerpt
from recursor.web.dashboard.parts import Anchor, Box, Empty, Notice, Segments, Span
from recursor.web.dashboard.parts.lines import DifferenceTable, SourceText
from recursor.web.dashboard.team.tab import Team


class ArtifactFrame(Element, component="artifact_frame.js"):
    """A page made by an agent, in a frame without access to anything of ours."""

    def __init__(self, src: str, title: str) -> None:
        """Show the page at `src`."""
        super().__init__()
        self._props.update({"src": src, "title": title, "width": ""})

    def widen(self, width: str) -> None:
        """Show it as on a desktop ("") or a "phone"."""
        self._props["width"] = width


def page_path(team: Team, number: int) -> str:
    """Return the address of a version as a page."""
    return f"/api/stacks/{team.id}/artifacts/{number}/page"


def show_preview(team: Team, number: int) -> None:
    """Show a version as a page."""
    bar = Box(classes="toolbar stage-bar")
    frame = ArtifactFrame(page_path(team, number), f"Version {number}, as a page")
    with bar:
        Segments("Width", {"": "Desktop", "phone": "Phone"}, "", frame.widen)
        Span("Runs in a sandboxed frame, without access to the network or this dashboard.", "muted")


async def show_source(team: Team, number: int, box: Element) -> None:
    """Show a version's source in `box`."""

    def work() -> Excerpt | None:
        artifact = _read(team, number)
        return None if artifact is None else excerpt(artifact.content)

    found = await asyncio.to_thread(work)
    if box.is_deleted or found is None:
        return
    with box:
        if found.total > LONGEST_SHOWN or found.narrowed:
            with Box(classes="view-note"):
                shown = min(found.total, LONGEST_SHOWN)
                Notice(
                    f"Shown are {shown:,} of {found.total:,} lines"
                    + (", long ones cut." if found.narrowed else ".")
                    + " Download the page for the rest.",
                    "info", "download",
                )  # fmt: skip
        SourceText(found.lines, f"Source of version {number}")


async def show_changes(team: Team, number: int, against: int, box: Element) -> None:
    """Show in `box` the changes from the version `against` to the version `number`."""

    def work() -> Difference | None:
        before, now = _read(team, against), _read(team, number)
        return compare(before.content if before else "", now.content if now else "")

    found = await asyncio.to_thread(work)
    if box.is_deleted:
        return
    with box:
        if found is None:
            Empty(
                "file", "Too long to compare here",
                f"The versions have more than {LONGEST_COMPARED:,} lines. Download and compare them.",
            )  # fmt: skip
        elif not found.lines:
            Empty("check", "No difference", f"Versions {against} and {number} are equal.")
        else:
            with Box(classes="view-note row"):
                Span(f"{found.added:,} lines added, {found.removed:,} removed", "soft")
                if not found.shown_all:
                    Span("The rest is not shown.", "soft")
                patch = f"/api/stacks/{team.id}/artifacts/{number}/diff?against={against}"
                Anchor("Download the difference", patch, outside=True)._props["download"] = (
                    f"{against}-{number}.diff"
                )
            DifferenceTable(found.lines, f"Changes from version {against} to version {number}")


def _read(team: Team, number: int) -> Artifact | None:
    with team.read() as reader:
        return ARTIFACTS.get(reader, team.id, f"{number:08d}")
