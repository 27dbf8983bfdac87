"""Whatever goes wrong on the wire ends in a clean retry or a clear line, and the books are exact."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from pydantic_ai.exceptions import FallbackExceptionGroup, ModelConnectionError, ModelHTTPError

from recursor.agents.model.ask import MOST_TURNS
from recursor.agents.model.exchange import Exchange
from recursor.agents.model.failures import ProviderUnavailableError, explained
from recursor.domain.graph import Usage
from recursor.domain.settings import Settings
from recursor.domain.spending import AgentFailedError, Spend
from recursor.runtime.clock import ManualClock
from tests.agents.model.asked import GOOD, TEA, Plan, asked, asking, plan
from tests.agents.model.conftest import KEY, Books, RunMaker
from tests.agents.model.loop import CancelledRunError, agent_loop, stop
from tests.agents.model.test_unreachable import certified, server
from tests.model_stub.answers import Answer, Call, Fault, always, in_turn
from tests.model_stub.server import ModelStub

PASSING = {
    "500": Answer("oops", status=500),
    "503": Answer("overloaded", status=503, headers={"retry-after": "0"}),
    "529": Answer("overloaded", status=529, headers={"retry-after": "0"}),
    "429": Answer("slow down", status=429, headers={"retry-after": "0"}),
    "429, with a date": Answer(
        "slow down", status=429, headers={"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}
    ),
    "reset": Answer(fault=Fault.RESET),
    "reset within": Answer(arguments=TEA.model_dump(), fault=Fault.RESET_WITHIN, piece=2),
    "closed within": Answer(arguments=TEA.model_dump(), fault=Fault.CLOSE_WITHIN, piece=2),
    "overloaded within": Answer(arguments=TEA.model_dump(), fault=Fault.OVERLOADED_WITHIN, piece=2),
    "broken json": Answer(arguments=TEA.model_dump(), fault=Fault.BROKEN_JSON, piece=2),
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_tried_again(fault: str, make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    stub.script = in_turn(PASSING[fault], GOOD)
    reply = plan(make_run())
    assert (reply.output, reply.calls, len(stub.calls)) == (TEA, 2, 2)
    assert books.open == {}
    if PASSING[fault].status != 200:
        assert books.spent.tokens == sum(stub.billed)
    else:
        # What came in was not whole: nobody can tell, so all that was set aside counts.
        assert books.settled[0] is None
        assert books.spent.tokens >= sum(stub.billed)


LASTING = {
    "500": (Answer("oops", status=500), "HTTP 500: oops", False),
    "400": (Answer("no such thing", status=400), "HTTP 400: no such thing", False),
    "401": (Answer(f"wrong key {KEY}", status=401), r"HTTP 401: wrong key \[key\]", True),
    "404": (Answer("no such model", status=404), "HTTP 404: no such model", True),
    "402": (Answer("pay first", status=402), "HTTP 402: pay first", True),
    "moved": (
        Answer("", status=308, headers={"location": "http://new/v1"}),
        "HTTP 308: it has moved to http://new/v1: correct its address",
        True,
    ),
    "cut off": (Answer(arguments='{"title": "T', finish="length"), "cut off at model.output_tokens", False),
    "a text that is cut off": (Answer("It is about t", finish="length"), "cut off at model.output", False),
    "far too large": (
        Answer("x" * 5_000_000, piece=50_000, input_tokens=200, ignores_limit=True),
        "exceeds model.output_tokens",
        False,
    ),
    "a wait of days": (
        Answer("later", status=429, headers={"retry-after": "90000"}),
        "provider unavailable; retry in",
        False,
    ),
    "hang": (Answer(fault=Fault.HANG), r"no answer has begun within model\.call_seconds = 20", False),
    "drip": (Answer(fault=Fault.DRIP, piece=1), "no whole answer within model.call_seconds", False),
}


@pytest.mark.parametrize("fault", LASTING)
def test_what_lasts_fails_in_one_line(fault: str, make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    answer, expected, suspend = LASTING[fault]
    stub.script = always(answer)
    output = str if "text" in fault else Plan
    with pytest.raises(AgentFailedError, match=expected) as raised:
        asked(make_run(seconds=600, call_seconds=20 if "call_seconds" in expected else 3_000), output=output)
    assert raised.value.suspend is suspend
    assert raised.value.lasts is ("cut off" in fault or "large" in fault)
    assert KEY not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert books.open == {}
    # Of what was far too large, not all had come when it was cut off.
    came = [min(bill, 200 + 1_000_000 // 4) for bill in stub.billed]
    assert books.spent.tokens >= sum(came)


def test_an_answer_that_is_whole_at_the_limit_is_good(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = always(Answer(arguments=TEA.model_dump(), finish="length"))
    assert plan(make_run()).output == TEA


def test_a_server_that_keeps_to_no_limit_is_counted_as_it_reports(
    make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(arguments=TEA.model_dump(), output_tokens=50_000))
    plan(make_run())
    assert books.spent.tokens == sum(stub.billed) > books.most[0].tokens


def test_one_that_reports_nothing_is_counted_by_what_came(
    make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    much = Answer("tea " * 10_000, piece=5_000, reports_usage=False, ignores_limit=True)
    stub.script = always(much)
    asked(make_run(), output=str)
    assert books.spent.tokens >= sum(stub.billed) >= 10_000 > books.most[0].tokens


def test_a_broken_off_answer_is_not_whole_because_it_tells_what_it_took(
    make_run: RunMaker, stub: ModelStub
) -> None:
    half = Answer("Half of it.", piece=3, usage_in_pieces=True, fault=Fault.CLOSE_WITHIN)
    stub.script = in_turn(half, Answer("All of it."))
    reply = asked(make_run(), output=str)
    assert (reply.output, reply.calls) == ("All of it.", 2)


def test_a_server_that_never_says_why_it_ends_has_a_last_word(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = always(Answer("All of it.", says_why_it_ends=False))
    reply = asked(make_run(), output=str)
    assert (reply.output, reply.calls) == ("All of it.", 1)


@pytest.mark.parametrize(
    ("odd", "is_counted"),
    [
        ({"input_tokens": 100, "cached_tokens": 500}, True),
        ({"input_tokens": 10**19}, False),
        ({"input_tokens": -50, "output_tokens": 10}, False),
    ],
)
@pytest.mark.filterwarnings("ignore:Failed to extract usage")
def test_figures_that_cannot_be_spoil_no_answer(
    odd: dict[str, int], is_counted: bool, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(arguments=TEA.model_dump(), **odd))
    assert plan(make_run()).output == TEA
    assert books.spent.tokens == (stub.billed[0] if is_counted else books.most[0].tokens)
    assert books.spent.dollars > 0


def test_a_run_that_is_not_wanted_any_more_sends_nothing(
    make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(GOOD)
    for _ in range(10):
        run = make_run()
        run.cancelled.set()
        with pytest.raises(AgentFailedError, match="the run was stopped: it"):
            plan(run)
        with pytest.raises(AgentFailedError, match=r"out of time, limits\.node_seconds = 300: it"):
            plan(make_run(seconds=-20))
    assert stub.calls == []
    assert books.spent.tokens == 0
    assert books.open == {}


def test_a_run_that_is_stopped_while_its_call_is_paid_for_sends_nothing(
    make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(GOOD)
    run = make_run()
    reserve = books.reserve

    async def reserve_as_it_is_stopped(most: Spend) -> str:
        stop(run)
        return await reserve(most)

    books.reserve = reserve_as_it_is_stopped  # type: ignore[method-assign]  # it happens just then
    with pytest.raises(CancelledRunError, match="the run was stopped"):
        plan(run)
    assert stub.calls == []
    assert (books.spent.tokens, books.open) == (0, {})


def test_a_model_that_uses_tools_for_ever_is_stopped(make_run: RunMaker, stub: ModelStub) -> None:
    def look(at: str) -> str:
        """Look."""
        return f"{at}: nothing yet"

    stub.script = always(Answer(arguments={"at": "tea"}, tool="look"))
    with pytest.raises(AgentFailedError, match="reached the limit of requests for one answer"):
        plan(make_run(), tools=[look])
    assert len(stub.calls) == MOST_TURNS


def test_a_provider_that_wants_to_be_left_alone_says_until_when(
    make_run: RunMaker, stub: ModelStub, exchange: Exchange
) -> None:
    stub.script = always(Answer("slow down", status=429, headers={"retry-after": "900"}))
    asked_at = exchange.clock.now()
    for said in ("HTTP 429: slow down; provider", "provider"):
        with pytest.raises(AgentFailedError, match=f"gpt-4o: {said} unavailable; retry in 1") as failed:
            plan(make_run())
        assert asked_at + 900 <= (failed.value.not_before or 0) <= exchange.clock.now() + 900
        assert (failed.value.passes, failed.value.suspend) == (True, False)
    # Nobody knocks, and nobody waits at the door.
    assert len(stub.calls) == 1


@pytest.mark.parametrize(
    ("answer", "passes", "counts"),
    [
        (Answer("oops", status=500), True, False),
        (Answer("bad gateway", status=502), True, False),
        (Answer("no such thing", status=400), False, False),
        (Answer(fault=Fault.HANG), True, False),
        # Raising model.call_seconds helps, and what has come is paid for.
        (Answer(fault=Fault.DRIP, piece=1), False, False),
        (Answer(fault=Fault.RESET), True, True),
        (Answer(fault=Fault.RESET_WITHIN, arguments=TEA.model_dump(), piece=2), True, True),
        (Answer(fault=Fault.CLOSE_WITHIN, arguments=TEA.model_dump(), piece=2), True, True),
        (Answer(fault=Fault.BROKEN_JSON, arguments=TEA.model_dump(), piece=2), True, True),
        (Answer(arguments='{"title": "T', finish="length"), False, False),
    ],
    ids=[
        "outage",
        "gateway",
        "refusal",
        "no answer",
        "slow answer",
        "reset",
        "reset within",
        "ended early",
        "no JSON",
        "cut off",
    ],
)
def test_what_passes_by_itself_is_told_from_what_does_not(
    answer: Answer, passes: bool, counts: bool, make_run: RunMaker, stub: ModelStub
) -> None:
    stub.script = always(answer)
    with pytest.raises(AgentFailedError) as failed:
        plan(make_run(call_seconds=20 if answer.fault in (Fault.HANG, Fault.DRIP) else 3_000))
    assert (failed.value.passes, failed.value.counts, failed.value.not_before) == (passes, counts, None)


def test_a_server_that_cannot_be_reached_is_waited_for(make_run: RunMaker) -> None:
    with server(b"", certified("127.0.0.1")) as port:
        addresses = {
            "http://no-such-host.invalid/v1": "has no known address",
            f"https://127.0.0.1:{port}/v1": "has a certificate that is not trusted",
        }
        for address, why in addresses.items():
            with pytest.raises(AgentFailedError, match=why) as failed:
                plan(make_run(base_url=address))
            assert (failed.value.passes, failed.value.counts) == (True, False)


def test_a_run_whose_time_ends_before_an_answer_begins_waits(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = always(Answer(fault=Fault.HANG))
    with pytest.raises(AgentFailedError, match="the run is out of time") as failed:
        plan(make_run(seconds=40))
    assert failed.value.passes


def test_a_run_whose_time_ends_after_many_answers_fails(make_run: RunMaker, stub: ModelStub) -> None:
    def look(at: str) -> str:
        """Look."""
        return f"{at}: nothing yet"

    stub.script = in_turn(Answer(arguments={"at": "tea"}, tool="look"), Answer(fault=Fault.HANG))
    with pytest.raises(AgentFailedError, match="the run is out of time") as failed:
        plan(make_run(seconds=100), tools=[look])
    assert not failed.value.passes


def test_a_provider_that_never_answers_is_asked_by_one_at_a_time(
    make_run: RunMaker, stub: ModelStub, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, verdicts = exchange.limiter.release, []

    def note(permit: Any, **fields: Any) -> None:
        verdicts.append(fields["verdict"])
        release(permit, **fields)

    monkeypatch.setattr(exchange.limiter, "release", note)
    stub.script = always(Answer(fault=Fault.HANG))
    with pytest.raises(AgentFailedError):
        plan(make_run(call_seconds=20))
    assert verdicts == ["refused"]


AWAY, BACK_LATER = ProviderUnavailableError("a:x", 500.0, 0.0), ProviderUnavailableError("b:y", 900.0, 0.0)
DOWN = ModelConnectionError("c:z", "nobody there", phase="connect")
WRONG = ModelHTTPError(400, "d:w", "no such thing")


@pytest.mark.parametrize(
    ("errors", "passes", "not_before"),
    [
        ([AWAY, BACK_LATER], True, 500.0),
        ([BACK_LATER, WRONG], True, 900.0),
        ([AWAY, DOWN], True, None),
        ([WRONG, WRONG], False, None),
    ],
    ids=["the first that is back", "the only one", "who knows how long", "none"],
)
def test_of_several_models_the_first_that_is_back_counts(
    errors: list[Exception], passes: bool, not_before: float | None, exchange: Exchange
) -> None:
    failed = explained(FallbackExceptionGroup("all", errors), Settings(), exchange.keys, Usage())
    assert (failed.passes, failed.not_before, failed.suspend) == (passes, not_before, False)


def test_what_has_moved_is_asked_once_and_costs_nothing(
    make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer("", status=308))
    with pytest.raises(AgentFailedError, match="HTTP 308: it has moved elsewhere"):
        plan(make_run())
    assert (len(stub.calls), books.spent.tokens) == (1, 0)


def test_of_what_is_said_to_be_wrong_only_the_beginning_is_read(make_run: RunMaker, stub: ModelStub) -> None:
    # It says that much more comes.
    stub.script = always(Answer("all of it " * 20_000, status=400, headers={"content-length": "50000000"}))
    with pytest.raises(AgentFailedError, match=r"HTTP 400: .*all of it") as raised:
        plan(make_run())
    assert len(str(raised.value)) < 1_000


@pytest.mark.parametrize("piece", [3, 1_000])
def test_a_key_in_an_answer_is_not_passed_on(piece: int, make_run: RunMaker, stub: ModelStub) -> None:
    goes_on = Event()
    stub.script = always(Answer(f"The key is {KEY}, keep it.", piece=piece, slowly_until=goes_on))
    told: list[str] = []
    reply = asked(make_run(say=told.append), output=str)
    assert reply.output == told[-1] == "The key is [key], keep it."
    assert not [text for text in told if KEY[:4] in text]
    stub.script = always(Answer(arguments={"title": f"a {KEY}", "steps": [KEY]}, piece=piece))
    assert plan(make_run(say=told.append)).output == Plan(title="a [key]", steps=["[key]"])
    assert not [text for text in told if KEY[:4] in text]


def test_a_key_that_is_none_is_left_in_texts(
    make_run: RunMaker, stub: ModelStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "ollama")
    stub.script = always(Answer("try ollama pull", status=400))
    with pytest.raises(AgentFailedError, match="try ollama pull"):
        plan(make_run())


def test_a_file_is_loaded_only_when_it_is_asked(
    make_run: RunMaker, stub: ModelStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    (tmp_path / "no.gguf").write_text("no model")
    spare = f"local:{tmp_path}/no.gguf"
    stub.script = in_turn(GOOD, Answer("overloaded", status=529), Answer("no", status=400))
    # It could not be loaded, and whoever tried would have noticed.
    assert plan(make_run(fallback=[spare])).passed_over == {}
    with pytest.raises(
        AgentFailedError, match=r"gpt-4o: .*overloaded.*; then local:.*cannot be loaded"
    ) as both:
        plan(make_run(fallback=[spare]))
    assert not both.value.suspend
    with pytest.raises(AgentFailedError, match="cannot be loaded") as alone:
        plan(make_run(name=spare))
    assert alone.value.suspend


def test_who_waits_for_a_tool_is_told_so(make_run: RunMaker, stub: ModelStub) -> None:
    run = make_run()

    async def look(at: str) -> str:
        """Look."""
        stop(run)
        await asyncio.Event().wait()
        return at

    stub.script = always(Answer(arguments={"at": "tea"}, tool="look"))
    with pytest.raises(
        CancelledRunError, match="was stopped: it worked with the answer of openai:gpt-4o: look"
    ):
        plan(run, tools=[look])


def test_a_server_that_is_not_there(make_run: RunMaker, books: Books) -> None:
    with pytest.raises(AgentFailedError, match="gpt-4o: ") as failed:
        plan(make_run(base_url="http://127.0.0.1:9/v1"))
    assert failed.value.passes
    assert books.spent.tokens == 0
    assert books.open == {}


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP])
def test_a_run_that_is_stopped_hangs_up(
    fault: Fault, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(fault=fault, piece=1))
    run = make_run()
    failed = asking(run)
    stub.wait_until(lambda seen: seen.answering == 1)
    assert stub.hung_up == 0
    stop(run)
    stub.wait_until(lambda seen: seen.hung_up == 1)
    with pytest.raises(
        CancelledRunError, match="the run was stopped: it waited for the answer of openai:gpt-4o"
    ):
        failed.result()
    assert books.settled == [None]


def test_a_run_at_its_deadline_hangs_up(make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    stub.script = always(Answer(fault=Fault.HANG))
    clock = ManualClock(time.time())
    exchange = Exchange(clock)
    failed = asking(replace(make_run(), deadline=clock.now() + 20, models=exchange))
    stub.wait_until(lambda seen: seen.answering == 1)
    clock.advance(21)
    with pytest.raises(
        AgentFailedError, match=r"out of time, limits\.node_seconds = 300: it waited for the answer"
    ):
        failed.result()
    stub.wait_until(lambda seen: seen.hung_up == 1)
    assert books.settled == [None]
    agent_loop().run(exchange.aclose())


def test_the_next_model_is_asked(make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    stub.script = lambda call: GOOD if call.model == "gpt-4o-mini" else Answer("no", status=503)
    reply = plan(make_run(fallback=["openai:gpt-4o-mini"]))
    assert (reply.output, reply.model, reply.calls) == (TEA, "openai:gpt-4o-mini", 2)
    assert [call.model for call in stub.calls] == ["gpt-4o", "gpt-4o-mini"]
    assert books.spent.tokens == sum(stub.billed)


def test_each_model_that_answered_is_counted_under_its_own_name(
    make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    def script(call: Call) -> Answer:
        if call.model == "own":
            return GOOD
        return Answer(arguments={"title": 1}) if call.number == 1 else Answer("no", status=503)

    stub.script = script
    usage = plan(make_run(fallback=["openai:own"])).usage
    first, second = usage.models
    assert (first.model, second.model, usage.model) == ("openai:gpt-4o", "openai:own", "openai:own")
    # The second call, which was refused, has no bill.
    assert [first.tokens, second.tokens] == stub.billed
    assert usage.tokens == books.spent.tokens == sum(stub.billed)
    assert usage.cost is None
    assert (usage.known_cost, usage.unpriced_tokens) == (books.spent.dollars, second.tokens)
    assert first.cost == books.spent.dollars > 0


@pytest.mark.parametrize("missing", ["name", "fallback"])
def test_a_model_without_a_key_is_passed_over_and_said_so(
    missing: str, make_run: RunMaker, stub: ModelStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    keyless, known = "anthropic:claude-sonnet-5-5", "openai:gpt-4o"
    chain = (
        {"name": keyless, "fallback": [known]}
        if missing == "name"
        else {"name": known, "fallback": [keyless]}
    )
    stub.script = in_turn(Answer("oops", status=500), GOOD)
    reply = plan(make_run(**chain))
    # It is tried again like a model that has no other behind it.
    assert (reply.output, reply.model, reply.calls) == (TEA, known, 2)
    assert list(reply.passed_over) == [keyless]
    assert "no key: set ANTHROPIC_API_KEY" in reply.passed_over[keyless]
    stub.script = always(Answer("no", status=400))
    with pytest.raises(
        AgentFailedError, match=r"HTTP 400: no; then anthropic:.*: no key: set ANTHROPIC"
    ) as failed:
        plan(make_run(**chain))
    assert not failed.value.suspend


def test_when_no_model_can_be_asked_a_person_is_told_of_each(
    make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("ANTHROPIC_API_KEY", "GROQ_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(AgentFailedError, match=r"ANTHROPIC_API_KEY.*GROQ_API_KEY") as failed:
        plan(make_run(name="anthropic:claude-sonnet-5-5", fallback=["groq:llama-3.3-70b-versatile"]))
    assert failed.value.suspend


def test_when_all_models_fail_all_are_told(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = always(Answer("bad", status=400))
    with pytest.raises(AgentFailedError, match=r"gpt-4o: HTTP 400: bad; then gpt-4o-mini: HTTP 400"):
        plan(make_run(fallback=["openai:gpt-4o-mini"]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nobody:x", "no such provider"),
        ("anthropic:claude-sonnet-5-5", "set ANTHROPIC_API_KEY, or put it into the keyring"),
        ("google:gemini-2.5-pro", "set GOOGLE_API_KEY or GEMINI_API_KEY"),
        ("bedrock:x", "could not be counted|is not installed"),
        ("local:/nowhere/model.gguf", "there is no file /nowhere/model.gguf"),
    ],
)
def test_a_model_that_cannot_be_asked(
    name: str, expected: str, make_run: RunMaker, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(AgentFailedError, match=expected) as raised:
        plan(make_run(name=name))
    assert raised.value.suspend
    assert books.most == []
