"""The result of one run of an agent."""

from typing import NamedTuple

from recursor.domain.effect import Outcome
from recursor.domain.graph import node_key
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError, BudgetExceededError


class NodeResult(NamedTuple):
    """An outcome, or an error."""

    role: str
    attempt: int
    saw: Snapshot
    """The snapshot that it read."""
    started_at: float | None
    """This and the next field in seconds since the epoch, UTC."""
    finished_at: float
    outcome: Outcome | None = None
    error: str | None = None
    proposal: str | None = None
    """The fingerprint of the plan, artifact or review in the outcome."""
    failure: AgentFailedError | BudgetExceededError | None = None
    """The agent's own error, if it gave up."""
    todo_id: str | None = None
    """The todo that the run was for, if it was for one."""

    @property
    def key(self) -> str:
        """The key of its node."""
        return node_key(self.role, self.todo_id)
