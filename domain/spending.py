"""Budgets, what was spent of them, and the errors when too little is left."""

from collections.abc import Mapping
from decimal import ROUND_UP, Decimal
from typing import Literal, get_args

from pydantic import Field

from recursor.domain.errors import RecursorError
from recursor.domain.graph import MAX_DOLLARS, MAX_TOKENS, Usage
from recursor.domain.record import Record, RoleName, StackId, Timestamp
from recursor.domain.wording import plural

Kind = Literal["tokens", "dollars", "runs_per_hour"]
"""The resource that a budget limits: a field of `Budget`."""

_CENT = Decimal("0.01")

KINDS: tuple[Kind, ...] = get_args(Kind)


class BudgetName(Record):
    """The budget that has too little left."""

    kind: Kind
    role: RoleName | None = None
    """The role whose budget it is; None: all roles."""
    runner: bool = False
    """Whether it is the budget of all stacks together."""
    needed: Decimal | None = Field(default=None, ge=0)
    """The budget that the refused call would have needed, in its own unit."""
    call: Decimal | None = Field(default=None, ge=0)
    """The maximum cost of the refused call, if that alone exceeds the whole budget."""

    @property
    def problem(self) -> str:
        """The problem: used up, or too small from the start."""
        if self.call is None:
            return "used up"
        if self.kind == "runs_per_hour":
            return "too small: it allows no run"
        return f"too small for the next call, which needs up to {self.amount(self.call)}"

    @property
    def enough(self) -> Decimal | None:
        """A sufficient budget: twice the need, because the next call is seldom the last; None: unknown."""
        if not self.needed:
            return None
        return (2 * self.needed).quantize(_CENT, ROUND_UP) if self.kind == "dollars" else 2 * self.needed

    def amount(self, number: Decimal) -> str:
        """Return an amount with the budget's unit: 18,306 tokens, $0.0125, 3 runs."""
        if self.kind == "dollars":
            return f"${number:,.4f}" if number < 1 else f"${number:,.2f}"
        return plural(int(number), "token" if self.kind == "tokens" else "run")

    def raising(self, most: Decimal, stack: str) -> str:
        """Return the arguments of `recursor` that set the budget and resume the stack.

        Args:
            most: the new budget, in its own unit.
            stack: the stack's id or name.
        """
        option = f"--{self.kind.replace('_', '-')} {most:f}"
        if self.runner:
            return f"budget {option}"
        role = "" if self.role is None else f" --role {self.role}"
        return f"budget {stack}{role} {option} --resume"

    @property
    def setting(self) -> str:
        """The budget's name for people."""
        if self.runner:
            return f"runner.budget_{self.kind}"
        return f"budget.{self.kind}" if self.role is None else f"budget.role_{self.kind} of the {self.role}"


class BudgetExceededError(RecursorError):
    """A run was stopped: its next call could cost more than a budget has left."""

    usage: Usage | None = None
    """The run's spending until then."""

    def __init__(self, problem: str, budget: BudgetName | None = None) -> None:
        """Refuse a call.

        Args:
            problem: one line: the budget, its figures, and the remedy.
            budget: the budget that has too little left; None if the limit is not Recursor's.
        """
        super().__init__(problem)
        self.budget = budget


class AgentFailedError(RecursorError):
    """An agent gives up, and reports its spending until then."""

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
            problem: one line: the problem, and the remedy if there is one.
            usage: the run's spending.
            suspend: whether a person must act before another try makes sense: the stack is paused.
            passes: whether the obstacle is temporary and not the stack's fault, such as an outage: the role
                waits for increasing times, and is tried again without limit.
            not_before: when another try makes sense (seconds since the epoch, UTC), if known; implies
                `passes`.
            counts: whether it may have cost something unreported, such as an answer that broke off: it counts
                as a run for `loop.runs`, so that a team does not pay for it forever.
            lasts: whether the same run would most likely fail the same way, such as for an answer above the
                size limit: the second time in a row, the stack is paused. It is the same failure if `problem`
                is, up to a semicolon and apart from numbers.
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
    """A budget has enough left for a call, but other calls have reserved it: it is released as they end."""

    def __init__(self, problem: str, budget: BudgetName) -> None:
        """Refuse a call for now.

        Args:
            problem: one line: the budget and its figures.
            budget: the budget.
        """
        super().__init__(problem, passes=True)
        self.budget = budget

    def __reduce__(self) -> tuple[type["BudgetHeldError"], tuple[str, BudgetName]]:
        """Keep all arguments when pickled."""
        return type(self), (str(self), self.budget)


class PriceUnknownError(RecursorError):
    """A call's price is unknown, so a budget in dollars cannot be enforced, and one applies."""


class Spend(Record):
    """Tokens and money."""

    tokens: int = Field(default=0, ge=0, le=MAX_TOKENS)
    """Of input and output together."""
    dollars: Decimal = Field(default=Decimal(0), ge=0, le=MAX_DOLLARS)
    """US dollars, of usage with a known price."""
    unpriced_tokens: int = Field(default=0, ge=0, le=MAX_TOKENS)
    """Tokens with an unknown price."""

    def plus(self, other: "Spend") -> "Spend":
        """Return the sum."""
        return Spend(
            tokens=self.tokens + other.tokens,
            dollars=self.dollars + other.dollars,
            unpriced_tokens=self.unpriced_tokens + other.unpriced_tokens,
        )

    def minus(self, other: "Spend") -> "Spend":
        """Return the difference, at least zero in each field."""
        return Spend(
            tokens=max(self.tokens - other.tokens, 0),
            dollars=max(self.dollars - other.dollars, Decimal(0)),
            unpriced_tokens=max(self.unpriced_tokens - other.unpriced_tokens, 0),
        )


class Budget(Record):
    """The most that may be spent; None: no limit."""

    tokens: int | None = Field(default=None, ge=0, le=MAX_TOKENS)
    """Most tokens, of questions and answers together. Default: no limit."""
    dollars: Decimal | None = Field(default=None, ge=0, le=MAX_DOLLARS)
    """Most US dollars, at known prices. Default: no limit."""
    runs_per_hour: int | None = Field(default=None, ge=0)
    """Most runs with model calls that start within sixty minutes. Default: no limit."""

    @property
    def limits_anything(self) -> bool:
        """Whether any limit is set."""
        return self != Budget()

    def over(self, other: "Budget") -> "Budget":
        """Return these limits, and `other`'s where these have none."""
        limits = {kind: most for kind, most in self if most is not None}
        return other.but(**limits) if limits else other


BudgetChanges = Mapping[Kind, int | Decimal | None]
"""New limits; None removes one."""


class Account(Record):
    """Spending of one stack, of one of its roles, or of all stacks of a runner."""

    stack_id: StackId
    """The stack; "all" for all stacks together."""
    role: str
    """The role; "total" for all roles together."""
    spent: Spend = Spend()
    reserved: Spend = Spend()
    """The maximum cost of running calls."""
    calls: int = 0
    """Model calls that ended."""
    unconfirmed: int = 0
    """Calls of unknown cost: they count with their maximum."""
    limits: Budget = Budget()
    """A person's override of the configured limits: only for all stacks together."""
    runs: tuple[tuple[int, int], ...] = ()
    """Runs begun in each of the last minutes: (minutes since the epoch, runs), oldest first."""


class Reservation(Record):
    """The maximum cost of a running call."""

    id: str
    stack_id: StackId
    role: RoleName
    most: Spend
    made_at: Timestamp


class Spending(Record):
    """A budget, and what was spent of it."""

    budget: Budget
    spent: Spend = Spend()
    reserved: Spend = Spend()
    """The maximum cost of running calls."""
    calls: int = 0
    """Model calls that ended."""
    unconfirmed: int = 0
    """Calls of unknown cost: they count with their maximum."""
    limits: Budget = Budget()
    """The part of the budget set while a runner was up, over its settings: only for all stacks together."""
    runs_last_hour: int = 0
    """Runs with model calls that began within the last sixty minutes."""


class StackSpending(Record):
    """The budgets and the spending of a stack and its roles."""

    stack_id: StackId
    total: Spending
    """All roles together."""
    roles: Mapping[RoleName, Spending]
    """Roles that spent something, or have a budget."""
    runner: Spending
    """All stacks together."""
