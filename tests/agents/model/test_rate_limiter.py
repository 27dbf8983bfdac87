"""The line in front of providers: who goes first, how many, how often, and when nobody."""

import asyncio
import gc
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from recursor.agents.model.provider_names import address, all_rates
from recursor.agents.model.rate_limiter import (
    MOST_IDLE_WINDOWS,
    SECONDS_PER_PRIORITY,
    ProviderClosedError,
    RateLimiter,
    WindowPermit,
)
from recursor.agents.model.rate_window import (
    FIRST_BACKOFF,
    LONGEST_BACKOFF,
    LONGEST_WAIT,
    RateWindow,
    backoff,
    seconds_to_wait,
)
from recursor.domain.rates import Rate
from recursor.runtime.clock import ManualClock, Timer

GPT, MINI, NANO = "openai:gpt-4o", "openai:gpt-4o-mini", "openai:gpt-4o-nano"
CLAUDE = "anthropic:claude-sonnet-5-5"


class SetBackClock(ManualClock):
    """One that somebody sets."""

    behind = 0.0

    def now(self) -> float:
        return super().now() - self.behind

    def set_back(self, seconds: float) -> None:
        self.behind += seconds

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        return super().call_at(when + self.behind, callback)


class Line:
    """Calls that wait, and those that have begun, by name."""

    def __init__(self, limiter: RateLimiter, clock: SetBackClock) -> None:
        self.limiter = limiter
        self.clock = clock
        self.begun: list[str] = []
        self.permits: dict[str, WindowPermit] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(
        self, name: str, model: str = GPT, tokens: int = 100, priority: int = 5, address: str | None = None
    ) -> None:
        async def wait() -> None:
            self.permits[name] = await self.limiter.acquire(model, address, tokens, priority)
            self.begun.append(name)

        self.tasks[name] = asyncio.create_task(wait())
        await self.settle()

    async def end(self, name: str, **known: Any) -> None:
        self.limiter.release(self.permits[name], **known)
        await self.settle()

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


def in_line(rates: dict[str, Rate], story: Callable[[Line], Awaitable[None]]) -> None:
    """Tell a story of a line, on an event loop, in a time of its own."""

    async def tell() -> None:
        clock = SetBackClock()
        line = Line(RateLimiter(rates, clock), clock)
        await story(line)
        for task in line.tasks.values():
            task.cancel()
        await asyncio.gather(*line.tasks.values(), return_exceptions=True)

    asyncio.run(tell())


def test_so_many_at_a_time() -> None:
    async def story(line: Line) -> None:
        for name in "abc":
            await line.come(name)
        assert line.begun == ["a", "b"]
        await line.end("a")
        assert line.begun == ["a", "b", "c"]

    in_line({GPT: Rate(concurrent=2)}, story)


def test_limits_of_a_model_hold_beside_those_of_its_provider() -> None:
    async def story(line: Line) -> None:
        await line.come("a", GPT)
        await line.come("b", GPT)
        await line.come("c", MINI)
        await line.come("d", MINI)
        await line.come("e", CLAUDE)
        assert line.begun == ["a", "c", "e"]
        await line.end("a")
        assert line.begun == ["a", "c", "e", "b"]
        await line.end("c")
        assert line.begun == ["a", "c", "e", "b", "d"]

    in_line({GPT: Rate(concurrent=1), "openai": Rate(concurrent=2)}, story)


def test_a_provider_has_one_limit_by_whichever_name_and_each_address_its_own() -> None:
    async def story(line: Line) -> None:
        await line.come("a", GPT)
        await line.come("chat", "openai-chat:gpt-4o")
        await line.come("responses", "openai-responses:other")
        await line.come("mine", GPT, address="http://mine/v1")
        assert line.begun == ["a", "mine"]
        await line.end("a", verdict="refused", wait=30.0)
        assert line.limiter.closed_until("openai-chat:gpt-4o", None) > line.clock.now() + 29
        assert line.limiter.closed_until(GPT, "http://mine/v1") == 0

    in_line({"openai": Rate(concurrent=1)}, story)
    in_line({"openai-responses": Rate(concurrent=1), "openai": Rate(concurrent=5)}, story)


def test_what_is_said_of_a_file_leaves_its_usual_limits() -> None:
    async def story(line: Line) -> None:
        for name in "ab":
            await line.come(name, "local:a.gguf")
        assert line.begun == ["a"]

    in_line({"local": Rate(requests_per_minute=100)}, story)
    assert all_rates({"local": Rate(concurrent=3)})["local"].concurrent == 3


def test_a_clock_that_is_set_back_holds_up_nobody() -> None:
    async def story(line: Line) -> None:
        await line.come("a")
        await line.end("a", verdict="refused", wait=4.0)
        line.clock.set_back(3_600)
        await line.come("b")
        await line.pass_time(50)
        assert line.begun == ["a"]
        await line.pass_time(12)
        assert line.begun == ["a", "b"]

    in_line({GPT: Rate(requests_per_minute=1)}, story)


def test_what_was_asked_once_at_an_address_is_not_remembered_for_ever() -> None:
    def windows() -> int:
        gc.collect()
        return sum(isinstance(each, RateWindow) for each in gc.get_objects())

    async def story(line: Line) -> None:
        before = windows()
        for number in range(2 * MOST_IDLE_WINDOWS):
            await line.come("a", address=f"http://host-{number}/v1")
            await line.end("a")
        assert windows() - before <= MOST_IDLE_WINDOWS + 2

    in_line({}, story)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("http://host/v1", "http://host/v1/"),
        ("https://Host:443/v1", "https://host/v1"),
        ("http://host:80", "http://host/"),
    ],
)
def test_an_address_is_the_same_however_it_is_written(one: str, same: str) -> None:
    assert address(one) == address(same)
    assert (
        len({address(url) for url in (one, "http://host:8000/v1", "http://other/v1", "http://host/v2")}) == 4
    )


def test_so_many_requests_in_any_minute() -> None:
    async def story(line: Line) -> None:
        await line.come("a")
        await line.end("a")
        await line.pass_time(40)
        for name in "bcd":
            await line.come(name)
            if name in line.begun:
                await line.end(name)
        assert line.begun == ["a", "b"]
        await line.pass_time(19)
        assert line.begun == ["a", "b"]
        await line.pass_time(2)
        assert line.begun == ["a", "b", "c"]
        await line.pass_time(38)
        assert line.begun == ["a", "b", "c"]
        await line.pass_time(2)
        assert line.begun == ["a", "b", "c", "d"]

    in_line({GPT: Rate(requests_per_minute=2)}, story)


def test_so_many_tokens_in_any_minute_counted_as_they_were() -> None:
    async def story(line: Line) -> None:
        await line.come("a", tokens=800)
        await line.come("b", tokens=300)
        assert line.begun == ["a"]
        await line.end("a", tokens=100)
        assert line.begun == ["a", "b"]

    in_line({GPT: Rate(tokens_per_minute=1000)}, story)


def test_what_is_larger_than_a_minute_has_one_for_itself() -> None:
    async def story(line: Line) -> None:
        await line.come("a", tokens=10)
        await line.come("large", tokens=5000)
        await line.come("b", tokens=10)
        assert line.begun == ["a"]
        await line.pass_time(61)
        assert line.begun == ["a", "large"]
        await line.pass_time(61)
        assert line.begun == ["a", "large", "b"]

    in_line({GPT: Rate(tokens_per_minute=1000)}, story)


def test_the_most_urgent_goes_first_but_nobody_waits_for_ever() -> None:
    async def story(line: Line) -> None:
        await line.come("running")
        await line.come("low", priority=1)
        await line.come("high", priority=10)
        await line.come("mid", priority=5)
        await line.pass_time(9 * SECONDS_PER_PRIORITY)
        await line.come("later", priority=10)
        for name in ("running", "high", "mid", "low", "later"):
            assert line.begun[-1] == name
            await line.end(name)

    in_line({GPT: Rate(concurrent=1)}, story)


def test_who_gives_up_makes_room() -> None:
    async def story(line: Line) -> None:
        await line.come("running")
        await line.come("large", tokens=1000, priority=10)
        await line.come("small", tokens=10)
        line.tasks["large"].cancel()
        await line.settle()
        await line.end("running")
        assert line.begun == ["running", "small"]

    in_line({GPT: Rate(concurrent=1)}, story)


def test_who_gives_up_just_as_it_may_begin_makes_room() -> None:
    async def story(line: Line) -> None:
        await line.come("running")
        await line.come("gone")
        await line.come("next")
        line.limiter.release(line.permits["running"])
        line.tasks["gone"].cancel()
        await line.settle()
        assert line.begun == ["running", "next"]
        await line.end("next")
        await line.come("last")
        assert line.begun == ["running", "next", "last"]

    in_line({GPT: Rate(concurrent=1)}, story)


def test_a_refusal_closes_the_model_for_everybody_as_long_as_it_asks_for() -> None:
    async def story(line: Line) -> None:
        await line.come("a", GPT)
        await line.end("a", verdict="refused", wait=4.0)
        await line.come("b", GPT)
        await line.come("c", GPT)
        await line.come("other", CLAUDE)
        assert line.begun == ["a", "other"]
        await line.pass_time(3)
        assert line.begun == ["a", "other"]
        # One goes first, to find out; when it is answered, all go.
        await line.pass_time(2)
        assert line.begun == ["a", "other", "b"]
        await line.end("b", verdict="answered")
        assert line.begun == ["a", "other", "b", "c"]

    in_line({}, story)


def test_one_model_that_is_refused_holds_up_no_other_at_its_address() -> None:
    async def story(line: Line) -> None:
        await line.come("a", GPT, address="http://mine/v1")
        await line.end("a", verdict="refused", wait=30.0)
        await line.come("b", MINI, address="http://mine/v1")
        assert line.begun == ["a", "b"]
        assert line.limiter.closed_until(MINI, "http://mine/v1") == 0

    in_line({}, story)


def test_a_provider_that_refuses_several_models_is_closed_until_it_answers() -> None:
    async def story(line: Line) -> None:
        for name, model in (("a", GPT), ("b", MINI)):
            await line.come(name, model)
            await line.end(name, verdict="refused", wait=4.0)
        await line.come("c", NANO)
        await line.come("elsewhere", NANO, address="http://mine/v1")
        assert line.begun == ["a", "b", "elsewhere"]
        await line.pass_time(4.1)
        assert line.begun[-1] == "c"
        await line.end("c", verdict="answered")
        assert line.limiter.closed_until(NANO, None) == 0

    in_line({}, story)


def test_a_provider_that_cannot_be_reached_is_closed_for_all_its_models() -> None:
    async def story(line: Line) -> None:
        await line.come("a", GPT)
        await line.end("a", verdict="unreachable")
        await line.come("b", MINI)
        assert line.begun == ["a"]
        await line.pass_time(FIRST_BACKOFF)
        assert line.begun == ["a", "b"]

    in_line({}, story)


def test_who_would_have_to_wait_long_is_sent_away_and_told_when_to_come() -> None:
    async def story(line: Line) -> None:
        for name in "abc":
            await line.come(name)
        back = line.clock.now() + 30
        await line.end("a", verdict="refused", wait=30.0)
        await line.come("later")
        await line.come("other", CLAUDE)
        # "b" is under way; "c" was in line when the model was closed.
        assert line.begun == ["a", "b", "other"]
        for name in ("c", "later"):
            with pytest.raises(ProviderClosedError) as closed:
                await line.tasks[name]
            assert closed.value.until == pytest.approx(back, abs=0.01)
        await line.end("b")
        await line.pass_time(30)
        await line.come("again")
        assert line.begun[-1] == "again"

    in_line({GPT: Rate(concurrent=2)}, story)


def test_without_a_time_it_waits_longer_after_every_refusal() -> None:
    async def story(line: Line) -> None:
        waits = []
        for number in range(9):
            await line.come(str(number))
            await line.end(str(number), verdict="refused")
            waits.append(line.limiter.closed_until(GPT, None) - line.clock.now())
            await line.pass_time(LONGEST_BACKOFF)
        for number, wait in enumerate(waits):
            most = min(FIRST_BACKOFF * 2**number, LONGEST_BACKOFF)
            assert most / 2 - 0.001 <= wait <= most

    in_line({}, story)


def test_refusals_of_calls_that_were_under_way_together_count_once() -> None:
    async def story(line: Line) -> None:
        for name in "abcdef":
            await line.come(name)
        for name in "abcdef":
            await line.end(name, verdict="refused")
        assert line.limiter.closed_until(GPT, None) - line.clock.now() <= FIRST_BACKOFF

    in_line({}, story)


def test_nobody_is_left_alone_for_longer_than_an_hour() -> None:
    async def story(line: Line) -> None:
        await line.come("a")
        await line.end("a", verdict="refused", wait=1e9)
        assert line.limiter.closed_until(GPT, None) - line.clock.now() <= LONGEST_WAIT

    in_line({}, story)


@pytest.mark.parametrize(
    ("header", "otherwise", "expected"),
    [
        ("120", None, 120),
        ("1.5", 9.0, 1.5),
        ("-3", None, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None, 20),
        ("Wed, 21 Oct 2015 07:27:00 GMT", None, 0),
        ("soon", 7.0, 7.0),
        ("nan", 7.0, 7.0),
        ("inf", 7.0, 7.0),
        ("", None, None),
        (None, 3.0, 3.0),
    ],
)
def test_what_retry_after_says(header: str | None, otherwise: float | None, expected: float | None) -> None:
    assert seconds_to_wait(header, otherwise, 1_445_412_460.0) == expected


def test_calls_that_failed_together_are_not_made_again_together() -> None:
    chance = random.Random(1)
    for failures in range(1, 12):
        most = min(FIRST_BACKOFF * 2 ** (failures - 1), LONGEST_BACKOFF)
        pauses = {backoff(failures, chance.random()) for _ in range(20)}
        assert len(pauses) == 20
        assert most / 2 <= min(pauses) < max(pauses) <= most
