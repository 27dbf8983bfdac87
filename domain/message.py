"""Messages to a stack, from other stacks and from visitors."""

from recursor.domain.record import Line, Record, StackId, Text, Timestamp


class Message(Record):
    """From one stack to another, or to all others when `to_stack_id` is None."""

    id: str
    from_stack_id: StackId
    from_name: Line
    to_stack_id: StackId | None
    content: Text
    created_at: Timestamp
    read_at: Timestamp | None = None
    """When the receiver read it. Not for a broadcast: each of its receivers records how far it has read."""


class UserMessage(Record):
    """A message from a visitor. Answering it and planning for it are separate."""

    id: str
    stack_id: StackId
    sender: Line
    content: Text
    created_at: Timestamp
    answer: str | None = None
    answered_at: Timestamp | None = None
    planned_at: Timestamp | None = None
    """When the planner took it into account."""
    needs_planning: bool | None = None
    """Whether it asks for something to plan, as judged with the answer; None: not judged."""
