"""The merge queue: proposed commits that wait, and those that were returned."""

from recursor.domain.graph import NodeStatus
from recursor.domain.stack import Stack
from recursor.domain.workspace import CommitProposal, ProposalStatus, Workspace
from recursor.orchestration.approvals import INTEGRATOR
from recursor.storage.store import Reader
from recursor.storage.tables import APPROVALS, CLOSED, GRAPHS, OPEN, PROPOSALS, TODOS
from recursor.web.dashboard.files.lists import CommitList, Link, Row, proposal_row, what_it_waits_for
from recursor.web.dashboard.parts import Box, Empty, Section, Span

# Waiting commits that are shown, and ended ones among which returned ones are searched.
_WAITING, _SEARCHED, _RETURNED = 100, 500, 30


class QueuePanel:
    """Shows the queue as it is now."""

    def __init__(self, link: Link) -> None:
        """Build it, empty; `link` makes addresses of the tab."""
        self._link = link
        with Section("Waiting") as self._open, Box(classes="card card--flush"):
            self._waiting = CommitList("Waiting commits")
            self._pulls = Span("", "view-note soft")
        with Section("Returned") as self._closed:
            with self._closed.head:
                Span("Conflicted, failed its checks or was rejected; the todo is tried again", "muted")
            with Box(classes="card card--flush"):
                self._returned = CommitList("Returned commits")
        self._none = Empty(
            "check", "Nothing waits to be merged", "Builders' commits come here before they are merged."
        ).classes("card section")

    def show(self, reader: Reader, stack: Stack, workspace: Workspace) -> None:
        """Show the queue of a team."""
        waiting = PROPOSALS.oldest(reader, stack.id, _WAITING, OPEN)
        ended = PROPOSALS.newest(reader, stack.id, _SEARCHED, CLOSED)
        returned = [each for each in ended if each.status is ProposalStatus.RETURNED][:_RETURNED]
        merging = _merges(reader, stack)
        rows: list[Row] = []
        place = len(workspace.pulls)
        for proposal in waiting:
            approval = (
                None
                if proposal.approval_id is None
                else APPROVALS.get(reader, stack.id, proposal.approval_id)
            )
            waits = what_it_waits_for(approval, place, merging)
            rows.append(proposal_row(proposal, waits, _todo(reader, proposal), self._link))
            # One that waits for a person holds up no other.
            place += not waits.startswith("Waits for a person")
        self._waiting.show(rows)
        self._returned.show([proposal_row(each, "", _todo(reader, each), self._link) for each in returned])
        self._pulls.text = "".join(
            f"Commits of a person come first: {pull.source} ({pull.commit[:10]}). "
            for pull in workspace.pulls
        )
        self._pulls.set_visibility(bool(workspace.pulls))
        self._open.set_visibility(bool(rows or workspace.pulls))
        self._closed.set_visibility(bool(returned))
        self._none.set_visibility(not (rows or workspace.pulls or returned))


def _merges(reader: Reader, stack: Stack) -> bool:
    if stack.current_execution_id is None:
        return False
    graph = GRAPHS.get(reader, stack.id, stack.current_execution_id)
    nodes = () if graph is None else graph.nodes
    return any(node.role == INTEGRATOR and node.status is NodeStatus.RUNNING for node in nodes)


def _todo(reader: Reader, proposal: CommitProposal) -> str:
    todo = TODOS.get(reader, proposal.stack_id, proposal.todo_id)
    return "" if todo is None else todo.content
