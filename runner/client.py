"""Speaks HTTP with a runner: what a command asks, and what it means when there is no answer."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import gaierror
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from pydantic import BaseModel, TypeAdapter, ValidationError

from recursor import __version__
from recursor.domain.core_record import CoreRecord
from recursor.domain.errors import RecursorError
from recursor.runner.errors import RunnerSilentError, UnauthorizedError
from recursor.web.problems import RELEASE_HEADER, RUNNER_HEADER, error_of

# A runner here that is well answers within milliseconds. What it does not answer is done without it, on the
# store, where it finds it as soon as it is well again.
ANSWER_SECONDS = 5.0

# A runner elsewhere cannot be done without, and networks are slow at times.
REMOTE_SECONDS = 30.0

_FAILED, _UNAUTHORIZED, _UNAVAILABLE = 400, 401, 503
_NO_SUCH_RESOURCE = (404, 405)

Query = Mapping[str, str | int | Sequence[str] | None]
"""What stands in a URL's query; what is None or empty is left out."""

R = TypeVar("R")
T = TypeVar("T", bound=BaseModel | CoreRecord)


class ApiClient:
    """Requests to one runner, over one connection, one at a time.

    Every method raises RunnerSilentError if no runner answers, or one of a version that is unknown here;
    UnauthorizedError if it wants a token, or another one; and else the error that the runner tells.
    """

    def __init__(self, url: str, *, runner: str | None = None, token: str | None = None) -> None:
        """Prepare to talk to a runner; nothing is sent yet.

        Args:
            url: where it serves, without a slash at the end.
            runner: what it calls itself in its answers; None if any runner will do, wherever it is.
            token: the secret it wants, if it wants one.
        """
        self.url = url
        self._address = urlsplit(url)
        self._runner = runner
        self._headers = {"content-type": "application/json", "accept": "application/json"}
        if token is not None:
            # No runner has a token of other letters, but one without any must still be asked.
            sendable = "".join(each if " " <= each <= "~" else "?" for each in token)
            self._headers["authorization"] = f"Bearer {sendable}"
        self._connection: HTTPConnection | None = None

    def get(self, kind: type[T], path: str, query: Query | None = None) -> T:
        """Return the record that stands at `path`, below the URL."""
        response, text = self._exchange("GET", path, None, query)
        try:
            return kind.model_validate_json(text)  # type: ignore[return-value]  # mypy loses the type of the class
        except ValidationError:
            raise self._differs(response) from None

    def get_all(self, kind: type[T], path: str, query: Query | None = None) -> list[T]:
        """Return the records that stand at `path` as one array."""
        response, text = self._exchange("GET", path, None, query)
        try:
            found: list[T] = TypeAdapter(list[kind]).validate_json(text)  # type: ignore[valid-type]  # at run time
            return found
        except ValidationError:
            raise self._differs(response) from None

    def ask(self, parse: Callable[[bytes], R], path: str, body: object) -> R:
        """Return what `parse` makes of the answer to a question that is put in a body.

        Args:
            parse: raises ValueError, TypeError or LookupError where it cannot.
            path: where, below the URL.
            body: the question.
        """
        response, text = self._exchange("POST", path, body, None)
        try:
            return parse(text)
        except (ValueError, TypeError, LookupError):
            raise self._differs(response) from None

    def send(self, method: str, path: str, body: object = None) -> bytes:
        """Have something done, and return what the runner answers."""
        return self._exchange(method, path, body, None)[1]

    @contextmanager
    def stream(
        self, path: str, query: Query, headers: Mapping[str, str], seconds: float
    ) -> Iterator[HTTPResponse]:
        """Give an answer that goes on, to be read as it comes, over a connection of its own.

        Args:
            path: where, below the URL.
            query: see `Query`.
            headers: besides those of every request.
            seconds: how long to wait for each part of it at most.
        """
        with closing(self._connect(seconds)) as connection:
            try:
                connection.request("GET", self._target(path, query), headers={**self._headers, **headers})
                response = connection.getresponse()
                text = b"" if response.status < _FAILED else response.read()
            except (OSError, HTTPException) as error:
                raise self.silence(error) from error
            if response.status >= _FAILED or self._is_stranger(response):
                raise self._failure(response, text)
            yield response

    def silence(self, error: Exception) -> RunnerSilentError:
        """Return what to say of a request that came to nothing."""
        match error:
            case ssl.SSLCertVerificationError():
                why = (
                    f"its certificate cannot be trusted ({error.verify_message}): "
                    "name the authority that signed it in SSL_CERT_FILE"
                )
            case ssl.SSLError():
                why = f"TLS does not work there ({error.reason or error}): is it http:// instead?"
            case gaierror():
                why = f"no machine {self._address.hostname} is known: look at the address"
            case ConnectionRefusedError():
                why = "nothing listens there: look at the address, and whether the runner is up"
            case TimeoutError():
                why = "the runner does not answer in time: look at the address, and at the machine"
            case _:
                why = f"the runner does not answer: {str(error) or type(error).__name__}"
        return RunnerSilentError(f"{self.url}: {why}")

    def close(self) -> None:
        """End the connection. Closing twice is fine."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(
        self, method: str, path: str, body: object, query: Query | None
    ) -> tuple[HTTPResponse, bytes]:
        content = None if body is None else json.dumps(body)
        target = self._target(path, query)
        response, text = self._ask(method, target, content)
        if response.status >= _FAILED or self._is_stranger(response):
            raise self._failure(response, text)
        return response, text

    def _ask(self, method: str, target: str, content: str | None) -> tuple[HTTPResponse, bytes]:
        while True:
            reused = self._connection is not None
            if self._connection is None:
                self._connection = self._connect(ANSWER_SECONDS if self._runner else REMOTE_SECONDS)
            try:
                self._connection.request(method, target, content, self._headers)
                response = self._connection.getresponse()
                return response, response.read()
            except (OSError, HTTPException) as error:
                self.close()
                # A connection on which nothing was asked for some seconds is closed at the other end; and
                # everything that can be asked may be asked twice.
                if not (reused and isinstance(error, ConnectionError)):
                    raise self.silence(error) from error

    def _connect(self, seconds: float) -> HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._address.scheme == "https":
            return HTTPSConnection(host, port, timeout=seconds, context=ssl.create_default_context())
        return HTTPConnection(host, port, timeout=seconds)

    def _target(self, path: str, query: Query | None) -> str:
        given = {key: value for key, value in (query or {}).items() if value not in (None, "", ())}
        tail = f"?{urlencode(given, doseq=True)}" if given else ""
        return f"{self._address.path}{path}{tail}"

    def _is_stranger(self, response: HTTPResponse) -> bool:
        named = response.getheader(RUNNER_HEADER)
        return named is None or self._runner not in (None, named)

    def _failure(self, response: HTTPResponse, text: bytes) -> RecursorError:
        """Return the error that an answer is."""
        if self._is_stranger(response):
            return RunnerSilentError(
                f"{self.url}: what answers there is not the runner (HTTP {response.status}): "
                "look at the address, and whether the runner is up"
            )
        if response.status == _UNAUTHORIZED:
            which = "another token" if "authorization" in self._headers else "its token"
            return UnauthorizedError(
                f"{self.url}: the runner wants {which}: set RECURSOR_TOKEN, or token_file in recursor.toml"
            )
        try:
            problem = json.loads(text)
            told, detail = error_of(problem), str(problem["detail"])
        except (ValueError, TypeError, LookupError, AttributeError):
            return self._differs(response)
        if response.status == _UNAVAILABLE:
            return RunnerSilentError(detail)
        if told is None and response.status in _NO_SUCH_RESOURCE:
            return self._differs(response)
        return told or RecursorError(detail)

    def _differs(self, response: HTTPResponse) -> RunnerSilentError:
        theirs = response.getheader(RELEASE_HEADER) or "unknown"
        return RunnerSilentError(
            f"{self.url}: the runner is of version {theirs}, whose answer version {__version__} does not "
            "understand: use the same version"
        )
