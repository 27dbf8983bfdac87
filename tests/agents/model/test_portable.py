"""Errors on their way from one process to another."""

from decimal import Decimal
from typing import Any

import pytest

from recursor.agents.hosts.errors import FarError, packed, portable, unpacked
from recursor.agents.model.rate_limiter import ProviderClosedError
from recursor.domain.graph import Usage
from recursor.domain.spending import AgentFailedError, BudgetExceededError, BudgetHeldError, BudgetName

TOKENS = BudgetName(kind="tokens", needed=Decimal(5))


class NoQuotaError(AgentFailedError):
    """One of an agent's own, which cannot be made of its text."""

    def __init__(self, who: str, code: int) -> None:
        super().__init__(f"{who}: {code}", Usage(input_tokens=3), suspend=True)


class OddError(Exception):
    def __init__(self, who: str, code: int) -> None:
        super().__init__(f"{who}: {code}")


@pytest.mark.parametrize(
    "error",
    [
        ProviderClosedError(1.5),
        BudgetHeldError("held", TOKENS),
        BudgetExceededError("used up", TOKENS),
    ],
    ids=lambda each: type(each).__name__,
)
def test_those_of_the_line_and_the_books_arrive_as_they_are(error: Any) -> None:
    arrived: Any = unpacked(packed(portable(error)))
    assert (type(arrived), str(arrived)) == (type(error), str(error))
    assert getattr(arrived, "budget", None) == getattr(error, "budget", None)
    assert getattr(arrived, "until", None) == getattr(error, "until", None)


def test_what_an_agent_means_arrives_though_its_own_kind_cannot() -> None:
    arrived = unpacked(packed(portable(NoQuotaError("Ada", 7))))
    assert isinstance(arrived, AgentFailedError)
    assert (str(arrived), arrived.usage, arrived.suspend) == ("Ada: 7", Usage(input_tokens=3), True)


def test_any_other_says_which_it_was() -> None:
    arrived = unpacked(packed(portable(OddError("Ada", 7))))
    assert isinstance(arrived, FarError)
    assert "OddError" in str(arrived)
