"""A model whose every call is paid for: set aside before, counted after, whatever becomes of it."""

from dataclasses import dataclass, field
from decimal import Decimal

from pydantic_ai.exceptions import ModelConnectionError
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings as RequestSettings
from pydantic_core import to_json

from recursor.agents.model.clock import Clock, within
from recursor.agents.model.errands import Errands
from recursor.agents.model.partial import Partial
from recursor.agents.model.prices import dollars, most_dollars
from recursor.agents.model.tally import Tally
from recursor.agents.model.wire import CALL, WireCall
from recursor.domain.agent import Run
from recursor.domain.spending import AgentFailedError, Spend

# What a request has besides messages and tools: names of settings, and the few hundred tokens that some
# providers put before tools.
OVERHEAD_BYTES = 4_096
_NOTHING = Spend()


class TooLargeError(AgentFailedError):
    """A provider sends more than it was asked for."""


@dataclass(slots=True)
class Asked:
    """What the calls of one run have in common."""

    run: Run
    errands: Errands
    clock: Clock
    tally: Tally = field(default_factory=Tally)


class CountedModel(WrapperModel):
    """Sets aside what a call may cost at most, makes it as a stream, and counts what it cost."""

    def __init__(self, wrapped: Model, name: str, asked: Asked) -> None:
        """Count calls of `wrapped`, which people call `name`."""
        super().__init__(wrapped)
        self._name = name
        self._asked = asked

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: RequestSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """See `Model.request`; on the wire it is a stream, so that it can be watched, and cut off."""
        most_bytes = _most_bytes(messages, model_request_parameters)
        wire = WireCall(most_bytes)
        payment = _Payment(self._asked.run, self._name, self._most(most_bytes))
        try:
            await self._asked.errands.do(payment.reserve)
            response, reported = await self._send(wire, messages, model_settings, model_request_parameters)
            if reported:
                payment.spent = self._spent(response)
            return response
        except ModelConnectionError as error:
            if error.phase in ("pool", "connect"):
                payment.spent = _NOTHING
            raise
        finally:
            if not wire.sent or (wire.status is not None and wire.status >= 400):
                payment.spent = _NOTHING
            self._asked.tally.calls += wire.sent
            await self._asked.errands.do(payment.settle)

    async def _send(
        self,
        wire: WireCall,
        messages: list[ModelMessage],
        settings: RequestSettings | None,
        parameters: ModelRequestParameters,
    ) -> tuple[ModelResponse, bool]:
        limit = self._asked.run.settings.model
        told = Partial(self._asked.run, self._asked.errands, self._asked.clock)
        token = CALL.set(wire)
        try:
            async with within(self._asked.clock, limit.call_seconds):
                async with self.wrapped.request_stream(messages, settings, parameters) as stream:
                    async for event in stream:
                        if not told.add(event):
                            raise TooLargeError(
                                f"{self._name}: the answer is larger than model.output_tokens = "
                                f"{limit.output_tokens:,} can be: it was cut off"
                            )
                told.end()
                return stream.get(), _has_reported(stream)
        finally:
            CALL.reset(token)

    def _most(self, input_tokens: int) -> Spend:
        run = self._asked.run
        output_tokens = run.settings.model.output_tokens
        price = most_dollars(self._name, input_tokens, output_tokens)
        if price is None and run.meter.limits_dollars:
            raise AgentFailedError(
                f"{self._name}: its price is not known, so no budget in dollars can hold: "
                "take another model, or limit tokens instead, then resume",
                suspend=True,
            )
        return Spend(tokens=input_tokens + output_tokens, dollars=price or Decimal(0))

    def _spent(self, response: ModelResponse) -> Spend:
        usage = response.usage
        price = dollars(self._name, usage)
        self._asked.tally.add(self._name, usage.input_tokens, usage.output_tokens, price)
        return Spend(tokens=usage.input_tokens + usage.output_tokens, dollars=price or Decimal(0))


class _Payment:
    """One reservation, from before the call until after it."""

    def __init__(self, run: Run, model: str, most: Spend) -> None:
        self._run = run
        self._model = model
        self._most = most
        self._reservation: str | None = None
        self.spent: Spend | None = None
        """What the call has cost; None as long as nobody can tell."""

    def reserve(self) -> None:
        self._reservation = self._run.meter.reserve(self._most)

    def settle(self) -> None:
        if self._reservation is not None:
            self._run.meter.settle(self._reservation, self.spent)


def _most_bytes(messages: list[ModelMessage], parameters: ModelRequestParameters) -> int:
    """Return a bound on the tokens of a request: there is none of less than one byte.

    All tokenizers in use begin from bytes and merge them. What pydantic-ai keeps of a message as JSON has
    more bytes than what is sent of it, which is checked before it leaves.
    """
    content = len(ModelMessagesTypeAdapter.dump_json(messages))
    tools = len(to_json(parameters, fallback=str))
    return content + tools + OVERHEAD_BYTES


def _has_reported(stream: StreamedResponse) -> bool:
    return stream.usage.input_tokens + stream.usage.output_tokens > 0
