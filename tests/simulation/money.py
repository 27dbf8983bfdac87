"""A provider of models, which counts what it was asked for, and what the budgets allowed."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.simulation.disk import Disk

HOUR = 3600.0


@dataclass(slots=True)
class Provider:
    """What agents have really spent; nothing of it is lost when a process is."""

    spent: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Tokens by stack; "all" for all of them."""
    allowed: dict[str, int | None] = field(default_factory=dict)
    """The most that was allowed at any time; None: without limit."""

    def allow(self, owner: str, tokens: int | None) -> None:
        """Note what a stack, or all, may spend from now on."""
        before = self.allowed.get(owner, 0)
        self.allowed[owner] = None if before is None or tokens is None else max(before, tokens)

    def call(self, stack_id: str, tokens: int) -> str | None:
        """Count a call when it is made. Returns what is wrong with it."""
        for owner in (stack_id, "all"):
            self.spent[owner] += tokens
            most = self.allowed.get(owner)
            if most is not None and self.spent[owner] > most:
                return f"{owner} has spent {self.spent[owner]} tokens of {most}"
        return None

    def problems(self, disk: Disk) -> Iterator[str]:
        """Yield where the books say less than was spent, or more than is allowed."""
        booked = {account["stack_id"]: account for account in disk.accounts() if account["role"] == "total"}
        for owner, spent in self.spent.items():
            if owner != "all" and owner not in disk.stacks:
                continue
            account = booked.get(owner)
            known = 0 if account is None else _tokens(account, "spent") + _tokens(account, "reserved")
            if known < spent:
                yield f"{owner} has spent {spent} tokens, the books say {known}"
        for owner, account in booked.items():
            most, total = self.allowed.get(owner), _tokens(account, "spent") + _tokens(account, "reserved")
            if most is not None and total > most:
                yield f"the books of {owner} say {total} tokens, {most} are allowed"


@dataclass(slots=True)
class Runs:
    """Runs that call a model, within the last hour."""

    now: Callable[[], float]
    begun: list[float] = field(default_factory=list)

    def begin(self, most: int | None) -> str | None:
        """Count a run. Returns what is wrong with it."""
        now = self.now()
        self.begun.append(now)
        recent = sum(now - HOUR < at <= now for at in self.begun)
        if most is not None and recent > most:
            return f"{recent} runs began within the hour, {most} are allowed"
        return None


def _tokens(account: dict[str, object], what: str) -> int:
    # A record within a record is stored as a map of its fields.
    part = account[what]
    assert isinstance(part, dict)
    tokens: int = part["tokens"]
    return tokens
