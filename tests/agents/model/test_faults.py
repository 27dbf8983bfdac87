"""Whatever goes wrong on the wire ends in a clean retry or a clear line, and the books are exact."""

from threading import Event, Thread

import pytest

from recursor.domain.spending import AgentFailedError
from tests.agents.model.asked import GOOD, TEA, plan
from tests.agents.model.conftest import KEY, Books, RunMaker
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
    "cut off": (Answer(arguments='{"title": "T', finish="length"), "cut off at model.output_tokens", False),
    "far too large": (Answer("x" * 5_000_000, piece=50_000), "larger than model.output_tokens", False),
    "a wait of days": (
        Answer("later", status=429, headers={"retry-after": "90000"}),
        "left alone for",
        False,
    ),
    "hang": (Answer(fault=Fault.HANG), "model.call_seconds", False),
    "drip": (Answer(fault=Fault.DRIP, piece=1), "model.call_seconds", False),
}


@pytest.mark.parametrize("fault", LASTING)
def test_what_lasts_fails_in_one_line(fault: str, make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    answer, expected, suspend = LASTING[fault]
    stub.script = always(answer)
    with pytest.raises(AgentFailedError, match=expected) as raised:
        plan(make_run(seconds=600, call_seconds=20 if "call_seconds" in expected else 3_000))
    assert raised.value.suspend is suspend
    assert KEY not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert books.open == {}
    assert books.spent.tokens >= sum(stub.billed)


def test_a_server_that_is_not_there(make_run: RunMaker, books: Books) -> None:
    with pytest.raises(AgentFailedError, match="gpt-4o: "):
        plan(make_run(base_url="http://127.0.0.1:9/v1"))
    assert books.spent.tokens == 0
    assert books.open == {}


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP])
def test_a_run_that_is_stopped_hangs_up(
    fault: Fault, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(Answer(fault=fault, piece=1))
    run = make_run()
    failed = Event()

    def asking() -> None:
        with pytest.raises(
            AgentFailedError, match="the run was stopped: it waited for the answer of openai:gpt-4o"
        ):
            plan(run)
        failed.set()

    thread = Thread(target=asking)
    thread.start()
    stub.wait_until(lambda seen: seen.answering == 1)
    assert stub.hung_up == 0
    run.cancelled.set()
    stub.wait_until(lambda seen: seen.hung_up == 1)
    thread.join()
    assert failed.is_set()
    assert books.settled == [None]


def test_a_run_at_its_deadline_hangs_up(make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    stub.script = always(Answer(fault=Fault.HANG))
    with pytest.raises(
        AgentFailedError, match=r"out of time, limits\.node_seconds = 300: it waited for the answer"
    ):
        plan(make_run(seconds=20))
    stub.wait_until(lambda seen: seen.hung_up == 1)
    assert books.settled == [None]


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
