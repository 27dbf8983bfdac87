"""Lets in only who may: programs on this machine, and not a web page that the user happens to visit."""

from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recursor.web.problems import MEDIA_TYPE, Problem, problem

# The longest text a record takes is 20,000 characters; settings are smaller still.
MAX_BODY_BYTES = 1024 * 1024

RUNNER_HEADER = "recursor-runner"
"""Tells who answers, so that a client does not take another program on the port for the runner."""


class _TooLargeError(Exception):
    pass


class Guard:
    """Middleware: checks Host and Origin, and the size of what is sent.

    The Host check keeps a foreign page from reaching the runner under a name of its own that resolves to this
    machine; the Origin check keeps it from sending requests to the runner's own name.
    """

    def __init__(self, app: ASGIApp, *, port: int, runner: str) -> None:
        """Wrap `app`.

        Args:
            app: what is guarded.
            port: where it is served.
            runner: what responses say of who answers.
        """
        self._app = app
        self._runner = runner
        names = ("127.0.0.1", "localhost", "[::1]")
        self._hosts = {f"{name}:{port}" for name in names} | ({*names} if port == 80 else set())
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[RUNNER_HEADER] = self._runner
                headers["x-content-type-options"] = "nosniff"
            await send(message)

        refusal = self._refusal(Headers(scope=scope))
        if refusal is None:
            intake = _Intake(receive, send_named)
            with suppress(_TooLargeError):
                await self._app(scope, intake.receive, intake.send)
            if not intake.exceeded:
                return
            refusal = _too_large()
        await _answer(refusal)(scope, receive, send_named)

    def _refusal(self, headers: Headers) -> Problem | None:
        host = headers.get("host", "")
        if host.lower() not in self._hosts:
            return problem(
                "host", 421, "Wrong host", f"host: {host!r} is not this runner's: use 127.0.0.1 and its port"
            )
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in self._origins:
            return problem(
                "origin", 403, "Wrong origin", f"origin: pages of {origin!r} may not use this runner"
            )
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > MAX_BODY_BYTES:
            return _too_large()
        return None


class _Intake:
    """Counts what is received, and keeps the application from answering once that is too much."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._bytes = 0
        self.exceeded = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > MAX_BODY_BYTES:
            self.exceeded = True
            raise _TooLargeError
        return message

    async def send(self, message: Message) -> None:
        # The framework takes the error above for a body that it cannot parse, and would say so.
        if not self.exceeded:
            await self._send(message)


def _too_large() -> Problem:
    return problem(
        "too-large", 413, "Too large", f"body: longer than {MAX_BODY_BYTES} bytes: send less at a time"
    )


def _answer(refusal: Problem) -> JSONResponse:
    return JSONResponse(refusal.model_dump(), refusal.status, media_type=MEDIA_TYPE)
