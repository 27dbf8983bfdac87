"""How much stays when a person prunes stacks, and what people call what goes."""

from collections.abc import Mapping

from recursor.domain.settings import RetentionSettings
from recursor.storage.tables import (
    ARTIFACTS,
    BROADCASTS,
    EXECUTIONS,
    MESSAGES,
    TODOS,
    TRACES,
    USER_MESSAGES,
)

KINDS: Mapping[str, str] = {
    EXECUTIONS.name: "executions",
    TRACES.name: "traces",
    TODOS.name: "todos",
    MESSAGES.name: "messages",
    USER_MESSAGES.name: "user_messages",
    ARTIFACTS.name: "artifacts",
    BROADCASTS: "broadcasts",
}
"""What people call the records that `Pruned` counts. Executions go with their graphs."""


def keeping(keep: RetentionSettings, days: float | None, count: int | None) -> RetentionSettings:
    """Return how much stays if what is younger than `days`, and the newest `count` of each kind, shall."""
    kinds = ("executions", "traces", "todos", "messages", "user_messages", "artifacts")
    counts = {} if count is None else dict.fromkeys(kinds, count)
    ages = {} if days is None else {"days": days, "contents_days": days}
    return keep.but(**counts, **ages)
