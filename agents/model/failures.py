"""Why there is no answer: one line for people, without keys, and whether a person must act."""

from collections.abc import Sequence

from pydantic_ai.exceptions import (
    FallbackExceptionGroup,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelOverloadedError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestTimeout,
    ModelServerError,
    ModelUnavailableError,
    OutputTokenLimitExceeded,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
    UserError,
)

from recursor.agents.model.context_window import end_by_setting
from recursor.agents.model.keys import Keys
from recursor.agents.model.unreachable import why_unreachable
from recursor.domain.errors import in_one_line
from recursor.domain.graph import Usage
from recursor.domain.settings import Settings
from recursor.domain.spending import AgentFailedError
from recursor.domain.wording import span

# Characters of a provider's message.
LONGEST = 500


class UnusableError(ModelAPIError):
    """This model cannot be asked before a person has done what the text says."""


_NEEDS_A_PERSON = (
    ModelAuthenticationError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    UnusableError,
    UserError,
)


class SilentProviderError(ModelRequestTimeout):
    """A provider took a request, and nothing of an answer has come in time."""


class ProviderUnavailableError(ModelOverloadedError):
    """A provider is not asked now, because it refused calls and asked for a pause."""

    def __init__(self, model: str, until: float, now: float, because: ModelAPIError | None = None) -> None:
        """Name the model and the end of the pause.

        Args:
            model: the model.
            until: seconds since the epoch, UTC.
            now: the same.
            because: the refusal, if it was of this call.
        """
        wait = f"provider unavailable; retry in {span(max(until - now, 0.0))}"
        super().__init__(model, wait if because is None else f"{_told(because)}; {wait}")
        self.until = until


# Answers that are paid for, and that the same question would bring again: too large ones, and those that were
# still invalid after all retries.
_LASTS = (
    ModelContextWindowExceededError,
    OutputTokenLimitExceeded,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
)
_PASSES = (
    ModelConnectionError,
    ModelRateLimitError,
    ModelServerError,
    ModelUnavailableError,
    SilentProviderError,
)


def explained(
    error: Exception,
    settings: Settings,
    keys: Keys,
    usage: Usage,
    others: Sequence[str] = (),
    *,
    ends: str | None = None,
) -> AgentFailedError:
    """Return the error for an agent to raise instead of `error`.

    Args:
        error: the error of the call.
        settings: the run's, for the remedies.
        keys: keys that no text may show.
        usage: the spending until then.
        others: why further models could not be asked.
        ends: the limit of an answer, with its remedy; by default `model.output_tokens`.
    """
    if isinstance(error, AgentFailedError):
        return error.retold(keys.scrubbed(str(error)), usage)
    errors = list(error.exceptions) if isinstance(error, FallbackExceptionGroup) else [error]
    ends = ends or end_by_setting(settings.model)
    text = "; then ".join(dict.fromkeys([*(_line(each, settings, ends) for each in errors), *others]))
    suspend = all(isinstance(each, _NEEDS_A_PERSON) for each in errors)
    passing = [each for each in errors if _passes(each)]
    return AgentFailedError(
        keys.scrubbed(text),
        usage,
        suspend=suspend,
        passes=bool(passing),
        not_before=_first_back(passing),
        counts=any(map(_may_be_paid_for, passing)),
        lasts=any(isinstance(each, _LASTS) for each in errors),
    )


def _passes(error: Exception) -> bool:
    """Return whether a provider is temporarily unavailable."""
    return isinstance(error, _PASSES) or is_no_answer(error)


def _may_be_paid_for(error: Exception) -> bool:
    broke_off = isinstance(error, ModelConnectionError) and error.phase not in ("pool", "connect")
    return broke_off or is_no_answer(error)


def is_no_answer(error: Exception) -> bool:
    """Return whether the response was no answer at all: not even JSON."""
    return type(error) is ModelAPIError


def _first_back(errors: Sequence[Exception]) -> float | None:
    """Return when the first of them is available again, if all of them say when."""
    times = [error.until for error in errors if isinstance(error, ProviderUnavailableError)]
    return min(times) if times and len(times) == len(errors) else None


def _line(error: Exception, settings: Settings, ends: str) -> str:
    model = settings.model
    match error:
        case AgentFailedError():
            line = str(error)
        case SilentProviderError():
            line = (
                f"{error.model_name}: no answer has begun within model.call_seconds = "
                f"{model.call_seconds:g}: raise it if the model takes longer"
            )
        case ModelRequestTimeout():
            line = (
                f"no whole answer within model.call_seconds = {model.call_seconds:g}: raise it, or try later"
            )
        case OutputTokenLimitExceeded():
            line = f"the answer was cut off at {ends}"
        case UsageLimitExceeded():
            line = (
                "the model reached the limit of requests for one answer, and still used tools: "
                "say in the prompt when to stop using them"
            )
        case UnusableError():
            line = error.message
        case ModelAuthenticationError() if model.base_url is not None:
            line = (
                f"{error.model_name}: {_told(error)}: a server gets a key only if runner.model_hosts names it"
            )
        case ModelAPIError():
            line = f"{error.model_name}: {_told(error)}"
        case UnexpectedModelBehavior():
            line = f"the model's answer was invalid: {error.message}"
            if error.__cause__ is not None:
                # For rejected answers: the problem of the last one.
                retries = f"model.retries = {model.retries}"
                line = f"no valid answer, {retries}; the last problem: {error.__cause__}"
        case UserError():
            line = error.message
        case _:
            line = in_one_line(error)
    return _shortened(line)


def _told(error: ModelAPIError) -> str:
    if isinstance(error, ModelHTTPError):
        return f"HTTP {error.status_code}: {_said(error.body)}"
    return why_unreachable(error) or error.message


def _said(body: object) -> str:
    """Return a provider's error message: all providers put it into much the same place."""
    inner = body.get("error", body) if isinstance(body, dict) else body
    message = inner.get("message", inner) if isinstance(inner, dict) else inner
    return "no reason given" if message in (None, "") else str(message)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
