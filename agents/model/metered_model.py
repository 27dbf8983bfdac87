"""A model whose every call is admitted, reserved, counted, and retried if that makes sense."""

import itertools
import random
from dataclasses import dataclass, field, replace

from anyio.lowlevel import checkpoint_if_cancelled
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelRateLimitError,
    ModelRequestTimeout,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
    OutputTokenLimitExceeded,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings as RequestSettings
from pydantic_core import from_json, to_json

from recursor.agents.model.connections import CALL, WireCall
from recursor.agents.model.exchange import Exchange
from recursor.agents.model.failures import (
    ProviderUnavailableError,
    SilentProviderError,
    UnusableError,
    is_no_answer,
)
from recursor.agents.model.keys import Keys
from recursor.agents.model.partial_answer import PartialAnswer
from recursor.agents.model.payment import Payment, ReportedUsage
from recursor.agents.model.provider_names import address, is_local
from recursor.agents.model.rate_limiter import Permit, ProviderClosedError, QueuePosition, Verdict
from recursor.agents.model.rate_window import backoff, seconds_to_wait
from recursor.agents.model.timing import sleep, timeout_at
from recursor.domain.agent import Run
from recursor.domain.spending import AgentFailedError, BudgetHeldError

# The most attempts of a request that is refused or breaks: one more than SDKs make by default.
TRIES = 4
# Further parts of a request besides messages and tools: names of settings, and the few hundred tokens that
# some providers add before tools.
OVERHEAD_BYTES = 4_096

_REFUSED = (ModelRateLimitError, ModelUnavailableError)
_BROKEN = (ModelServerError, ModelConnectionError)


@dataclass(slots=True)
class RunCalls:
    """Shared state of a run's calls."""

    run: Run
    exchange: Exchange
    tally: ReportedUsage = field(default_factory=ReportedUsage)
    passed_over: dict[str, str] = field(default_factory=dict)
    """Models that could not be asked, with the reasons."""
    doing: str = "was about to ask a model"
    """Completes "it ...", to explain why the run did not end in time."""
    in_line: bool = False
    """Whether it waits for others, not for an answer."""
    hears_nothing: bool = False
    """Whether it waits for an answer that has not begun."""
    has_given_up: bool = False
    """Whether it ends by itself before its deadline."""

    @property
    def is_out_of_time(self) -> bool:
        """Whether it has reached its deadline, or nearly."""
        return self.has_given_up or self.exchange.clock.now() >= self.run.deadline

    @property
    def is_wanted(self) -> bool:
        """Whether further requests may be sent for it."""
        return not (self.run.cancelled.is_set() or self.exchange.closed or self.is_out_of_time)

    @property
    def waits_in_vain(self) -> bool:
        """Whether it failed only because of a temporary obstacle.

        If a run needs several answers, the last may not begin only because the others took its time.
        """
        is_silent = self.hears_nothing and self.tally.model is None
        return (self.in_line or is_silent) and not self.run.cancelled.is_set()

    def cut_off(self) -> str:
        """Return why no more requests are sent for it, and its last activity."""
        if self.exchange.closed:
            why = "the runner is ending"
        elif not self.run.cancelled.is_set() and self.is_out_of_time:
            why = f"the run is out of time, limits.node_seconds = {self.run.settings.limits.node_seconds:g}"
        else:
            why = "the run was stopped"
        return f"{why}: it {self.doing}"


class MeteredModel(WrapperModel):
    """Reserves the maximum cost of a call, makes the call as a stream, and counts its cost."""

    def __init__(self, wrapped: Model, name: str, asked: RunCalls, *, is_last: bool) -> None:
        """Meter calls of `wrapped`, which people call `name`; another model follows unless it is the last."""
        super().__init__(wrapped)
        self._name = name
        self._asked = asked
        self._is_last = is_last
        self._run = asked.run
        self._clock = asked.exchange.clock
        self._limiter = asked.exchange.limiter
        self._is_loaded = not is_local(name)
        # The server's address in one form, however settings write it.
        self._base_url = address(wrapped.base_url) if self._is_loaded else None

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: RequestSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """See `Model.request`; it is sent as a stream, so that it can be watched and cut off."""
        await self._load()
        most_bytes = _most_bytes(messages, model_request_parameters)
        refusal: ModelAPIError | None = None
        for number in itertools.count(1):
            self._look_ahead()
            try:
                return await self._call_when_paid(
                    most_bytes, messages, model_settings, model_request_parameters
                )
            except ModelAuthenticationError:
                self._asked.exchange.keys.forget(self._name.partition(":")[0])
                raise
            except ProviderClosedError as closed:
                raise ProviderUnavailableError(self._name, closed.until, self._clock.now(), refusal) from None
            except ModelAPIError as error:
                if not self._is_last or number == TRIES or not _passes(error):
                    unavailable = self._unavailable(error)
                    if unavailable is None:
                        raise
                    raise unavailable from None
                refusal = error if isinstance(error, _REFUSED) else None
            if refusal is None:
                await sleep(self._clock, backoff(number, random.random()))
        raise AssertionError

    async def _load(self) -> None:
        """Start the server of a model in a file only at its first call: that takes long, and much memory."""
        if self._is_loaded:
            return
        self._asked.doing = f"waited for {self._name} to be loaded"
        try:
            self.wrapped = await self._asked.exchange.model(self._name, None)
        except AgentFailedError as problem:
            raise UnusableError(self._name, str(problem)) if problem.suspend else problem from None
        self._is_loaded = True

    def _look_ahead(self) -> None:
        """Do not wait for a provider while another model remains."""
        closed_until, now = self._limiter.closed_until(self._name, self._base_url), self._clock.now()
        if not self._is_last and closed_until > now:
            raise ProviderUnavailableError(self._name, closed_until, now)

    def _unavailable(self, error: ModelAPIError) -> ProviderUnavailableError | None:
        """Return the error that says when to ask again, if a refusal means that."""
        closed_until, now = self._limiter.closed_until(self._name, self._base_url), self._clock.now()
        if not isinstance(error, _REFUSED) or closed_until <= now:
            return None
        return ProviderUnavailableError(self._name, closed_until, now, error)

    async def _call_when_paid(
        self,
        most_bytes: int,
        messages: list[ModelMessage],
        settings: RequestSettings | None,
        parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make a call; if other calls have reserved the budget that it needs, after them."""
        found: ModelResponse | QueuePosition | None = None
        while not isinstance(found, ModelResponse):
            found = await self._call(found, most_bytes, messages, settings, parameters)
        return found

    async def _call(
        self,
        turn: QueuePosition | None,
        most_bytes: int,
        messages: list[ModelMessage],
        settings: RequestSettings | None,
        parameters: ModelRequestParameters,
    ) -> ModelResponse | QueuePosition:
        """Make a call; returns the turn to come back with if other calls have reserved the budget."""
        asked, wire = self._asked, WireCall(most_bytes)
        payment = Payment(self._run, self._name, most_bytes)
        if turn is None:
            asked.doing = f"waited in line for {self._name}"
        asked.in_line = True
        permit: Permit = await self._limiter.acquire(
            self._name, self._base_url, payment.most.tokens, self._run.priority, self._run.aside, turn
        )
        verdict: Verdict | None = None
        wait: float | None = None
        try:
            # A run may be cancelled without its task, and sent requests must be paid for.
            self._insist_on_being_wanted()
            await payment.reserve()
            await checkpoint_if_cancelled()
            self._insist_on_being_wanted()
            asked.in_line = False
            response = await self._send(wire, payment, messages, settings, parameters)
            verdict = "answered"
            payment.answered(response.usage, asked.tally)
            if _is_cut_off(response):
                raise OutputTokenLimitExceeded(f"{self._name}: the answer was cut off")
            asked.doing = _doing_with(response, self._name)
            return response
        except BudgetHeldError as held:
            asked.doing = f"waited for other calls, which have reserved the rest of {held.budget.setting}"
            verdict = "unused"
            return permit.turn
        except SilentProviderError:
            # One after the other finds out whether it answers again: each of them takes a slot meanwhile.
            verdict = "refused"
            raise
        except _REFUSED as error:
            verdict, wait = "refused", seconds_to_wait(wire.retry_after, error.retry_after, self._clock.now())
            raise
        except ModelAPIError as error:
            if wire.status is not None and 300 <= wire.status < 400:
                raise UnusableError(self._name, _moved(self._name, wire)) from error
            if isinstance(error, ModelConnectionError) and error.phase in ("pool", "connect"):
                wire.sent, verdict = False, "unreachable"
            raise
        finally:
            if not wire.sent or (wire.status is not None and wire.status >= 300):
                payment.cost_nothing()
            asked.tally.calls += wire.sent
            tokens = None if payment.spent is None else payment.spent.tokens
            self._limiter.release(permit, tokens=tokens, verdict=verdict, wait=wait)
            try:
                await payment.settle()
            finally:
                if payment.is_reserved:
                    self._limiter.settled()

    def _insist_on_being_wanted(self) -> None:
        if not self._asked.is_wanted:
            raise AgentFailedError(self._asked.cut_off(), passes=self._asked.waits_in_vain)

    async def _send(
        self,
        wire: WireCall,
        payment: Payment,
        messages: list[ModelMessage],
        settings: RequestSettings | None,
        parameters: ModelRequestParameters,
    ) -> ModelResponse:
        limits = self._run.settings.model
        self._asked.doing = f"waited for the answer of {self._name}"
        self._asked.hears_nothing = True
        told = PartialAnswer(self._run, self._clock, self._asked.exchange.keys)
        token = CALL.set(wire)
        try:
            async with (
                timeout_at(self._clock, self._clock.now() + limits.call_seconds),
                self.wrapped.request_stream(messages, settings, parameters) as stream,
            ):
                async for event in stream:
                    self._asked.hears_nothing = False
                    if not told.add(event):
                        raise AgentFailedError(
                            f"{self._name}: the answer exceeds model.output_tokens = "
                            f"{limits.output_tokens:,} and was cut off: use another server",
                            lasts=True,
                        )
        except (TimeoutError, ModelTimeoutError) as error:
            if isinstance(error, ModelTimeoutError) and error.phase in ("pool", "connect"):
                raise
            late = SilentProviderError if self._asked.hears_nothing else ModelRequestTimeout
            raise late(self._name, limits.call_seconds) from None
        finally:
            CALL.reset(token)
            payment.came(told.size)
        told.end()
        response = stream.get()
        if not (_says_why_it_ends(response) or wire.has_last_word):
            raise ModelConnectionError(self._name, "the answer ended before its end", phase="read")
        return _without_keys(response, self._asked.exchange.keys)


def _moved(name: str, wire: WireCall) -> str:
    where = f"to {wire.location}" if wire.location else "elsewhere"
    return f"{name}: HTTP {wire.status}: it has moved {where}: correct its address, then resume"


def _says_why_it_ends(response: ModelResponse) -> bool:
    """Return whether the provider marked the end: pydantic-ai also reports "stop" if there was no mark."""
    said = (response.provider_details or {}).get("finish_reason")
    return said is not None or response.finish_reason not in (None, "stop")


def _is_cut_off(response: ModelResponse) -> bool:
    """Return whether the limit cut the end of an answer; a complete answer at the limit is good."""
    if response.finish_reason != "length":
        return False
    calls = response.tool_calls
    return not all(map(_is_whole, (call.args_as_json_str() for call in calls) if calls else [response.text]))


def _is_whole(content: str | None) -> bool:
    try:
        return isinstance(from_json(content or ""), dict | list)
    except ValueError:
        return False


def _doing_with(response: ModelResponse, name: str) -> str:
    tools = dict.fromkeys(call.tool_name for call in response.tool_calls)
    return f"worked with the answer of {name}" + (f": {', '.join(tools)}" if tools else "")


def _passes(error: ModelAPIError) -> bool:
    """Return whether another try may succeed. After a timeout there is no time for one."""
    return is_no_answer(error) or isinstance(error, _REFUSED + _BROKEN)


def _most_bytes(messages: list[ModelMessage], parameters: ModelRequestParameters) -> int:
    """Return an upper bound on the tokens of a request: each token has at least one byte.

    All common tokenizers start from bytes and merge them. Pydantic-ai's JSON of a message has more bytes than
    the request, which is checked before sending.
    """
    content = len(ModelMessagesTypeAdapter.dump_json(messages))
    tools = len(to_json(parameters, fallback=str))
    return content + tools + OVERHEAD_BYTES


def _without_keys(response: ModelResponse, keys: Keys) -> ModelResponse:
    """Return `response` without any key in its text, thoughts, or tool arguments."""
    parts = [_part_without(part, keys) for part in response.parts]
    changed = any(new is not old for new, old in zip(parts, response.parts, strict=True))
    return replace(response, parts=parts) if changed else response


def _part_without(part: ModelResponsePart, keys: Keys) -> ModelResponsePart:
    match part:
        case TextPart(content=text) | ThinkingPart(content=text):
            clean = keys.scrubbed(text)
            return part if clean == text else replace(part, content=clean)
        case ToolCallPart(args=str(arguments)):
            clean = keys.scrubbed(arguments)
            return part if clean == arguments else replace(part, args=clean)
        case ToolCallPart(args=dict(values)):
            text = to_json(values).decode()
            clean = keys.scrubbed(text)
            return part if clean == text else replace(part, args=from_json(clean))
    return part
