"""What runs may spend, what they spent, and the refusal of what would be too much."""

from collections.abc import Mapping
from decimal import ROUND_UP, Decimal
from typing import Literal, get_args

from pydantic import Field

from recursor.domain.errors import RecursorError
from recursor.domain.graph import MAX_DOLLARS, MAX_TOKENS, Usage
from recursor.domain.record import Record, RoleName, StackId, Timestamp
from recursor.domain.wording import plural

Kind = Literal["tokens", "dollars", "runs_per_hour"]
"""What a budget limits: a field of `Budget`."""

_CENT = Decimal("0.01")

KINDS: tuple[Kind, ...] = get_args(Kind)


class BudgetName(Record):
    """Which budget has too little left."""

    kind: Kind
    role: RoleName | None = None
    """The role whose budget it is; None: of all roles."""
    runner: bool = False
    """Whether it is that of all stacks together."""
    needed: Decimal | None = Field(default=None, ge=0)
    """What it would have had to be, in its own unit, for what was refused."""
    call: Decimal | None = Field(default=None, ge=0)
    """What was refused may take at most, where that alone is more than all of the budget."""

    @property
    def problem(self) -> str:
        """What is wrong with it: used up, or too small from the beginning."""
        if self.call is None:
            return "used up"
        if self.kind == "runs_per_hour":
            return "too small: it allows no run"
        return f"too small for the next call, which needs up to {self.amount(self.call)}"

    @property
    def enough(self) -> Decimal | None:
        """What to raise it to: twice what was needed, as the next call is seldom the last; None: unknown."""
        if not self.needed:
            return None
        return (2 * self.needed).quantize(_CENT, ROUND_UP) if self.kind == "dollars" else 2 * self.needed

    def amount(self, number: Decimal) -> str:
        """Return a number of the budget's unit with it: 18,306 tokens, $0.0125, 3 runs."""
        if self.kind == "dollars":
            return f"${number:,.4f}" if number < 1 else f"${number:,.2f}"
        return plural(int(number), "token" if self.kind == "tokens" else "run")

    def raising(self, most: Decimal, stack: str) -> str:
        """Return the arguments of `recursor` that set it, and resume the stack.

        Args:
            most: what to set it to, in its own unit.
            stack: the stack's id or name.
        """
        option = f"--{self.kind.replace('_', '-')} {most:f}"
        if self.runner:
            return f"budget {option}"
        role = "" if self.role is None else f" --role {self.role}"
        return f"budget {stack}{role} {option} --resume"

    @property
    def setting(self) -> str:
        """What people call it."""
        if self.runner:
            return f"runner.budget_{self.kind}"
        return f"budget.{self.kind}" if self.role is None else f"budget.role_{self.kind} of the {self.role}"


class BudgetExceededError(RecursorError):
    """A run was not allowed to go on: what it was about to spend is more than a budget has left."""

    usage: Usage | None = None
    """What it had spent until then."""

    def __init__(self, problem: str, budget: BudgetName | None = None) -> None:
        """Refuse a call.

        Args:
            problem: one line: the budget, its figures, and the remedy.
            budget: the one that has too little left; None where it is none of Recursor's.
        """
        super().__init__(problem)
        self.budget = budget


class AgentFailedError(RecursorError):
    """An agent that gives up, and says what it spent until then."""

    def __init__(
        self,
        problem: str,
        usage: Usage | None = None,
        *,
        suspend: bool = False,
        passes: bool = False,
        not_before: float | None = None,
        counts: bool = False,
        lasts: bool = False,
    ) -> None:
        """Give up a run.

        Args:
            problem: one line: what went wrong, and the remedy if there is one.
            usage: what the run spent.
            suspend: whether another try makes no sense before a person has looked: the stack is paused.
            passes: whether this is nobody's fault here and passes by itself, such as an outage: the role
                waits for longer and longer, and is tried again however often it fails so.
            not_before: when another try makes sense (seconds since the epoch, UTC), where that is known; it
                passes then.
            counts: whether it may have cost something that nobody has reported, as where an answer broke
                off: it counts as a run for `loop.runs`, so that a team does not pay for it for ever.
            lasts: whether the same run would most likely fail the same way, as where an answer is larger than
                it may be: the second time in a row the stack is paused.
        """
        super().__init__(problem)
        self.usage = usage
        self.suspend = suspend
        self.passes = passes or not_before is not None
        self.not_before = not_before
        self.counts = counts
        self.lasts = lasts

    def retold(self, problem: str, usage: Usage | None) -> "AgentFailedError":
        """Return a plain error of the same consequences.

        Args:
            problem: what it says instead.
            usage: what the run spent.
        """
        return AgentFailedError(
            problem,
            usage,
            suspend=self.suspend,
            passes=self.passes,
            not_before=self.not_before,
            counts=self.counts,
            lasts=self.lasts,
        )


class BudgetHeldError(AgentFailedError):
    """A budget has enough left for a call, but others have set it aside: it comes back as they end."""

    def __init__(self, problem: str, budget: BudgetName) -> None:
        """Refuse a call for now.

        Args:
            problem: one line: the budget and its figures.
            budget: the one.
        """
        super().__init__(problem, passes=True)
        self.budget = budget

    def __reduce__(self) -> tuple[type["BudgetHeldError"], tuple[str, BudgetName]]:
        """Survive the way from one process to another."""
        return type(self), (str(self), self.budget)


class PriceUnknownError(RecursorError):
    """What a call costs is not known, so no budget in dollars can hold, and one applies."""


class Spend(Record):
    """Tokens and money."""

    tokens: int = Field(default=0, ge=0, le=MAX_TOKENS)
    """Of input and output together."""
    dollars: Decimal = Field(default=Decimal(0), ge=0, le=MAX_DOLLARS)
    """US dollars, as far as prices are known."""
    unpriced_tokens: int = Field(default=0, ge=0, le=MAX_TOKENS)
    """Those of the tokens whose price is not known."""

    def plus(self, other: "Spend") -> "Spend":
        """Return both together."""
        return Spend(
            tokens=self.tokens + other.tokens,
            dollars=self.dollars + other.dollars,
            unpriced_tokens=self.unpriced_tokens + other.unpriced_tokens,
        )

    def minus(self, other: "Spend") -> "Spend":
        """Return what is left without `other`; nothing, where that is more."""
        return Spend(
            tokens=max(self.tokens - other.tokens, 0),
            dollars=max(self.dollars - other.dollars, Decimal(0)),
            unpriced_tokens=max(self.unpriced_tokens - other.unpriced_tokens, 0),
        )


class Budget(Record):
    """The most that may be spent; None: as much as there is."""

    tokens: int | None = Field(default=None, ge=0, le=MAX_TOKENS)
    """Most tokens, of questions and answers together. Default: no limit."""
    dollars: Decimal | None = Field(default=None, ge=0, le=MAX_DOLLARS)
    """Most US dollars, at known prices. Default: no limit."""
    runs_per_hour: int | None = Field(default=None, ge=0)
    """Most runs with model calls that start within sixty minutes. Default: no limit."""

    @property
    def limits_anything(self) -> bool:
        """Whether there is anything to check."""
        return self != Budget()

    def over(self, other: "Budget") -> "Budget":
        """Return what this one limits, and of the rest what `other` does."""
        limits = {kind: most for kind, most in self if most is not None}
        return other.but(**limits) if limits else other


BudgetChanges = Mapping[Kind, int | Decimal | None]
"""New limits; None takes one back."""


class Account(Record):
    """What was spent, by one stack, by one role of it, or by all stacks of a runner."""

    stack_id: StackId
    """The stack; "all" for all stacks together."""
    role: str
    """The role; "total" for all roles together."""
    spent: Spend = Spend()
    reserved: Spend = Spend()
    """What calls that are under way may cost at most."""
    calls: int = 0
    """Calls of models that ended."""
    unconfirmed: int = 0
    """Calls of which nobody can tell what they cost: they count with the most that they could."""
    limits: Budget = Budget()
    """What a person has limited it to, over the settings: of all stacks together only."""
    runs: tuple[tuple[int, int], ...] = ()
    """How many runs began in each of the last minutes: (minutes since the epoch, runs), oldest first."""


class Reservation(Record):
    """What a call that is under way may cost at most."""

    id: str
    stack_id: StackId
    role: RoleName
    most: Spend
    made_at: Timestamp


class Spending(Record):
    """What a budget allows, and what was spent of it."""

    budget: Budget
    spent: Spend = Spend()
    reserved: Spend = Spend()
    """What calls that are under way may cost at most."""
    calls: int = 0
    """Calls of models that ended."""
    unconfirmed: int = 0
    """Calls of which nobody can tell what they cost: they count with the most that they could."""
    limits: Budget = Budget()
    """What of the budget was set while a runner was up, over its settings: of all stacks together only."""
    runs_last_hour: int = 0
    """Runs of agents that call a model, begun within the last sixty minutes."""


class StackSpending(Record):
    """What a stack and its roles may spend, and what they spent."""

    stack_id: StackId
    total: Spending
    """All roles together."""
    roles: Mapping[RoleName, Spending]
    """Those that spent something, or have a budget."""
    runner: Spending
    """All stacks together."""
