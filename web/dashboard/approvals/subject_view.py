"""What exactly an agent asks approval for: a difference, or arguments."""

import asyncio
from urllib.parse import urlencode

from nicegui.element import Element

from recursor.domain.approval import APPROVAL_DETAIL, Approval
from recursor.domain.comparison import LONGEST_COMPARED
from recursor.domain.errors import RecursorError
from recursor.storage.tables import ARTIFACTS
from recursor.web.dashboard.comparison import Difference, compare, excerpt
from recursor.web.dashboard.files.reading import Compared, RepositoryReader
from recursor.web.dashboard.files.views import show_comparison
from recursor.web.dashboard.parts import Notice, Span
from recursor.web.dashboard.parts.lines import DifferenceTable, SourceText
from recursor.web.engine import Engine


def what_is_shown(asked: Approval) -> str:
    """Return what can be shown of a request, for a button; empty if there is nothing."""
    if asked.action in ("publish", "merge"):
        return "the difference"
    return "the arguments" if asked.detail else ""


async def show_subject(engine: Engine, asked: Approval, box: Element) -> None:
    """Show in `box` what exactly an agent asks for.

    Args:
        engine: the store to read.
        asked: the request.
        box: where to show it.
    """
    if asked.action == "publish":
        await _show_page(engine, asked, box)
    elif asked.action == "merge":
        await _show_commit(engine, asked, box)
    else:
        _show_detail(asked, box)


def _show_detail(asked: Approval, box: Element) -> None:
    with box:
        if len(asked.detail) >= APPROVAL_DETAIL:
            Notice(f"Only the first {APPROVAL_DETAIL:,} characters are shown.", "warn")
        SourceText(excerpt(asked.detail).lines, asked.subject)
        _show_digest(asked)


async def _show_commit(engine: Engine, asked: Approval, box: Element) -> None:
    def work() -> Compared:
        repository = RepositoryReader(engine, asked.stack_id)
        return repository.compare(repository.parent(asked.digest), asked.digest)

    tab = f"/teams/{asked.stack_id}/files?view=changes&new={asked.digest}"
    try:
        found = await asyncio.to_thread(work)
    except RecursorError as error:
        with box:
            Notice(str(error), "bad")
        return
    if box.is_deleted:
        return
    with box:
        show_comparison(found, lambda path: f"{tab}&{urlencode({'path': path})}")
        _show_digest(asked)


async def _show_page(engine: Engine, asked: Approval, box: Element) -> None:
    def work() -> tuple[int, Difference | None]:
        with engine.read() as reader:
            newest = ARTIFACTS.newest(reader, asked.stack_id, 1)
        before = newest[0].content if newest else ""
        return (newest[0].number if newest else 0), compare(before, asked.content or "")

    number, found = await asyncio.to_thread(work)
    if box.is_deleted:
        return
    with box:
        if found is None:
            Notice(f"Too long to compare: more than {LONGEST_COMPARED:,} lines.", "warn")
        else:
            against = f"version {number}" if number else "an empty page"
            Span(
                f"Compared with {against}: {found.added:,} lines added, {found.removed:,} removed"
                + ("" if found.shown_all else "; not all of it is shown"),
                "soft",
            )
            DifferenceTable(found.lines, f"What would be published, compared with {against}")
        _show_digest(asked)


def _show_digest(asked: Approval) -> None:
    name = "Commit" if asked.action == "merge" else "SHA-256"
    Span(f"{name} {asked.digest}", "muted request-digest")
