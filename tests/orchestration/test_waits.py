"""How long a role waits for what passes by itself, and what makes it wait no more."""

import math
from typing import Any

import pytest

from recursor.domain.agent_state import Wait
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError, BudgetHeldError, BudgetName
from recursor.orchestration.waits import held_back, wait_after
from tests.making import NOW, make_snapshot, make_stack, make_state, make_status

DEFAULTS = Settings()
ANOTHER = DEFAULTS.but(model=DEFAULTS.model.but(name="openai:another"))
HOUR = 3600.0
WORK = make_status(5)


def away(not_before: float | None = None) -> AgentFailedError:
    return AgentFailedError("the model is away", passes=True, not_before=not_before)


def waiting(wait: Wait | None = None, **stack: Any) -> Snapshot:
    return make_snapshot(make_state("planner").but(wait=wait), stack=make_stack(**stack))


def after(not_before: float | None = None, wait: Wait | None = None, **stack: Any) -> Wait:
    return wait_after(away(not_before), "planner", waiting(wait, **stack), DEFAULTS, NOW)


def earlier(**fields: Any) -> Wait:
    asked = DEFAULTS.model.asked_by("planner")
    return Wait(**{"since": NOW - 50, "until": NOW, "times": 7, "why": "away", "asked": asked, **fields})


def seconds_in_a_row(count: int, told: Any) -> list[float]:
    """What so many failures in a row have a role wait, each told a time that may depend on when it is."""
    now, wait, found = NOW, None, []
    for _ in range(count):
        wait = wait_after(away(told(now)), "planner", waiting(wait), DEFAULTS, now)
        found.append(wait.until - now)
        now = wait.until
    return found


class TestTheTimeThatIsTold:
    @pytest.mark.parametrize("seconds", [1, 7.5, 600, HOUR])
    def test_is_kept_to(self, seconds: float) -> None:
        wait = after(NOW + seconds)
        assert (wait.since, wait.until, wait.times) == (NOW, NOW + seconds, 1)

    @pytest.mark.parametrize("not_before", [NOW + HOUR + 1, 2e11, 1.8e12, math.inf])
    def test_is_an_hour_away_at_most(self, not_before: float) -> None:
        wait = after(not_before)
        assert wait.until == NOW + HOUR
        assert held_back(WORK, "planner", waiting(wait), DEFAULTS, NOW + 1).due_at == NOW + HOUR

    @pytest.mark.parametrize(
        "told",
        [lambda now: now + 1, lambda now: now - 5, lambda _: -math.inf],
        ids=["1 s", "past", "never"],
    )
    def test_is_believed_less_and_less_where_it_is_wrong_every_time(self, told: Any) -> None:
        seconds = seconds_in_a_row(11, told)
        assert seconds == pytest.approx([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])

    def test_is_none_if_it_is_no_number(self) -> None:
        assert after(math.nan).until == NOW + 5

    def test_is_made_up_as_after_failures_where_there_is_none(self) -> None:
        assert seconds_in_a_row(8, lambda _: None) == pytest.approx([5, 10, 20, 40, 80, 160, 300, 300])

    def test_is_never_at_once_whatever_the_settings_say(self) -> None:
        hasty = DEFAULTS.but(pause=DEFAULTS.pause.but(first_backoff=0, longest_backoff=0))
        assert wait_after(away(), "planner", waiting(), hasty, NOW).until == NOW + 1
        assert wait_after(away(NOW), "planner", waiting(), hasty, NOW).until == NOW + 1


class TestAWait:
    def test_says_whether_it_is_for_the_provider_or_for_others_calls_to_end(self) -> None:
        held = BudgetHeldError("80 of 100 reserved", BudgetName(kind="tokens"))
        assert after().waits_for == "provider"
        assert wait_after(held, "planner", waiting(), DEFAULTS, NOW).waits_for == "budget"

    def test_holds_its_role_back_and_is_counted_on(self) -> None:
        wait = earlier(until=NOW + 5)
        status = held_back(WORK, "planner", waiting(wait), DEFAULTS, NOW)
        assert (status.has_work, status.waits, status.due_at) == (False, "provider", NOW + 5)
        assert after(wait=wait).times == 8

    def test_that_is_over_is_counted_on(self) -> None:
        wait = earlier()
        assert held_back(WORK, "planner", waiting(wait), DEFAULTS, NOW) == WORK
        assert after(wait=wait).times == 8

    @pytest.mark.parametrize("told", ["started_at", "resumed_at"])
    def test_is_over_and_forgotten_when_a_person_has_the_stack_go_on(self, told: str) -> None:
        wait, stack = earlier(until=NOW + 5), {told: NOW - 1}
        assert held_back(WORK, "planner", waiting(wait, **stack), DEFAULTS, NOW) == WORK
        again = after(wait=wait, **stack)
        assert (again.times, again.until) == (1, NOW + 5)

    def test_is_over_and_forgotten_for_another_model(self) -> None:
        wait = earlier(until=NOW + 5)
        assert held_back(WORK, "planner", waiting(wait), ANOTHER, NOW) == WORK
        assert wait_after(away(), "planner", waiting(wait), ANOTHER, NOW).times == 1

    def test_of_a_clock_that_was_ahead_is_nothing(self) -> None:
        wait = earlier(since=NOW + 9e6, until=NOW + 9e6 + 5)
        assert held_back(WORK, "planner", waiting(wait), DEFAULTS, NOW) == WORK
        assert after(wait=wait).times == 1
