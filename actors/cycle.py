"""The cycle that is running, as its supervisor sees it."""

from dataclasses import dataclass

from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, NodeStatus
from recursor.domain.record import Revision
from recursor.storage.revisions import same_contents


@dataclass(slots=True)
class Cycle:
    """What is known of it: more than is stored while a step is under way."""

    execution: OrchestratorExecution
    graph: ExecutionGraph
    revision: Revision | None
    """Of the work status that the graph was built from; None when it was built before a restart."""

    @property
    def over(self) -> bool:
        """Whether all of its nodes have ended."""
        return all(node.status.ended for node in self.graph.nodes)

    def progressed(self, now: Revision) -> bool:
        """Whether anything changed since the graph was built, but for what agents noted for themselves."""
        return self.revision is None or not same_contents(self.revision, now)

    def unstart(self) -> bool:
        """Make its running nodes pending again. Returns whether there were any."""
        marked = {
            node.role: node.but(status=NodeStatus.PENDING, started_at=None)
            for node in self.graph.nodes
            if node.status is NodeStatus.RUNNING
        }
        if marked:
            self.graph = self.graph.replacing(marked)
        return bool(marked)
