"""`budget` shows what may be spent and what was, raises it, and resumes a stack that was paused for it."""

import json
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recursor.cli.app import run_command
from recursor.domain.spending import Spend
from recursor.domain.stack import ExecutionState
from recursor.orchestration.ledger import Budgets
from recursor.runner.data_paths import store_directory
from recursor.storage.commit import Commit
from recursor.storage.opening import open_store
from tests.making import STACK, make_stack
from tests.processes import run_to_end, started_runner
from tests.storing import empty_ledger, put_ledger, put_stack

Run = Callable[..., str]
REASON = (
    "builder: budget.tokens: 90 of 100 tokens spent, "
    "and the next call needs up to 50 tokens: raise the budget, then resume"
)


@pytest.fixture
def budget(run: Run, tmp_path: Path) -> Run:
    """Runs `budget` on a stack that was paused for want of tokens; returns what it printed."""

    commit, ledger = Commit(), empty_ledger()
    put_stack(
        commit,
        make_stack(state=ExecutionState.PAUSED, state_reason=REASON, settings={"budget": {"tokens": 100}}),
    )
    ledger.begin_run(STACK, "builder", Budgets(), 0)
    ledger.reserve(STACK, "builder", Budgets(), Spend(tokens=90, dollars=Decimal("0.5")), 0, "call")
    ledger.settle("call", Spend(tokens=90, dollars=Decimal("0.0123")))
    put_ledger(commit, ledger)
    with closing(open_store(store_directory(tmp_path / ".recursor"))) as store:
        store.write(commit)

    return lambda *arguments, **more: run("budget", *arguments, **more)


def asked(budget: Run, *arguments: str) -> Any:
    return json.loads(budget(*arguments, "--json"))


def state(capsys: pytest.CaptureFixture[str]) -> str:
    assert run_command(["show", "garden", "--json"]) == 0
    return str(json.loads(capsys.readouterr().out)["state"])


def test_shows_what_was_spent_of_what_and_why_the_stack_stands_still(budget: Run) -> None:
    shown = budget("garden")
    assert REASON in shown.replace("\n", " ")
    assert "90 of 100" in shown
    assert "builder" in shown
    assert "$0.0123" in shown
    assert "all stacks" in shown


def test_raises_and_resumes_in_one_go(budget: Run, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(
        budget, "garden", "--tokens", "1000", "--dollars", "2.25", "--runs-per-hour", "7", "--resume"
    )
    assert found["total"]["budget"] == {"tokens": 1000, "dollars": "2.25", "runs_per_hour": 7}
    assert found["total"]["spent"]["tokens"] == 90
    assert state(capsys) == "running"
    # It runs already: nothing to do, and no error.
    budget("garden", "--resume")


def test_a_role_has_a_budget_of_its_own_beside_those_of_others(budget: Run) -> None:
    budget("garden", "--role", "planner", "--tokens", "5")
    found = asked(budget, "garden", "--role", "builder", "--tokens", "7", "--dollars", "$1")
    roles = {role: each["budget"] for role, each in found["roles"].items()}
    assert roles["planner"]["tokens"] == 5
    assert roles["builder"] == {"tokens": 7, "dollars": "1", "runs_per_hour": None}
    found = asked(budget, "garden", "--role", "builder", "--off")
    assert found["roles"]["builder"]["budget"]["tokens"] is None
    assert found["roles"]["planner"]["budget"]["tokens"] == 5
    assert found["total"]["budget"]["tokens"] == 100


def test_a_role_keeps_what_holds_for_all_stacks(
    budget: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recursor.toml").write_text("[budget]\nrole_tokens = {planner = 5, builder = 9}\n")

    def tokens(found: Any) -> dict[str, Any]:
        return {role: each["budget"]["tokens"] for role, each in found["roles"].items()}

    def own() -> Any:
        assert run_command(["show", "garden", "--json"]) == 0
        return json.loads(capsys.readouterr().out)["settings"]["budget"]

    said = budget("garden", "--role", "planner", "--off", code=2)
    assert said.startswith("budget: the planner has no budget of its own here: nothing to remove")
    assert tokens(asked(budget, "garden")) == {"planner": 5, "builder": 9}
    assert own() == {"tokens": 100}
    found = asked(budget, "garden", "--role", "reviewer", "--tokens", "7")
    assert tokens(found) == {"planner": 5, "builder": 9, "reviewer": 7}
    assert own() == {"tokens": 100, "role_tokens": {"reviewer": 7}}
    assert tokens(asked(budget, "garden", "--role", "planner", "--tokens", "50"))["planner"] == 50
    assert tokens(asked(budget, "garden", "--role", "planner", "--off"))["planner"] == 5
    assert own() == {"tokens": 100, "role_tokens": {"reviewer": 7}}


def test_off_takes_back_all_that_was_set(budget: Run) -> None:
    budget("garden", "--role", "planner", "--tokens", "5")
    found = asked(budget, "garden", "--off")
    assert found["total"]["budget"] == {"tokens": None, "dollars": None, "runs_per_hour": None}
    assert "planner" not in found["roles"]


def test_of_all_together_is_shown_with_what_the_settings_say(budget: Run, tmp_path: Path) -> None:
    (tmp_path / "recursor.toml").write_text("[runner]\nbudget_dollars = 3\n")
    assert "$0.0123 of $3.00" in budget()
    assert asked(budget)["spent"]["tokens"] == 90


def test_of_all_together_is_raised_over_the_settings_and_taken_back(budget: Run, tmp_path: Path) -> None:
    (tmp_path / "recursor.toml").write_text("[runner]\nbudget_dollars = 3\nbudget_runs_per_hour = 9\n")
    shown = budget("--dollars", "20", "--tokens", "1000")
    assert "$0.0123 of $20.00" in shown
    assert "Set by this command" in shown
    found = asked(budget)
    assert found["budget"] == {"tokens": 1000, "dollars": "20", "runs_per_hour": 9}
    assert found["limits"] == {"tokens": 1000, "dollars": "20", "runs_per_hour": None}
    assert asked(budget, "garden")["runner"]["budget"] == found["budget"]
    assert asked(budget, "--off")["budget"] == {"tokens": None, "dollars": "3", "runs_per_hour": 9}


@pytest.mark.slow
def test_of_all_together_is_raised_while_a_runner_is_up_and_kept(data: Path) -> None:
    def asked(*arguments: str) -> Any:
        done = run_to_end("budget", "--json", *arguments, data=data)
        assert done.code == 0, done.err
        return done.json

    with started_runner(data=data):
        assert asked("--dollars", "2.50", "--runs-per-hour", "0")["budget"]["dollars"] == "2.50"
        found = asked()
        refused = run_to_end("create", "one", "--model", "openai:my-own", data=data)
        assert "runner.budget_dollars: cannot be enforced: the price of openai:my-own" in refused.complaint
    assert asked() == found
    with started_runner(data=data):
        assert asked() == found
        assert asked("--off")["budget"] == {"tokens": None, "dollars": None, "runs_per_hour": None}


def test_dollars_of_all_together_need_the_prices_of_all(
    budget: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["configure", "garden", "--set", "model.name=openai:my-own"]) == 0
    capsys.readouterr()
    said = budget("--dollars", "5", code=2)
    assert said.startswith("stack garden: runner.budget_dollars: cannot be enforced: the price of openai")
    assert asked(budget)["budget"]["dollars"] is None
    assert asked(budget, "--tokens", "5")["budget"]["tokens"] == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--resume"], "budget: --role and --resume need a stack: name it"),
        (["--role", "builder", "--tokens", "5"], "budget: --role and --resume need a stack: name it"),
        (["--off", "--tokens", "5"], "budget: --off removes the budget"),
        (["garden", "--off", "--tokens", "5"], "budget: --off removes the budget"),
        (["garden", "--role", "builder"], "budget: --role needs --tokens"),
        (["garden", "--role", "no role", "--tokens", "5"], "settings.budget: role_tokens"),
        (["garden", "--role", "reviewer", "--off"], "budget: the reviewer has no budget"),
        (["garden", "--dollars", "much"], "--dollars: 'much' is not an amount"),
        (["garden", "--dollars", "-1"], "--dollars: '-1' is not an amount"),
        (["garden", "--dollars", "nan"], "--dollars: 'nan' is not an amount"),
        (["garden", "--dollars", "9e99"], "budget: dollars: "),
        (["garden", "--tokens", "9" * 30], "budget: tokens: "),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    budget: Run, arguments: list[str], said: str
) -> None:
    before = asked(budget, "garden")
    assert budget(*arguments, code=2).startswith(said)
    assert asked(budget, "garden") == before


def test_a_budget_in_dollars_over_a_model_of_unknown_price_is_refused(
    budget: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["configure", "garden", "--set", "model.name=openai:my-own"]) == 0
    capsys.readouterr()
    said = budget("garden", "--dollars", "5", code=2)
    assert said.startswith(
        "budget.dollars: cannot be enforced: the price of openai:my-own (model.name) is unknown"
    )
    assert asked(budget, "garden")["total"]["budget"]["dollars"] is None
