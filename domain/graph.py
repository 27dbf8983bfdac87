"""The execution graph of one cycle: a node per role with work, in waves."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from recursor.domain.core_record import CoreRecord
from recursor.domain.record import Record, RoleName, StackId, Timestamp


class NodeStatus(StrEnum):
    """The status of a node."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    WAITING = "waiting"
    """A temporary obstacle prevented it: the role is tried again in a later cycle."""
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether the node's status is final."""
        return self not in _UNFINISHED


_UNFINISHED = (NodeStatus.PENDING, NodeStatus.RUNNING)

# More than any run can use, and small enough that sums over any time fit into 64 bits.
MAX_TOKENS = 10**12
# More than any runner will ever spend.
MAX_DOLLARS = Decimal(10**9)


class ModelUsage(Record):
    """A run's usage of one model."""

    model: str | None = None
    input_tokens: int = Field(default=0, ge=0, le=MAX_TOKENS)
    output_tokens: int = Field(default=0, ge=0, le=MAX_TOKENS)
    cost: Decimal | None = Field(default=None, ge=0, le=MAX_DOLLARS)
    """In US dollars; None if the price is unknown."""

    @property
    def tokens(self) -> int:
        """Of input and output together."""
        return self.input_tokens + self.output_tokens

    @property
    def by_model(self) -> "tuple[ModelUsage, ...]":
        """The usage of each model."""
        return (self,)

    @property
    def known_cost(self) -> Decimal:
        """In US dollars, of usage with a known price."""
        return sum([used.cost for used in self.by_model if used.cost is not None], Decimal(0))

    @property
    def unpriced_tokens(self) -> int:
        """Tokens with an unknown price."""
        return sum([used.tokens for used in self.by_model if used.cost is None])


class Usage(ModelUsage):
    """A run's usage; its model is the one that answered last."""

    models: tuple[ModelUsage, ...] = ()
    """The usage of each model, if several answered; otherwise empty."""

    @field_validator("models")
    @classmethod
    def _without_more(cls, models: tuple[ModelUsage, ...]) -> tuple[ModelUsage, ...]:
        # An agent may pass its own subclass, whose additional fields would be stored.
        return tuple(
            used
            if type(used) is ModelUsage
            else ModelUsage(**{name: getattr(used, name) for name in ModelUsage.model_fields})
            for used in models
        )

    @property
    def by_model(self) -> tuple[ModelUsage, ...]:
        """The usage of each model."""
        return self.models or (self,)


class Node(CoreRecord, frozen=True, kw_only=True):
    """One role's part in a cycle, or its part for one todo."""

    role: RoleName
    todo_id: str | None = None
    """The todo that the node is for; None for a role that has one node in a cycle."""
    priority: Annotated[int, Field(ge=0, le=10)]
    reason: str
    dependencies: tuple[RoleName, ...] = ()
    wave: Annotated[int, Field(ge=0)]
    status: NodeStatus = NodeStatus.PENDING
    attempts: int = 0
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    note: str | None = None
    """Why the node failed, waits, was skipped or was cancelled."""
    waits_until: Timestamp | None = None
    """When its role is tried again, if it waits."""
    usage: Usage | None = None
    granted: tuple[str, ...] = ()
    """Digests of what a person has approved for this run."""

    @property
    def key(self) -> str:
        """The node's identity in its graph."""
        return node_key(self.role, self.todo_id)


def node_key(role: str, todo_id: str | None) -> str:
    """Return the identity of a node in its graph: its role, and its todo if it is for one."""
    return role if todo_id is None else f"{role}:{todo_id}"


class ExecutionGraph(CoreRecord, frozen=True, kw_only=True):
    """The nodes of one cycle. Its id is the execution's."""

    id: str
    stack_id: StackId
    created_at: Timestamp
    nodes: tuple[Node, ...]
    """By wave, then most urgent first."""

    def wave(self, number: int) -> tuple[Node, ...]:
        """Return the nodes of one wave, counted from 0."""
        return tuple([node for node in self.nodes if node.wave == number])

    def unfinished_wave(self) -> tuple[Node, ...]:
        """Return the unfinished nodes of the first unfinished wave; empty if all waves have ended."""
        left = [node for node in self.nodes if node.status in _UNFINISHED]
        return tuple([node for node in left if node.wave == left[0].wave])

    @property
    def has_ended(self) -> bool:
        """Whether all nodes have ended."""
        return all(node.status not in _UNFINISHED for node in self.nodes)

    @property
    def waves(self) -> int:
        """The number of waves."""
        return 1 + self.nodes[-1].wave if self.nodes else 0

    def replacing(self, changed: Mapping[str, Node]) -> "ExecutionGraph":
        """Return this graph with the nodes in `changed` replaced, by key."""
        return self.but(nodes=tuple([changed.get(node.key, node) for node in self.nodes]))
