"""Mounts the dashboard beside the API, on the same port."""

from functools import partial

from fastapi import FastAPI, Response
from nicegui import app as nicegui_app
from nicegui import run as nicegui_run
from nicegui import ui
from starlette.datastructures import MutableHeaders
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recursor.web.dashboard.frame import build_shell
from recursor.web.dashboard.live import Watcher
from recursor.web.dashboard.style import first_script, style_path, style_sheet
from recursor.web.engine import Engine
from recursor.web.guard import LOGOUT_PATH

# NiceGUI evaluates code from the server, and Vue compiles templates: both need the two "unsafe" sources. The
# policy still prevents loading from, sending to, and framing by other sites.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "frame-src 'self' blob:",
        "frame-ancestors 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
    )
)

_FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" '
    'fill="#4b44c2"/><path d="M11 23V9h6a4.5 4.5 0 0 1 0 9h-6m6 0 4 5" fill="none" stroke="#fff" '
    'stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>'
)

_FOR_EVER = "public, max-age=31536000, immutable"


def mount_dashboard(app: FastAPI, engine: Engine) -> None:
    """Serve the dashboard from `app`, on all paths except the API's. Call it last.

    NiceGUI serves one application per process: a further call replaces it.

    Args:
        app: the application.
        engine: the engine that the pages show and control.
    """
    # Its process pool is unused, and its semaphores need shared memory, which a container may lack.
    nicegui_run.setup = _no_process_pool
    sheet = style_sheet()
    path = style_path(sheet)

    async def style() -> Response:
        return Response(sheet, media_type="text/css", headers={"cache-control": _FOR_EVER})

    app.add_api_route(path, style, include_in_schema=False)
    nicegui_app.user_middleware.clear()
    nicegui_app.middleware_stack = None
    head = (
        f'<link rel="stylesheet" href="{path}"><script>{first_script()}</script>'
        '<meta name="description" content="Recursor: teams of autonomous agents">'
    )
    sign_out = None if app.state.sessions is None else LOGOUT_PATH
    ui.run_with(
        app,
        root=partial(build_shell, engine, Watcher(engine), head, sign_out),
        title="Recursor",
        favicon=_FAVICON,
        dark=None,
        language="en-US",
        # There are no bindings: events report changes.
        binding_refresh_interval=None,
        reconnect_timeout=10.0,
        # On one machine, reading a file is faster than compressing it.
        gzip_middleware_factory=None,
        tailwind=False,
        show_welcome_message=False,
    )
    mounted = app.router.routes.pop()
    assert isinstance(mounted, Mount)
    app.router.routes.append(_Pages(mounted.path, _Guarded(mounted.app), app))


def _no_process_pool() -> None:
    pass


class _Pages(Mount):
    """Serves paths without another route, so that the API's refusals (405, 404) stay the API's."""

    def __init__(self, path: str, pages: ASGIApp, app: FastAPI) -> None:
        super().__init__(path, pages)
        self._whole = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and self._is_of_others(scope):
            return Match.NONE, {}
        return super().matches(scope)

    def _is_of_others(self, scope: Scope) -> bool:
        path = scope["path"]
        if path == "/api" or path.startswith("/api/"):
            return True
        others = (route for route in self._whole.router.routes if route is not self)
        return any(route.matches(scope)[0] is not Match.NONE for route in others)


class _Guarded:
    """Adds the content security policy to every page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = _POLICY
                headers["referrer-policy"] = "same-origin"
            await send(message)

        # NiceGUI uses this to mark paths without a route, about which its pages decide.
        scope["endpoint"] = self._app
        await self._app(scope, receive, send_guarded)
