"""Admits only requests with the token, if there is one, and none from pages of other sites."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recursor import __version__
from recursor.web.access import WebAccess
from recursor.web.audit import REQUESTER, token_named
from recursor.web.problems import MEDIA_TYPE, RELEASE_HEADER, RUNNER_HEADER, Problem, problem
from recursor.web.sessions import Sessions
from recursor.web.wrong_tokens import WrongTokens

# The longest text a record takes is 20,000 characters; settings are smaller still.
MAX_BODY_BYTES = 1024 * 1024

SESSION_COOKIE = "recursor_session"
LOGIN_PATH, LOGOUT_PATH = "/login", "/logout"

# Paths open without the token: liveness, readiness, and the login.
_OPEN_PATHS = (LOGIN_PATH, "/healthz", "/readyz")

# A WebSocket's "policy violation" (RFC 6455, section 7.4.1) and "try again later" (IANA's registry).
_POLICY_VIOLATION, _TRY_AGAIN_LATER = 1008, 1013


class _TooLargeError(Exception):
    pass


class Guard:
    """Middleware: checks Host and Origin, the token, and the size of requests.

    The Host check keeps a foreign page from reaching the runner under its own name that resolves to this
    machine; the checks of Origin and Sec-Fetch-Site keep it from sending requests to the runner's own name.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: WebAccess,
        port: int,
        runner: str,
        sessions: Sessions | None = None,
        wrong_tokens: WrongTokens | None = None,
        most_sockets: int | None = None,
    ) -> None:
        """Wrap `app`.

        Args:
            app: the application.
            access: the access rules.
            sessions: the browsers' sessions; None: there are none.
            port: its port.
            runner: the runner's identity in responses.
            wrong_tokens: counts them; by default for this guard alone.
            most_sockets: the most open WebSockets; None: no limit.
        """
        self._app = app
        self._access = access
        self._sessions = sessions
        self._port = port
        self._runner = runner
        self._wrong_tokens = wrong_tokens or WrongTokens()
        self._most_sockets = most_sockets
        self._sockets = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, or refuse it."""
        if scope["type"] == "websocket":
            await self._guard_socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[RUNNER_HEADER] = self._runner
                headers[RELEASE_HEADER] = __version__
                headers["x-content-type-options"] = "nosniff"
                # Only our own pages may frame ours, so that no foreign page can trick people into clicks.
                headers.setdefault("x-frame-options", "SAMEORIGIN")
            await send(message)

        refusal: Response | None = self._refusal(scope)
        if refusal is None:
            REQUESTER.set(self._requester(scope))
            intake = _Intake(receive, send_named)
            with suppress(_TooLargeError), self._while_open(scope, intake.receive, "http") as receive_open:
                await self._app(scope, receive_open, intake.send)
            if not intake.exceeded:
                return
            refusal = _answer(_too_large())
        elif refusal.status_code == 401 and _bearer(Headers(scope=scope)):
            await self._wrong_tokens.note(scope)
        await refusal(scope, receive, send_named)

    async def _guard_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        # A browser always sends the page's origin here, and the cookie whatever the page is.
        if self._foreign(headers) is not None or not self._may_enter(headers):
            if _bearer(headers):
                await self._wrong_tokens.note(scope)
            await _close(receive, send, _POLICY_VIOLATION, "not allowed")
        elif self._sockets == self._most_sockets:
            await _close(receive, send, _TRY_AGAIN_LATER, "too many pages are open")
        else:
            self._sockets += 1
            REQUESTER.set(self._requester(scope))
            try:
                with self._while_open(scope, receive, "websocket") as receive_open:
                    await self._app(scope, receive_open, send)
            finally:
                self._sockets -= 1

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        foreign = self._foreign(headers)
        if foreign is not None:
            return _answer(foreign)
        if scope["path"] not in _OPEN_PATHS and not self._may_enter(headers):
            return self._ask_for_token(scope, headers)
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > MAX_BODY_BYTES:
            return _answer(_too_large())
        return None

    def _foreign(self, headers: Headers) -> Problem | None:
        """Return why a request counts as from another site, if it does."""
        host = headers.get("host", "")
        if not self._access.knows(host, self._port):
            known = (
                "127.0.0.1" if self._access.token is None else "its address, or start it with --allow-host"
            )
            return problem(
                "host", 421, "Wrong host", f"host: {host!r} is not this runner's: use {known} and its port"
            )
        origin = headers.get("origin")
        if origin is not None and not self._access.knows_origin(origin, self._port):
            return problem(
                "origin", 403, "Wrong origin", f"origin: pages of {origin!r} may not use this runner"
            )
        # Another page may link to ours, but not embed anything of ours.
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        # A page made by an agent, shown in a frame, counts as another site: its frame may not navigate here.
        whole = mode == "navigate" and headers.get("sec-fetch-dest", "document") == "document"
        if site in ("cross-site", "same-site") and not whole:
            return problem(
                "origin", 403, "Wrong origin", "origin: pages of other sites may not use this runner"
            )
        return None

    def _may_enter(self, headers: Headers) -> bool:
        access = self._access
        if access.token is None:
            return True
        if access.admits(_bearer(headers)):
            return True
        return self._session(headers) is not None

    def _requester(self, scope: Scope) -> str:
        """Return the requester and the address for the log of changes."""
        headers = Headers(scope=scope)
        address = scope["client"][0] if scope.get("client") else "a local socket"
        session = self._session(headers)
        if address.startswith("user "):
            return f"{address} of this machine"
        if self._access.token is None:
            who = "a program"
        elif session is not None:
            who = f"browser session {session.split('.')[1][:8]}"
        else:
            who = token_named(self._access.token)
        claimed = headers.get("x-forwarded-for")
        return f"{who} from {address}" + (f", forwarding {claimed[:100]!r}" if claimed else "")

    def _session(self, headers: Headers) -> str | None:
        """Return the cookie of a valid session, if there is one."""
        cookie = cookie_parser(headers.get("cookie", "")).get(SESSION_COOKIE)
        known = cookie is not None and self._sessions is not None and self._sessions.is_open(cookie)
        return cookie if known else None

    @contextmanager
    def _while_open(self, scope: Scope, receive: Receive, kind: str) -> Iterator[Receive]:
        """End a session's streams and the sockets of its open pages with the session."""
        cookie = self._session(Headers(scope=scope))
        if cookie is None or self._sessions is None:
            yield receive
            return
        ended = self._sessions.follow(cookie)

        async def receive_while_open() -> Message:
            waiting = asyncio.ensure_future(receive())
            try:
                await asyncio.wait((waiting, ended), return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    return waiting.result()
                return {"type": f"{kind}.disconnect", "code": _POLICY_VIOLATION}
            finally:
                waiting.cancel()

        try:
            yield receive_while_open
        finally:
            ended.cancel()

    def _ask_for_token(self, scope: Scope, headers: Headers) -> Response:
        path = scope["path"]
        if scope["method"] in ("GET", "HEAD") and "text/html" in headers.get("accept", ""):
            query = scope["query_string"].decode("latin-1")
            wanted = path + (f"?{query}" if query else "")
            return RedirectResponse(f"{LOGIN_PATH}?next={quote(wanted, safe='')}", 303)
        answer = _answer(
            problem(
                "unauthorized",
                401,
                "Unauthorized",
                "authorization: this runner wants its token: set RECURSOR_TOKEN, or send a bearer token",
            )
        )
        answer.headers["www-authenticate"] = 'Bearer realm="recursor"'
        return answer


class _Intake:
    """Counts received bytes, and stops the application from answering once there are too many."""

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
        # The framework takes the error above for an unparsable body, and would say so.
        if not self.exceeded:
            await self._send(message)


def _bearer(headers: Headers) -> str:
    """Return the token in a request, or an empty one."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


async def _close(receive: Receive, send: Send, code: int, reason: str) -> None:
    await receive()
    await send({"type": "websocket.close", "code": code, "reason": reason})


def _too_large() -> Problem:
    return problem(
        "too-large", 413, "Too large", f"body: longer than {MAX_BODY_BYTES} bytes: send less at a time"
    )


def _answer(refusal: Problem) -> JSONResponse:
    return JSONResponse(refusal.model_dump(), refusal.status, media_type=MEDIA_TYPE)
