"""Lists of files and commits, and their rows."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from nicegui.element import Element

from recursor.domain.approval import Approval, ApprovalStatus
from recursor.domain.wording import plural, run_name, size, span
from recursor.domain.workspace import CheckResult, CommitProposal
from recursor.web.dashboard.files.reading import LoggedCommit
from recursor.web.dashboard.state_styles import PROPOSALS

if TYPE_CHECKING:
    from recursor.workspaces.history import ListedFile

Row = dict[str, Any]
"""An entry's data for one of the lists."""
Link = Callable[..., str]
"""Returns the address of the tab with some values of the query."""

_KINDS = {"executable": "executable", "link": "link", "submodule": "submodule"}


class FileList(Element, component="file_list.js"):
    """One page of a directory."""

    def __init__(self, rows: Sequence[Row], label: str) -> None:
        """Show these entries."""
        super().__init__()
        self._props.update({"rows": list(rows), "label": label})


class CommitList(Element, component="commit_list.js"):
    """Some commits."""

    def __init__(self, label: str, rows: Sequence[Row] = ()) -> None:
        """Show these commits."""
        super().__init__()
        self._props.update({"rows": list(rows), "label": label})

    def show(self, rows: Sequence[Row]) -> None:
        """Show others; nothing is sent if they are unchanged."""
        if self._props["rows"] != list(rows):
            self._props["rows"] = list(rows)


def file_row(entry: "ListedFile", above: str, link: Link) -> Row:
    """Return the row of an entry of the directory `above`."""
    prefix = f"{above.strip('/')}/" if above.strip("/") else ""
    # A quoted path begins with its quotation mark: it is shown whole.
    directory = entry.kind == "directory"
    return {
        "name": entry.path.removeprefix(prefix) + ("/" if directory else ""),
        "icon": "folder" if directory else "file",
        "kind": _KINDS.get(entry.kind, ""),
        "size": "" if entry.size is None else size(entry.size),
        "link": None if entry.kind == "submodule" else link(path=entry.path),
    }


def commit_row(logged: LoggedCommit, link: Link) -> Row:
    """Return the row of a commit of the history."""
    commit = logged.summary
    old = commit.parents[0] if commit.parents else commit.commit
    links = [{"text": "Files", "to": link(at=commit.commit)}]
    if commit.parents:
        links.append({"text": "Difference", "to": link(view="changes", old=old, new=commit.commit)})
    return {
        "id": commit.commit,
        "commit": commit.commit,
        "look": None,
        "title": commit.title[:300] or "(no title)",
        "by": logged.role or commit.author[:200],
        "at": commit.at,
        "changed": "",
        "todo": "" if logged.todo[:300] == commit.title[:300] else logged.todo,
        "waits": "",
        "note": "",
        "links": links,
        "checks": check_rows(logged.checks),
    }


def proposal_row(proposal: CommitProposal, waits: str, todo: str, link: Link) -> Row:
    """Return the row of a proposed commit.

    Args:
        proposal: the proposal.
        waits: what it waits for; empty if it does not wait.
        todo: its todo's text.
        link: makes addresses.
    """
    return {
        "id": proposal.id,
        "commit": proposal.commit,
        "look": PROPOSALS[proposal.status]._asdict(),
        "title": proposal.title,
        "by": run_name(proposal.role, proposal.todo_id),
        "at": proposal.created_at,
        "changed": f"{plural(proposal.files, 'file')}, +{proposal.insertions:,} -{proposal.deletions:,}",
        "todo": "" if todo == proposal.title else todo,
        "waits": waits,
        "note": _note(proposal),
        "links": [{"text": "Difference", "to": link(view="changes", old=proposal.base, new=proposal.commit)}],
        "checks": check_rows(proposal.checks),
    }


def _note(proposal: CommitProposal) -> str:
    """Return why it was returned, without the output that is shown with its check."""
    note = proposal.note or ""
    told = any(not check.passed and check.output for check in proposal.checks)
    return note.partition("\n")[0] if told else note


def what_it_waits_for(approval: Approval | None, place: int, merging: bool) -> str:
    """Return what a queued commit waits for.

    Args:
        approval: the approval that it needs, if it needs one.
        place: how many commits are before it.
        merging: whether the integrator is at work.
    """
    if approval is not None and approval.status is ApprovalStatus.PENDING:
        return "Waits for a person's approval."
    if place:
        return f"Waits for {plural(place, 'commit')} before it."
    return "It is being merged and checked." if merging else "Next to be merged."


def check_rows(checks: Iterable[CheckResult]) -> list[Row]:
    """Return the rows of some checks."""
    return [
        {
            "command": check.command,
            "passed": check.passed,
            "said": _said(check),
            "took": span(check.seconds),
            "output": check.output,
        }
        for check in checks
    ]


def _said(check: CheckResult) -> str:
    if check.passed:
        return "Passed"
    return "Ended" if check.status is None else f"Failed with status {check.status}"
