"""Asking a model: what comes back, what it costs, and how it is asked again."""

import time
from decimal import Decimal
from threading import Event

import pytest
from pydantic_ai import ModelRetry

from recursor.agents.model.exchange import Exchange
from recursor.domain.agent import Run
from recursor.domain.rates import Rate
from recursor.domain.settings import Settings
from recursor.domain.spending import AgentFailedError, Budget, BudgetExceededError
from tests.agents.model.asked import GOOD, TEA, Plan, asked, asking, plan
from tests.agents.model.conftest import KEY, Books, RunMaker
from tests.agents.model.loop import agent_loop
from tests.model_stub.answers import Answer, Call, always, in_turn
from tests.model_stub.server import ModelStub


def test_an_answer_has_the_type_that_was_asked_for(make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    stub.script = always(GOOD)
    reply = plan(make_run())
    assert reply.output == TEA
    assert (reply.model, reply.calls, books.runs) == ("openai:gpt-4o", 1, 1)
    assert reply.usage.input_tokens + reply.usage.output_tokens == books.spent.tokens == stub.billed[0]
    assert books.most[0].tokens >= stub.billed[0]
    assert reply.usage.cost == books.spent.dollars > 0
    assert stub.calls[0].authorization == f"Bearer {KEY}"
    assert stub.calls[0].body["max_completion_tokens"] == 1000


def test_a_text_is_told_while_it_comes(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = always(Answer("Water boils, then it is poured."))
    told: list[str] = []
    run = make_run(say=told.append)
    reply = asked(run, instructions="", prompt="How?", output=str)
    assert reply.output == "Water boils, then it is poured."
    assert told[-1] == reply.output
    assert reply.output.startswith(told[0])


def test_of_a_typed_answer_the_texts_are_told(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = always(GOOD)
    told: list[str] = []
    plan(make_run(say=told.append))
    assert told[-1] == "Tea\nboil\npour"


def test_an_answer_that_does_not_fit_is_asked_for_again(
    make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = in_turn(Answer(arguments={"title": 1}), Answer(arguments="{not json"), GOOD)
    reply = plan(make_run(retries=2))
    assert (reply.output, reply.calls) == (TEA, 3)
    assert books.spent.tokens == sum(stub.billed) == reply.usage.input_tokens + reply.usage.output_tokens


def test_after_so_many_retries_it_fails_with_what_it_spent(
    make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(arguments={"title": 1}))
    with pytest.raises(AgentFailedError, match=r"no valid answer, model\.retries = 1") as raised:
        plan(make_run(retries=1))
    assert len(stub.calls) == 2
    assert raised.value.usage is not None
    assert raised.value.usage.input_tokens + raised.value.usage.output_tokens == sum(stub.billed)
    # The next run would pay for the same again, so the second one pauses the stack.
    assert (raised.value.suspend, raised.value.lasts) == (False, True)


def test_a_check_sends_an_answer_back(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = in_turn(Answer(arguments={"title": "Coffee", "steps": []}), GOOD)

    def check(answer: Plan) -> Plan:
        if answer.title != "Tea":
            raise ModelRetry("tea was asked for")
        return answer.model_copy(update={"steps": [*answer.steps, "drink"]})

    reply = plan(make_run(), check=check)
    assert reply.output.steps == ["boil", "pour", "drink"]
    assert "tea was asked for" in stub.calls[1].prompt


@pytest.mark.parametrize("kind", [ZeroDivisionError, StopIteration])
def test_a_check_that_breaks_fails_the_run(
    make_run: RunMaker, stub: ModelStub, kind: type[Exception]
) -> None:
    stub.script = always(GOOD)

    def check(_answer: Plan) -> Plan:
        raise kind("by hand")

    with pytest.raises(AgentFailedError, match="by hand"):
        plan(make_run(), check=check)


def test_a_model_may_use_tools(make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    def temperature(city: str) -> str:
        """Tell how warm it is."""
        return f"{city}: 21 degrees"

    def script(call: Call) -> Answer:
        if "21 degrees" in call.prompt:
            return Answer(arguments=TEA.model_dump(), tool="final_result")
        return Answer(arguments={"city": "Bremen"}, tool="temperature")

    stub.script = script
    assert plan(make_run(), tools=[temperature]).calls == 2
    assert books.spent.tokens == sum(stub.billed)


def test_what_a_budget_does_not_hold_is_not_sent(make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    books.budget = Budget(tokens=1500)
    with pytest.raises(BudgetExceededError):
        plan(make_run())
    assert (stub.calls, books.open) == ([], {})


def test_retries_stay_within_the_budget(make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    books.budget = Budget(tokens=20_000)
    stub.script = always(Answer(arguments={"title": 1}, input_tokens=5_000))
    with pytest.raises(BudgetExceededError) as raised:
        plan(make_run(retries=10))
    assert raised.value.usage is not None
    assert raised.value.usage.input_tokens == 5_000 * len(stub.calls)
    assert sum(stub.billed) == books.spent.tokens <= 20_000


def test_a_budget_in_dollars_refuses_what_has_no_price(
    make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    books.budget = Budget(dollars=Decimal(5))
    with pytest.raises(AgentFailedError, match="price is not known") as raised:
        plan(make_run(name="openai:of-my-own"))
    assert raised.value.suspend
    assert stub.calls == []


def test_without_such_a_budget_its_cost_is_unknown(make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    stub.script = always(GOOD)
    reply = plan(make_run(name="openai:of-my-own"))
    assert reply.usage.cost is None
    assert books.spent.tokens == stub.billed[0]


def test_a_provider_that_reports_nothing_is_counted_in_full(
    make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(arguments=TEA.model_dump(), reports_usage=False))
    assert plan(make_run()).output == TEA
    assert books.settled == [None]
    assert books.spent == books.most[0]


def test_no_more_calls_are_made_at_a_time_than_are_allowed(
    stub: ModelStub, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    gate = Event()
    stub.script = always(Answer(arguments=TEA.model_dump(), held_until=gate))
    exchange = Exchange(rates={"openai": Rate(concurrent=4)})
    settings = Settings().overridden({"model": {"name": "openai:gpt-4o", "base_url": stub.url}})

    def run() -> Run:
        return Run("e", "planner", 1, "because", settings, time.time() + 300, meter=books, models=exchange)

    answers = [asking(run()) for _ in range(40)]
    stub.wait_until(lambda seen: seen.answering == 4)
    gate.set()
    assert [answer.result().output for answer in answers] == [TEA] * 40
    agent_loop().run(exchange.aclose())
    assert stub.most_at_once == 4
    assert books.spent.tokens == sum(stub.billed)
