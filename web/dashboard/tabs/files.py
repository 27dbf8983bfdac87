"""The tab of the files: the team's git repository, at its tip or at any commit."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from recursor.domain.errors import NotFoundError, RecursorError
from recursor.domain.stack import StackKind
from recursor.domain.workspace import Workspace
from recursor.storage.stacks import read_stack
from recursor.storage.tables import WORKSPACES
from recursor.web.dashboard.background_reader import BackgroundReader
from recursor.web.dashboard.files.queue_panel import QueuePanel
from recursor.web.dashboard.files.reading import (
    COMMITS,
    ENTRIES,
    MOST_COMMITS,
    Compared,
    DirectoryPage,
    FileContent,
    LogPage,
    RepositoryReader,
)
from recursor.web.dashboard.files.views import show_comparison, show_directory, show_file, show_log
from recursor.web.dashboard.parts import Anchor, Box, Empty, Field, Notice, Pager, Segments, Span
from recursor.web.dashboard.team.tab import Tab

if TYPE_CHECKING:
    from recursor.workspaces.history import CommitSummary

_VIEWS = {"": "Files", "changes": "Differences", "commits": "Commits", "queue": "Merge queue"}
_HASH = re.compile(r"[0-9a-f]{40}")
# Characters of a commit's title in a choice.
_TITLE = 60


@dataclass(frozen=True, slots=True)
class _Request:
    """What the address asks for. A commit never changes, so the same request has the same answer."""

    view: str
    tip: str
    at: str
    old: str
    new: str
    path: str
    page: int


@dataclass(frozen=True, slots=True)
class _Read:
    request: _Request
    newest: "tuple[CommitSummary, ...]" = ()
    old: str = ""
    content: DirectoryPage | FileContent | Compared | LogPage | None = None
    problem: str = ""


class FilesTab(Tab):
    """Shows files, differences and commits, read in a thread, and the merge queue."""

    slug, title, icon = "files", "Files", "folder"
    kinds = (StackKind.WORKSPACE,)

    def build(self) -> None:
        """See `Tab.build`."""
        self._shown: _Request | None = None
        self._problem = Notice("", "warn").classes("section")
        with Box("section", "section card card--flush repository", aria_label="Repository") as self._card:
            with Box(classes="toolbar"):
                self._view = Segments("Look at", _VIEWS, self._wanted_view(), self._choose_view)
                self._at = Field(
                    "Version", "select", options={}, bare=True, on_change=partial(self._choose, "at")
                )
                self._old = Field(
                    "From", "select", options={}, bare=True, on_change=partial(self._choose, "old")
                )
                self._new = Field(
                    "To", "select", options={}, bare=True, on_change=partial(self._choose, "new")
                )
            self._crumbs = Box("nav", "file-crumbs", aria_label="Path")
            self._wait = Span("Reading…", "muted view-note", role="status")
            self._box = Box(classes="file-view")
            self._pager = Pager("entries", ENTRIES, self._turn)
            self._commits_pager = Pager("commits", COMMITS, self._turn)
        with Box() as self._queue_box:
            self._queue = QueuePanel(self._link)
        self._none = Empty(
            "folder", "No repository yet", "The team's first run makes or clones it. Press Start to begin."
        ).classes("card section")  # fmt: skip
        self._reader = BackgroundReader(self._card, self._read, self._show)
        self.refresh()

    def refresh(self) -> None:
        """See `Tab.refresh`."""
        with self.team.read() as reader:
            stack = read_stack(reader, self.team.id)
            workspace = WORKSPACES.get(reader, self.team.id)
            if workspace is None:
                raise NotFoundError(f"stack {stack.name} has no repository")
            self._queue.show(reader, stack, workspace)
        self._workspace: Workspace = workspace
        self._problem.set_visibility(workspace.problem is not None)
        self._problem.say(workspace.problem or "", "warn")
        made = workspace.tip is not None
        queue = self._wanted_view() == "queue"
        self._none.set_visibility(not made)
        self._card.set_visibility(made)
        self._queue_box.set_visibility(made and queue)
        if made and self._request() != self._shown:
            for each in (self._crumbs, self._wait, self._box):
                each.set_visibility(not queue)
            self._show_controls()
            if queue:
                self._pager.set_visibility(False)
                self._commits_pager.set_visibility(False)
                self._shown = self._request()
            else:
                self._reader.begin()

    def address_changed(self) -> None:
        """See `Tab.address_changed`."""
        self._view.choose(self._wanted_view())
        self.refresh()

    def _request(self) -> _Request:
        address = self.team.address
        tip = self._workspace.tip or ""
        return _Request(
            self._wanted_view(),
            tip,
            _commit(address.get("at")) or tip,
            _commit(address.get("old")),
            _commit(address.get("new")) or tip,
            address.get("path")[:5_000],
            _number(address.get("page")),
        )

    def _read(self) -> _Read:
        request = self._request()
        checks = {request.tip: self._workspace.checks}
        repository = RepositoryReader(self.team.engine, self.team.id, checks)
        try:
            newest = repository.newest(request.tip)
            old = ""
            match request.view:
                case "changes":
                    old = request.old or repository.parent(request.new)
                    content: DirectoryPage | FileContent | Compared | LogPage = repository.compare(
                        old, request.new, request.path
                    )
                case "commits":
                    content = repository.log(request.at, request.page)
                case _ if repository.is_directory(request.at, request.path):
                    content = repository.directory(request.at, request.path, request.page)
                case _:
                    content = repository.file(request.at, request.path)
        except RecursorError as error:
            return _Read(request, problem=str(error))
        return _Read(request, newest, old, content)

    def _show(self, read: _Read) -> None:
        request = read.request
        if request.view != self._wanted_view():
            return
        self._shown = request
        self._wait.set_visibility(False)
        self._offer(read)
        self._show_crumbs(request)
        self._pager.set_visibility(False)
        self._commits_pager.set_visibility(False)
        self._box.clear()
        with self._box:
            match read.content:
                case DirectoryPage() as directory:
                    show_directory(directory, request.path, self._link)
                    self._pager.show(request.page, directory.total)
                    self._pager.set_visibility(directory.total > ENTRIES)
                case FileContent() as file:
                    show_file(file, request.path)
                case Compared() as compared:
                    show_comparison(
                        compared, partial(self._link, view="changes", old=read.old, new=request.new)
                    )
                case LogPage() as log:
                    show_log(log, self._link)
                    known = request.page * COMMITS + len(log.commits)
                    more = log.more and known < MOST_COMMITS
                    self._commits_pager.show(request.page, known, more=more)
                    self._commits_pager.set_visibility(bool(request.page) or more)
                case None:
                    Empty("search", "Not there", read.problem)

    def _show_controls(self) -> None:
        view = self._wanted_view()
        self._at.set_visibility(view in ("", "commits"))
        self._old.set_visibility(view == "changes")
        self._new.set_visibility(view == "changes")

    def _offer(self, read: _Read) -> None:
        request = read.request
        names = {each.commit: f"{each.commit[:8]} {each.title[:_TITLE]}" for each in read.newest}
        for field, chosen, word in (
            (self._at, request.at, "at"),
            (self._old, read.old, "from"),
            (self._new, request.new, "to"),
        ):
            if not chosen:
                continue
            offered = {chosen: chosen[:8], **names}
            if request.tip in offered:
                offered[request.tip] = f"{offered[request.tip]} (newest)"
            field.offer({commit: f"{word} {name}" for commit, name in offered.items()})
            if field.value != chosen:
                field.value = chosen

    def _show_crumbs(self, request: _Request) -> None:
        self._crumbs.clear()
        self._crumbs.set_visibility(request.view != "commits" and bool(request.path or request.view == ""))
        plain = not request.path.startswith('"')
        parts = [each for each in request.path.split("/") if each] if plain else [request.path]
        with self._crumbs:
            link: Callable[..., str] = self._link
            if request.view == "changes":
                link = partial(self._link, view="changes", old=request.old, new=request.new)
            if parts:
                Anchor("All files", link())
            else:
                Span("All files", "soft")
            for number, part in enumerate(parts, 1):
                Span("/", "muted", aria_hidden="true")
                if number == len(parts) or request.view == "changes":
                    Span(part, "soft", dir="auto")
                else:
                    Anchor(part, link(path="/".join(parts[:number])))

    def _link(self, **query: str | None) -> str:
        """Return the address of this tab; the version stays unless another one is given."""
        at = self.team.address.get("at") or None
        names: dict[str, str | None] = {"view": None, "old": None, "new": None, "path": None, "page": None}
        return self.team.address.with_query(**{**names, "at": at, **query})

    def _wanted_view(self) -> str:
        view = self.team.address.get("view")
        return view if view in _VIEWS else ""

    def _choose_view(self, view: str) -> None:
        self.team.address.set(view=view, path=None, page=None, remember=True)
        self.refresh()

    def _choose(self, name: str, commit: str) -> None:
        self.team.address.set(remember=True, page=None, **{name: commit})
        self.refresh()

    def _turn(self, page: int) -> None:
        self.team.address.set(page=str(page) if page else None, remember=True)
        self.refresh()


def _commit(text: str) -> str:
    return text if _HASH.fullmatch(text) else ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
