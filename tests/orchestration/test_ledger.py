"""What is spent is set aside first, counted afterwards, and never more than a budget allows."""

from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from recursor.domain.errors import InvalidInputError
from recursor.domain.spending import (
    Account,
    Budget,
    BudgetChanges,
    BudgetExceededError,
    BudgetHeldError,
    PriceUnknownError,
    Reservation,
    Spend,
)
from recursor.orchestration.ledger import ALL_STACKS, TOTAL, Budgets, Ledger

NOW = 1_700_000_000.0
A, B = "a" * 16, "b" * 16


@pytest.fixture
def books() -> "Books":
    return Books()


class Books:
    """A ledger, and what of it is on disk: all that it changes is, at once."""

    def __init__(self) -> None:
        self.accounts: dict[tuple[str, str], Account] = {}
        self.reservations: dict[str, Reservation] = {}
        self.numbers = count(1)
        self.restart()

    def restart(self) -> None:
        """Begin again with what is on disk."""
        self.ledger = Ledger(lambda *key: self.accounts.get(key), list(self.reservations.values()))

    def write(self) -> None:
        for (stack_id, key), record in self.ledger.changed.items():
            if isinstance(record, Reservation):
                self.reservations[key] = record
            else:
                self.accounts[stack_id, key] = record
        for reservation_id in self.ledger.removed:
            self.reservations.pop(reservation_id, None)
        for owned in [owned for owned in self.accounts if owned[0] in self.ledger.forgotten]:
            del self.accounts[owned]
        self.ledger.changed.clear()
        self.ledger.removed.clear()

    def reserve(self, tokens: int, budgets: Budgets = Budgets(), dollars: str = "0", **who: str) -> str:  # noqa: B008
        most = Spend(tokens=tokens, dollars=Decimal(dollars))
        owner, role, key = who.get("stack_id", A), who.get("role", "planner"), str(next(self.numbers))
        self.ledger.reserve(owner, role, budgets, most, NOW, key)
        self.write()
        return key

    def settle(self, reservation: str, tokens: int | None, dollars: str = "0") -> None:
        spent = None if tokens is None else Spend(tokens=tokens, dollars=Decimal(dollars))
        self.ledger.settle(reservation, spent)
        self.write()

    def settle_all(self) -> int:
        lost = self.ledger.reserved()
        for reservation_id in lost:
            self.settle(reservation_id, None)
        return len(lost)

    def begin(self, budgets: Budgets, now: float, role: str = "planner") -> None:
        self.ledger.begin_run(A, role, budgets, now)
        self.write()

    def limit(self, changes: BudgetChanges) -> None:
        self.ledger.limit_all(changes)
        self.write()

    def account(self, stack_id: str = A, role: str = TOTAL) -> Account:
        """Return an account as it is on disk."""
        assert not self.ledger.changed
        return self.accounts.get((stack_id, role), Account(stack_id=stack_id, role=role))


def test_a_call_is_counted_for_its_role_its_stack_and_all(books: Books) -> None:
    first = books.reserve(100, dollars="0.30")
    assert books.account().reserved == Spend(tokens=100, dollars=Decimal("0.30"))
    books.settle(first, 40, "0.12")
    books.settle(books.reserve(100, stack_id=B, role="builder"), 7)
    for account, tokens in (
        (books.account(), 40),
        (books.account(role="planner"), 40),
        (books.account(B, "builder"), 7),
        (books.account(ALL_STACKS), 47),
    ):
        assert account.spent.tokens == tokens
        assert account.reserved == Spend()
    assert books.account().spent.dollars == Decimal("0.12")
    assert books.account(role="builder").calls == 0


TOKENS, DOLLARS = Budget(tokens=100), Budget(dollars=Decimal("1.00"))


@pytest.mark.parametrize(
    ("budgets", "names"),
    [
        (
            Budgets(stack=TOKENS),
            "budget.tokens: 60 of 100 tokens spent, and the next call needs up to 50 tokens: raise",
        ),
        (Budgets(role=TOKENS), "budget.role_tokens of the planner: 60 of 100"),
        (Budgets(runner=TOKENS), "runner.budget_tokens: 60 of 100"),
        (
            Budgets(stack=DOLLARS),
            "budget.dollars: $0.6000 of $1.00 spent, and the next call needs up to $0.5000",
        ),
        (Budgets(runner=DOLLARS), "runner.budget_dollars: $0.6000 of $1.00"),
    ],
)
def test_what_would_be_too_much_is_refused_whole(books: Books, budgets: Budgets, names: str) -> None:
    books.settle(books.reserve(60, budgets, "0.60"), 60, "0.60")
    before = [books.account(owner, role) for owner, role in ((A, TOTAL), (A, "planner"), (ALL_STACKS, TOTAL))]
    with pytest.raises(BudgetExceededError) as refused:
        books.reserve(50, budgets, "0.50")
    assert names in str(refused.value)
    assert refused.value.budget is not None
    assert str(refused.value).startswith(f"{refused.value.budget.setting}: ")
    assert before == [
        books.account(owner, role) for owner, role in ((A, TOTAL), (A, "planner"), (ALL_STACKS, TOTAL))
    ]
    books.reserve(40, budgets, "0.40")


def test_what_is_set_aside_is_not_there_for_others(books: Books) -> None:
    first = books.reserve(80, Budgets(stack=TOKENS))
    said = "0 of 100 tokens spent, 80 reserved by running calls, and the next call needs up to"
    with pytest.raises(BudgetHeldError, match=f"{said} 30 tokens: waiting for them to end"):
        books.reserve(30, Budgets(stack=TOKENS), role="builder")
    # What could not be paid for even if nothing of that is spent is a person's business.
    with pytest.raises(
        BudgetExceededError, match="too small for the next call, which needs up to 101 tokens"
    ):
        books.reserve(101, Budgets(stack=TOKENS), role="builder")
    books.settle(first, 10)
    books.reserve(30, Budgets(stack=TOKENS), role="builder")


def test_money_that_is_set_aside_comes_back_too(books: Books) -> None:
    budgets = Budgets(runner=Budget(dollars=Decimal(1)))
    first = books.reserve(1, budgets, dollars="0.80")
    with pytest.raises(BudgetHeldError, match=r"\$0\.8000 reserved"):
        books.reserve(1, budgets, dollars="0.30", stack_id=B)
    books.settle(first, 1, "0.75")
    with pytest.raises(BudgetExceededError, match=r"\$0\.7500 of \$1\.00 spent"):
        books.reserve(1, budgets, dollars="0.30", stack_id=B)


@pytest.mark.parametrize(
    ("budgets", "dollars", "says", "command"),
    [
        (
            Budgets(stack=Budget(tokens=9_000)),
            "0",
            "budget.tokens: too small for the next call, which needs up to 18,306 tokens "
            "(0 of 9,000 tokens spent): ",
            f"budget {A} --tokens 36612 --resume",
        ),
        (
            Budgets(role=Budget(dollars=Decimal("0.01"))),
            "0.0234",
            "budget.role_dollars of the planner: too small for the next call, which needs up to $0.0234 "
            "($0.0000 of $0.01 spent): ",
            f"budget {A} --role planner --dollars 0.05 --resume",
        ),
        (
            Budgets(runner=Budget(tokens=9_000)),
            "0",
            "runner.budget_tokens: too small for the next call, which needs up to 18,306 tokens "
            "(0 of 9,000 tokens spent): ",
            "budget --tokens 36612, then resume",
        ),
    ],
)
def test_a_budget_that_no_call_fits_into_is_called_too_small_with_the_command_that_sets_it(
    books: Books, budgets: Budgets, dollars: str, says: str, command: str
) -> None:
    with pytest.raises(BudgetExceededError) as refused:
        books.reserve(18_306, budgets, dollars)
    assert str(refused.value) == f"{says}raise it with recursor {command}"
    assert refused.value.budget is not None
    assert refused.value.budget.problem in str(refused.value)


def test_a_budget_of_which_a_call_would_have_been_paid_is_called_used_up(books: Books) -> None:
    budgets = Budgets(stack=TOKENS)
    books.settle(books.reserve(60, budgets), 60)
    with pytest.raises(BudgetExceededError) as refused:
        books.reserve(50, budgets)
    assert refused.value.budget is not None
    assert refused.value.budget.problem == "used up"


def test_a_budget_of_nothing_allows_no_call(books: Books) -> None:
    with pytest.raises(BudgetExceededError):
        books.reserve(1, Budgets(stack=Budget(tokens=0)))


def test_a_call_that_nobody_can_tell_of_counts_in_full(books: Books) -> None:
    books.settle(books.reserve(100, dollars="0.50"), None)
    account = books.account()
    assert (account.spent, account.unconfirmed) == (Spend(tokens=100, dollars=Decimal("0.50")), 1)


def test_what_is_not_written_yet_is_not_forgotten(books: Books) -> None:
    books.reserve(100, stack_id=B)
    books.ledger.reserve(A, "planner", Budgets(), Spend(tokens=30), NOW, "call")
    books.ledger.forget_written(most=0)
    assert books.ledger.account(A).reserved == Spend(tokens=30)
    books.write()
    books.ledger.forget_written(most=0)
    assert books.ledger.account(A).reserved == Spend(tokens=30)
    assert books.ledger.account(ALL_STACKS).reserved == Spend(tokens=130)


def test_settling_twice_counts_once(books: Books) -> None:
    reservation = books.reserve(100)
    books.settle(reservation, 10)
    books.settle(reservation, 10)
    books.settle("no such thing", 10)
    assert (books.account().spent.tokens, books.account().calls) == (10, 1)


def test_what_a_dead_process_set_aside_counts_in_full_once(books: Books) -> None:
    late = books.reserve(100)
    books.reserve(30, stack_id=B)
    books.restart()
    assert books.settle_all() == 2
    assert books.settle_all() == 0
    books.settle(late, 10)
    assert (books.account().spent.tokens, books.account(B).spent.tokens) == (100, 30)
    assert books.account(ALL_STACKS).spent.tokens == 130
    assert books.account(ALL_STACKS).reserved == Spend()


def test_a_deleted_stack_takes_its_accounts_along_and_what_all_spent_stays(books: Books) -> None:
    under_way = books.reserve(100)
    books.settle(books.reserve(50), 20)
    books.ledger.forget(A)
    books.write()
    assert books.account().spent == Spend()
    books.settle(under_way, 60)
    assert books.account().spent == Spend()
    assert books.account(ALL_STACKS).spent.tokens == 80
    assert books.account(ALL_STACKS).reserved == Spend()


def test_a_price_that_nobody_knows_is_refused_where_dollars_count(books: Books) -> None:
    unpriced = Spend(tokens=1, unpriced_tokens=1)
    books.ledger.reserve(A, "planner", Budgets(stack=TOKENS), unpriced, NOW, "1")
    with pytest.raises(PriceUnknownError):
        books.ledger.reserve(A, "planner", Budgets(runner=DOLLARS), unpriced, NOW, "2")


def test_runs_are_counted_over_the_last_sixty_minutes(books: Books) -> None:
    budgets = Budgets(stack=Budget(runs_per_hour=3))
    for minutes in (0, 30, 59):
        books.begin(budgets, NOW + 60 * minutes)
    with pytest.raises(BudgetExceededError, match=r"budget.runs_per_hour: 3 runs in an hour, 3 allowed"):
        books.begin(budgets, NOW + 60 * 59)
    books.begin(budgets, NOW + 60 * 61)
    with pytest.raises(BudgetExceededError):
        books.begin(budgets, NOW + 60 * 89)


def test_a_role_has_runs_of_its_own(books: Books) -> None:
    budgets = Budgets(role=Budget(runs_per_hour=1))
    books.begin(budgets, NOW)
    books.begin(budgets, NOW, role="builder")
    with pytest.raises(BudgetExceededError, match=r"budget\.role_runs_per_hour of the planner"):
        books.begin(budgets, NOW)


def test_no_sixty_minutes_have_more_runs_than_are_allowed(books: Books) -> None:
    budgets = Budgets(stack=Budget(runs_per_hour=3))
    # The last second of a minute.
    began = 60 * (NOW // 60) + 59
    for _ in range(3):
        books.begin(budgets, began)
    for later in (1, 59 * 60 + 1, 60 * 60 - 1):
        with pytest.raises(BudgetExceededError, match="3 runs in an hour"):
            books.begin(budgets, began + later)
    books.begin(budgets, began + 60 * 60 + 1)


def test_a_clock_that_was_years_ahead_blocks_nobody_when_it_is_right_again(books: Books) -> None:
    budgets = Budgets(stack=Budget(runs_per_hour=1))
    books.begin(budgets, NOW + 10 * 365 * 86_400)
    books.begin(budgets, NOW)
    with pytest.raises(BudgetExceededError):
        books.begin(budgets, NOW + 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 50)), max_size=200))
def test_the_count_of_runs_stays_small(steps: list[tuple[int, int]]) -> None:
    books, minute = Books(), 0
    begun: list[int] = []
    for wait, runs in steps[:40]:
        minute += wait
        for _ in range(min(runs, 3)):
            books.begin(Budgets(), 60.0 * minute)
            begun.append(minute)
    account = books.account()
    assert len(account.runs) <= 61
    assert sum(runs for _, runs in account.runs) == sum(at >= minute - 60 for at in begun)


class Spending(RuleBasedStateMachine):
    """Any order of calls, answers, losses and deaths, beside the simplest books there can be."""

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.open: dict[str, int] = {}
        self.spent = 0
        self.budgets = Budgets(stack=Budget(tokens=1000), runner=Budget(tokens=1500))

    @rule(tokens=st.integers(0, 400), role=st.sampled_from(["planner", "builder"]))
    def call(self, tokens: int, role: str) -> None:
        fits = self.spent + sum(self.open.values()) + tokens <= 1000
        try:
            self.open[self.books.reserve(tokens, self.budgets, role=role)] = tokens
        except BudgetHeldError:
            assert not fits
            assert self.spent + tokens <= 1000
        except BudgetExceededError:
            assert self.spent + tokens > 1000
        else:
            assert fits

    @precondition(lambda self: self.open)
    @rule(data=st.data(), lost=st.booleans())
    def end(self, data: st.DataObject, lost: bool) -> None:
        reservation = data.draw(st.sampled_from(sorted(self.open)))
        most = self.open.pop(reservation)
        spent = most if lost else data.draw(st.integers(0, most))
        self.books.settle(reservation, None if lost else spent)
        self.spent += spent

    @rule()
    def forget(self) -> None:
        self.books.ledger.forget_written(most=0)

    @rule()
    def die(self) -> None:
        self.books.restart()
        assert self.books.settle_all() == len(self.open)
        self.spent += sum(self.open.values())
        self.open.clear()

    @invariant()
    def books_are_right(self) -> None:
        for owner in (A, ALL_STACKS):
            account = self.books.account(owner)
            assert account.spent.tokens == self.spent
            assert account.reserved.tokens == sum(self.open.values())
        roles = [self.books.account(A, role).spent.tokens for role in ("planner", "builder")]
        assert sum(roles) == self.spent <= 1000


TestSpending: Callable[..., Any] = Spending.TestCase


def test_reservations_are_removed_when_settled(books: Books) -> None:
    books.settle(books.reserve(1), 1)
    assert books.reservations == {}


def test_what_a_person_limits_all_to_holds_over_the_settings_at_once(books: Books) -> None:
    runner = Budgets(runner=Budget(tokens=100, runs_per_hour=5))
    books.limit({"tokens": 30})
    with pytest.raises(BudgetExceededError, match=r"^runner\.budget_tokens: too small for the next call"):
        books.reserve(40, runner)
    books.limit({"tokens": 300, "runs_per_hour": 0})
    books.settle(books.reserve(250, runner), 250)
    with pytest.raises(
        BudgetExceededError, match=r"^runner\.budget_runs_per_hour: too small: it allows no run"
    ):
        books.begin(runner, NOW)
    books.limit({"tokens": None, "runs_per_hour": None})
    with pytest.raises(BudgetExceededError, match="250 of 100 tokens spent"):
        books.reserve(1, runner)
    # They are no stack's, and no role's.
    assert books.account(A).limits == Budget()


def test_a_limit_that_cannot_be_is_refused_and_changes_nothing(books: Books) -> None:
    books.limit({"tokens": 30})
    with pytest.raises(InvalidInputError, match=r"^budget: tokens: "):
        books.limit({"tokens": -1, "dollars": Decimal(1)})
    assert books.account(ALL_STACKS).limits == Budget(tokens=30)


def test_what_is_refused_changes_nothing_that_would_be_written(books: Books) -> None:
    with pytest.raises(BudgetExceededError):
        books.ledger.reserve(A, "planner", Budgets(runner=Budget(tokens=0)), Spend(tokens=1), NOW, "1")
    with pytest.raises(BudgetExceededError):
        books.ledger.begin_run(A, "planner", Budgets(runner=Budget(runs_per_hour=0)), NOW)
    assert (books.ledger.changed, books.ledger.removed) == ({}, set())
