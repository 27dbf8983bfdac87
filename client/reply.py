"""The meaning of a response: the answer, or an error."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from socket import gaierror
from typing import TYPE_CHECKING

from recursor import __version__
from recursor.domain.errors import RecursorError
from recursor.runner.errors import RunnerGoneError, RunnerSilentError, UnauthorizedError
from recursor.web.problems import RELEASE_HEADER, RUNNER_HEADER, TYPE_PREFIX, error_of

if TYPE_CHECKING:
    import httpx

_FAILED, _UNAUTHORIZED, _UNAVAILABLE = 400, 401, 503
_NO_SUCH_RESOURCE = (404, 405)
_ENDING = TYPE_PREFIX + "ending"


def checked(response: httpx.Response, where: str, runner: int | None = None) -> httpx.Response:
    """Return a response that is an answer. It must have been read.

    Args:
        response: the response.
        where: the asked runner, for errors.
        runner: the process that must have answered; None: any runner.

    Raises:
        RunnerSilentError: no runner answered, or it has another version, or cannot answer now.
        UnauthorizedError: the runner wants a token, or another one.
        RecursorError: the runner's error.
    """
    named = response.headers.get(RUNNER_HEADER)
    if named is None or runner not in (None, _number(named)):
        raise RunnerSilentError(
            f"{where}: the answer is not from a runner (HTTP {response.status_code}): "
            "check the address, and whether the runner is up"
        )
    if response.status_code < _FAILED:
        return response
    if response.status_code == _UNAUTHORIZED:
        which = "another token" if "authorization" in response.request.headers else "its token"
        raise UnauthorizedError(
            f"{where}: the runner wants {which}: set RECURSOR_TOKEN, or token_file in recursor.toml"
        )
    try:
        problem = json.loads(response.content)
        told, detail = error_of(problem), str(problem["detail"])
    except (ValueError, TypeError, LookupError, AttributeError):
        raise differs(response, where) from None
    if problem.get("type") == _ENDING:
        raise RunnerGoneError(detail)
    if response.status_code == _UNAVAILABLE:
        raise RunnerSilentError(detail)
    if told is None and response.status_code in _NO_SUCH_RESOURCE:
        raise differs(response, where)
    raise told or RecursorError(detail)


def differs(response: httpx.Response, where: str) -> RunnerSilentError:
    """Return the error for an answer that this version does not understand."""
    theirs = response.headers.get(RELEASE_HEADER, "unknown")
    return RunnerSilentError(
        f"{where}: the runner has version {theirs}, whose answer version {__version__} does not "
        "understand: use the same version"
    )


def silence(error: Exception, where: str, host: str) -> RunnerSilentError:
    """Return the error for a request that was not answered.

    Args:
        error: its failure.
        where: the asked runner.
        host: the name of the machine.
    """
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                why = (
                    f"its certificate cannot be trusted ({cause.verify_message}): "
                    "name the authority that signed it in SSL_CERT_FILE"
                )
            case ssl.SSLError():
                why = f"TLS does not work there ({cause.reason or cause}): is it http:// instead?"
            case gaierror():
                why = f"no machine {host} is known: check the address"
            case ConnectionRefusedError():
                why = "nothing listens there: check the address, and whether the runner is up"
            case TimeoutError():
                why = "the runner does not answer in time: check the address and the machine"
            case _:
                continue
        break
    else:
        why = f"the runner does not answer: {str(error) or type(error).__name__}"
    return RunnerSilentError(f"{where}: {why}")


def reason(error: BaseException) -> str:
    """Return why a connection failed, from the system's error."""
    said = (cause.strerror for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror)
    return next(said, str(error) or type(error).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, which include the system's error."""
    found: list[BaseException] = [error]
    while found:
        each = found.pop(0)
        yield each
        cause = each.__cause__ or each.__context__
        if cause is not None:
            found.append(cause)
        if isinstance(each, BaseExceptionGroup):
            found += each.exceptions


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
