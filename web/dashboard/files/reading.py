"""Reads a team's repository for display, by the hashes of commits, within limits. All of it blocks."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recursor.domain.errors import ConflictError
from recursor.domain.wording import size
from recursor.domain.workspace import CheckResult, CommitProposal
from recursor.storage.data_directory import workspaces_directory
from recursor.storage.store import Reader
from recursor.storage.tables import CLOSED, PROPOSALS, TODOS
from recursor.web.dashboard.comparison import Excerpt, excerpt
from recursor.web.dashboard.files.patch import Patch, parse_patch
from recursor.web.engine import Engine

if TYPE_CHECKING:
    from recursor.workspaces.differences import FileDifference
    from recursor.workspaces.history import CommitSummary, ListedFile
    from recursor.workspaces.repository import Repository

ENTRIES = 200
"""Entries of a directory on a page."""
COMMITS = 30
"""Commits on a page."""
OFFERED = 50
"""The newest commits, offered for comparison."""
MOST_COMMITS = 10_000
"""Commits that can be paged through: whoever wants more has git."""
LARGEST_FILE = 1024 * 1024
"""Bytes of a file that is shown."""
LARGEST_PATCH = 256 * 1024
"""Bytes of a difference that is shown."""
MOST_FILES = 300
"""Files of a difference that are listed."""
_MOST_PROPOSALS = 2_000

_ROLE_ADDRESS = "@recursor.invalid"
_IMAGES = {b"\x89PNG\r\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}


@dataclass(frozen=True, slots=True)
class DirectoryPage:
    """Some entries of a directory."""

    entries: "tuple[ListedFile, ...]"
    total: int


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file, as far as it can be shown: a text, an image, or a sentence."""

    size: int | None = None
    text: Excerpt | None = None
    image: str | None = None
    """A `data:` address."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """How two commits differ."""

    files: "tuple[FileDifference, ...]"
    """The first ones, if there are many."""
    total: int
    insertions: int
    deletions: int
    patch: Patch


@dataclass(frozen=True, slots=True)
class LoggedCommit:
    """A commit of the history, with what is known of it."""

    summary: "CommitSummary"
    role: str | None
    """The role that made it; None for a person."""
    todo: str
    """The todo's text, if it is still there."""
    checks: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some commits, newest first."""

    commits: tuple[LoggedCommit, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class RepositoryReader:
    """Reads one team's repository; a method opens it for itself, so several threads may use one reader."""

    engine: Engine
    stack_id: str
    checks: Mapping[str, tuple[CheckResult, ...]] = field(default_factory=dict)
    """The results of the checks of the tip, by its hash."""

    def newest(self, tip: str) -> "tuple[CommitSummary, ...]":
        """Return the newest commits, for choosing one."""
        return self._open().log(tip, OFFERED)

    def parent(self, commit: str) -> str:
        """Return the first parent of a commit; of the first commit, itself."""
        parents = self._open().log(commit, 1)[0].parents
        return parents[0] if parents else commit

    def is_directory(self, commit: str, path: str) -> bool:
        """Return whether a path is that of a directory."""
        from recursor.workspaces.names import quoted, unquoted

        if not path.strip("/"):
            return True
        above, _, name = unquoted(path).strip(b"/").rpartition(b"/")
        wanted = quoted(above + b"/" + name if above else name)
        repository = self._open()
        offset = 0
        while True:
            found = repository.tree(commit, quoted(above), offset=offset, limit=5_000)
            for entry in found.entries:
                if entry.path == wanted:
                    return entry.kind == "directory"
            offset += len(found.entries)
            if not found.entries or offset >= found.total:
                return False

    def directory(self, commit: str, path: str, page: int) -> DirectoryPage:
        """Return a page of a directory; from 0."""
        found = self._open().tree(commit, path, offset=page * ENTRIES, limit=ENTRIES)
        return DirectoryPage(found.entries, found.total)

    def file(self, commit: str, path: str) -> FileContent:
        """Return a file."""
        from recursor.workspaces.errors import LimitExceededError

        try:
            content = self._open().file(commit, path, LARGEST_FILE)
        except LimitExceededError as error:
            return FileContent(note=f"Too large to show here: {error}.")
        kind = next((kind for start, kind in _IMAGES.items() if content.startswith(start)), None)
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            kind = "webp"
        if kind is not None:
            data = base64.b64encode(content).decode()
            return FileContent(len(content), image=f"data:image/{kind};base64,{data}")
        if b"\0" in content:
            return FileContent(len(content), note=f"A binary file of {size(len(content))}.")
        return FileContent(len(content), text=excerpt(content.decode(errors="replace")))

    def compare(self, old: str, new: str, path: str = "") -> Compared:
        """Return how two commits differ; with `path`, only in this file or directory."""
        found = self._open().diff(old, new, LARGEST_PATCH, [path] if path else ())
        return Compared(
            found.files[:MOST_FILES],
            len(found.files),
            found.insertions,
            found.deletions,
            parse_patch(found.text),
        )

    def log(self, commit: str, page: int) -> LogPage:
        """Return a page of the history; from 0."""
        first = page * COMMITS
        found = self._open().log(commit, min(first + COMMITS + 1, MOST_COMMITS))[first:]
        with self.engine.read() as reader:
            merged = _merged(reader, self.stack_id, {each.commit for each in found})
            logged = tuple(self._logged(reader, each, merged) for each in found[:COMMITS])
        return LogPage(logged, len(found) > COMMITS)

    def _logged(
        self, reader: Reader, summary: "CommitSummary", merged: Mapping[str, CommitProposal]
    ) -> LoggedCommit:
        proposal = merged.get(summary.commit)
        named = summary.email.endswith(_ROLE_ADDRESS)
        role = summary.email.removesuffix(_ROLE_ADDRESS) if named else None
        todo_id = summary.trailers.get("Recursor-Todo") if proposal is None else proposal.todo_id
        todo = None if todo_id is None else TODOS.get(reader, self.stack_id, todo_id)
        return LoggedCommit(
            summary,
            role if proposal is None else proposal.role,
            "" if todo is None else todo.content,
            self.checks.get(summary.commit, () if proposal is None else proposal.checks),
        )

    def _open(self) -> "Repository":
        # libgit2 takes a tenth of a second to import, and few teams have repositories.
        from recursor.workspaces.directories import Workspaces

        if self.engine.data is None:
            raise ConflictError("repositories: this runner has no data directory, and so none of them")
        return Workspaces(workspaces_directory(self.engine.data)).open(self.stack_id)


def _merged(reader: Reader, stack_id: str, commits: set[str]) -> dict[str, CommitProposal]:
    """Return the proposals whose merges are these commits."""
    found: dict[str, CommitProposal] = {}
    for proposal in PROPOSALS.newest(reader, stack_id, _MOST_PROPOSALS, CLOSED):
        if proposal.merged_as in commits:
            found[proposal.merged_as or ""] = proposal
    return found
