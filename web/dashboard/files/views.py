"""Shows what was read of a repository."""

from typing import TYPE_CHECKING

from recursor.domain.wording import plural, size
from recursor.web.dashboard.comparison import LONGEST_SHOWN
from recursor.web.dashboard.files.lists import CommitList, FileList, Link, commit_row, file_row
from recursor.web.dashboard.files.reading import Compared, DirectoryPage, FileContent, LogPage
from recursor.web.dashboard.parts import Anchor, Box, Empty, Notice, Span
from recursor.web.dashboard.parts.lines import DifferenceTable, SourceText

if TYPE_CHECKING:
    from recursor.workspaces.differences import FileDifference


def show_directory(found: DirectoryPage, path: str, link: Link) -> None:
    """Show a page of a directory."""
    if found.entries:
        rows = [file_row(each, path, link) for each in found.entries]
        FileList(rows, f"Files in {path or 'the repository'}")
    else:
        Empty("folder", "No files yet", "The first merged commit brings some.")


def show_file(found: FileContent, path: str) -> None:
    """Show a file."""
    if found.text is not None:
        text = found.text
        with Box(classes="view-note"):
            shown = min(text.total, LONGEST_SHOWN)
            cut = f"; the first {shown:,} are shown" if text.total > shown else ""
            long = ", long ones cut" if text.narrowed else ""
            Span(f"{plural(text.total, 'line')}{cut}{long}, {size(found.size or 0)}", "muted")
        SourceText(text.lines, path)
    elif found.image is not None:
        with Box(classes="file-image"):
            Box("img", src=found.image, alt=f"The image {path}")
        with Box(classes="view-note"):
            Span(f"An image of {size(found.size or 0)}", "muted")
    else:
        Empty("file", "Not shown", found.note)


def show_comparison(found: Compared, link: Link) -> None:
    """Show how two commits differ."""
    if not found.files:
        Empty("check", "No difference", "The two versions have the same files.")
        return
    with Box(classes="view-note"):
        Span(
            f"{plural(found.total, 'file')} changed, {plural(found.insertions, 'new line')}, "
            f"{plural(found.deletions, 'line')} removed",
            "soft",
        )
    if not found.patch.shown_all or found.total > len(found.files):
        with Box(classes="view-note"):
            Notice("Not all of it is shown. Choose a file to see it alone.", "info", "file")
    with Box("ul", "files", role="list", aria_label="Changed files"):
        for file in found.files:
            with Box("li", "file"):
                Span(_SIGNS[file.change], "file-sign", aria_hidden="true")
                Anchor(file.path, link(path=file.path), "file-name")
                Span(_change(file), "muted")
                Span(_counts(file), "muted number file-size")
    for patch in found.patch.files:
        if patch.lines:
            Span(patch.path, "patch-path", tag="h3")
            DifferenceTable(patch.lines, f"Changes in {patch.path}")


def show_log(found: LogPage, link: Link) -> None:
    """Show a page of the history."""
    CommitList("Commits", [commit_row(each, link) for each in found.commits])


_SIGNS = {"added": "+", "removed": "-", "changed": "±", "renamed": "→", "type changed": "±"}


def _change(file: "FileDifference") -> str:
    return f"renamed from {file.old_path}" if file.change == "renamed" else file.change


def _counts(file: "FileDifference") -> str:
    if file.insertions is None or file.deletions is None:
        return "not compared"
    return f"+{file.insertions:,} -{file.deletions:,}"
