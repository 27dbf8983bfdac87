"""An owner's records in memory, changed by one step after the other, as a supervisor does without storing."""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from recursor.domain.record import Record
from recursor.domain.snapshot import Snapshot
from recursor.orchestration.collection import Collection
from recursor.orchestration.draft import Draft
from recursor.orchestration.stack_records import StackRecords
from recursor.orchestration.writes import Writes
from tests.making import NOW, ROLES, make_idea, make_stack


def collection(records: Iterable[Any]) -> Collection[Any]:
    """Return a collection of records by their ids."""
    return Collection.of(records, lambda record: record.id)


def make_records(**fields: Any) -> StackRecords:
    """Make a stack's records: with an idea and nothing else, but for what is given, as lists."""
    for name in ("todos", "user_messages", "messages", "broadcasts", "outbox", "proposals"):
        if name in fields:
            fields[name] = collection(fields[name])
    if "states" in fields:
        fields["states"] = {state.role: state for state in fields["states"]}
    return StackRecords(**{"stack": make_stack(), "idea": make_idea(), **fields})


def counted_ids() -> Callable[[], str]:
    """Return a function that makes ids, each later than those before it and than those of `tests.making`."""
    numbers = count(1)
    return lambda: f"a{next(numbers):031}"


class Desk:
    """Records, and what the last step would have written."""

    def __init__(self, records: StackRecords | None = None) -> None:
        self.records = records or make_records()
        self.writes = Writes()
        self.stored: dict[tuple[type[Record], str], Record] = {}
        """What is on disk and not in memory."""
        self.new_id = counted_ids()

    def draft(self, now: float = NOW) -> Draft:
        """Begin a step."""
        return Draft(self.records, now, self.new_id, self.stored)

    def keep(self, draft: Draft) -> bool:
        """End a step. Returns whether agents see a difference."""
        changed = draft.records.changes != self.records.changes
        self.records, self.writes = draft.records, draft.writes
        return changed

    def do(self, command: Callable[[Draft, Any], Any], message: Any, now: float = NOW) -> Any:
        """Carry out a command; one that is refused changes nothing."""
        draft = self.draft(now)
        answer = command(draft, message)
        self.keep(draft)
        return answer

    def see(self, roles: Iterable[str] = ROLES, now: float = NOW) -> Snapshot:
        """Return what agents would read."""
        return self.records.snapshot(dict.fromkeys(roles), now)

    def written(self, kind: type[Record]) -> list[Any]:
        """Return the records of a type that the last step would have written."""
        return [record for record in self.writes if isinstance(record, kind)]
