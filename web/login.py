"""The login: a person gives the token once per browser, and can sign out."""

from html import escape
from pathlib import Path
from string import Template
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from recursor.web.access import WebAccess
from recursor.web.guard import LOGIN_PATH, LOGOUT_PATH, SESSION_COOKIE
from recursor.web.sessions import SESSION_SECONDS, Sessions
from recursor.web.wrong_tokens import WrongTokens

_PAGE = Template((Path(__file__).parent / "login.html").read_text(encoding="utf-8"))


def login_router(access: WebAccess, sessions: Sessions, wrong_tokens: WrongTokens) -> APIRouter:
    """Return the page that takes the token, its target, and the end of the session."""
    router = APIRouter(include_in_schema=False)

    @router.get(LOGIN_PATH)
    async def show(
        request: Request, next: str = "/"
    ) -> Response:  # the parameter's name is from the standard
        """Ask for the token, unless the browser has a session."""
        if sessions.is_open(request.cookies.get(SESSION_COOKIE, "")):
            return RedirectResponse(_local(next), 303)
        return _page(next)

    @router.post(LOGIN_PATH)
    async def enter(
        request: Request, token: Annotated[str, Form()] = "", next: Annotated[str, Form()] = "/"
    ) -> Response:
        """Take the token, and start a session in the browser."""
        if not access.admits(token.strip()):
            await wrong_tokens.note(request.scope)
            return _page(
                next,
                "This is not the runner's token: it is in the RECURSOR_TOKEN, or the token file, that it was "
                "started with.",
            )
        # Nobody could end that session any more: the browser forgets its number.
        sessions.end(request.cookies.get(SESSION_COOKIE, ""))
        answer = RedirectResponse(_local(next), 303)
        answer.set_cookie(
            SESSION_COOKIE,
            sessions.begin(),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    @router.post(LOGOUT_PATH)
    async def leave(request: Request) -> Response:
        """End the browser's session, here and in the browser."""
        sessions.end(request.cookies.get(SESSION_COOKIE, ""))
        answer = RedirectResponse(LOGIN_PATH, 303)
        answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
        return answer

    return router


def _page(wanted: str, problem: str = "") -> HTMLResponse:
    text = _PAGE.substitute(next=escape(_local(wanted)), problem=escape(problem), path=LOGIN_PATH)
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"
    return HTMLResponse(text, 401 if problem else 200, {"content-security-policy": policy})


def _local(wanted: str) -> str:
    """Return where to continue, but only within this server."""
    parts = urlsplit(wanted)
    inside = not parts.scheme and not parts.netloc and wanted.startswith("/") and not wanted.startswith("//")
    return wanted if inside and "\\" not in wanted and wanted.isprintable() else "/"
