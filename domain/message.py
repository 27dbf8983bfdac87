"""What reaches a stack from outside: other stacks' messages and visitors' messages."""

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
    """When the receiver read it. A broadcast has many receivers: each keeps its own place instead."""


class UserMessage(Record):
    """From a visitor. Being answered and being planned for are two separate facts."""

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
    """Whether it asks for something to be planned, as who answered it judged; None: nobody did."""
