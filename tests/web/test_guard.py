"""Who may use the server, when others can reach it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import create_connection

import httpx
import pytest
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from recursor.domain.errors import InvalidInputError
from recursor.runner.port import listen
from recursor.web.access import WebAccess, bracketed
from recursor.web.guard import Guard
from recursor.web.login import login_router
from recursor.web.server import WebServer
from recursor.web.sessions import Sessions
from recursor.web.wrong_tokens import WrongTokens
from tests.processes import wait_for

TOKEN, PORT = "a secret of some length", 3002


@contextmanager
def client(access: WebAccess, sockets: int | None = None) -> Iterator[httpx.Client]:
    app = FastAPI()

    @app.get("/healthz")
    @app.get("/api/thing")
    async def thing() -> str:
        return "here"

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("welcome")
        with suppress(WebSocketDisconnect):
            await socket.receive_text()

    sessions = None
    if access.token:
        sessions = Sessions(access.token)
        app.include_router(login_router(access, sessions, WrongTokens()))
    app.add_middleware(Guard, access=access, sessions=sessions, port=PORT, runner="1", most_sockets=sockets)
    with listen(0) as listener:
        server = WebServer(app, listener)
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, headers={"host": f"127.0.0.1:{PORT}"}, timeout=180) as asking:
            yield asking
        server.stop()


def greeting(asking: httpx.Client, **headers: str) -> str | bytes:
    """What a WebSocket says first."""
    with opened(asking, **headers) as socket:
        return socket.recv()


def opened(asking: httpx.Client, **headers: str) -> ClientConnection:
    """A WebSocket of the server."""
    port = asking.base_url.port
    assert port is not None
    listening = create_connection(("127.0.0.1", port))
    host = headers.pop("host", f"127.0.0.1:{PORT}")
    return connect(f"ws://{host}/live", sock=listening, additional_headers=headers, proxy=None)


@pytest.fixture
def guarded() -> Iterator[httpx.Client]:
    with client(WebAccess("0.0.0.0", TOKEN, ("teams.example",))) as guarded:
        yield guarded


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "teams.example", ""])
def test_no_other_machine_is_let_in_without_a_token(host: str) -> None:
    with pytest.raises(InvalidInputError, match="set RECURSOR_TOKEN"):
        WebAccess(host)


def test_a_token_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="at least 16") as refused:
        WebAccess(token="hunter2")
    assert "hunter2" not in str(refused.value)
    assert TOKEN not in repr(WebAccess(token=TOKEN))


@pytest.mark.parametrize("token", [f" {TOKEN}", f"{TOKEN}\n", "ein Schlüssel mit Umlaut", "\udcff" * 20])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(InvalidInputError, match="RECURSOR_TOKEN: has spaces around it"):
        WebAccess(token=token)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
def test_this_machine_needs_no_token(host: str) -> None:
    with client(WebAccess(host)) as open_client:
        assert open_client.get("/api/thing").status_code == 200
        named = f"{bracketed(host)}:{PORT}"
        assert open_client.get("/api/thing", headers={"host": named}).status_code == 200


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", "Bearer é"]
)
def test_the_token_is_wanted(guarded: httpx.Client, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header.encode()}
    refused = guarded.get("/api/thing", headers=headers)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert "RECURSOR_TOKEN" in refused.json()["detail"]


def test_who_has_the_token_is_let_in(guarded: httpx.Client) -> None:
    assert guarded.get("/api/thing", headers={"authorization": f"Bearer {TOKEN}"}).text == '"here"'
    assert guarded.get("/healthz").status_code == 200


def test_a_person_gives_the_token_once(guarded: httpx.Client) -> None:
    asked = guarded.get("/api/thing?x=1", headers={"accept": "text/html"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=%2Fapi%2Fthing%3Fx%3D1")
    assert "Token" in guarded.get(asked.headers["location"]).text
    wrong = guarded.post("/login", data={"token": "wrong", "next": "/api/thing"})
    assert wrong.status_code == 401
    assert "set-cookie" not in wrong.headers
    entered = guarded.post("/login", data={"token": f" {TOKEN} ", "next": "/api/thing?x=1"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/api/thing?x=1")
    cookie = entered.headers["set-cookie"]
    assert TOKEN not in cookie
    assert {"httponly", "samesite=strict"} <= {part.strip().lower() for part in cookie.split(";")}
    assert guarded.get("/api/thing").status_code == 200


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1", ""]
)
def test_the_login_leads_nowhere_else(guarded: httpx.Client, wanted: str) -> None:
    entered = guarded.post("/login", data={"token": TOKEN, "next": wanted})
    assert entered.headers["location"] == "/"


def test_who_signs_out_is_out_everywhere_also_with_a_copy_of_the_cookie(guarded: httpx.Client) -> None:
    guarded.post("/login", data={"token": TOKEN})
    kept = guarded.cookies["recursor_session"]
    with opened(guarded, cookie=f"recursor_session={kept}") as live:
        assert live.recv() == "welcome"

        left = guarded.post("/logout")

        assert (left.status_code, left.headers["location"]) == (303, "/login")
        assert "recursor_session" not in guarded.cookies
        with pytest.raises(ConnectionClosed):
            live.recv(timeout=180)
    guarded.cookies.set("recursor_session", kept)
    assert guarded.get("/api/thing").status_code == 401
    with pytest.raises(InvalidStatus):
        greeting(guarded, cookie=f"recursor_session={kept}")
    # Another session is another one.
    guarded.cookies.clear()
    guarded.post("/login", data={"token": TOKEN})
    assert guarded.get("/api/thing").status_code == 200


def test_who_gives_the_token_again_has_one_session_and_not_two(guarded: httpx.Client) -> None:
    guarded.post("/login", data={"token": TOKEN})
    first = guarded.cookies["recursor_session"]
    asked = guarded.get("/login", params={"next": "/api/thing"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/api/thing")

    guarded.post("/login", data={"token": TOKEN})

    assert guarded.get("/api/thing").status_code == 200
    guarded.cookies.clear()
    guarded.cookies.set("recursor_session", first)
    assert guarded.get("/api/thing").status_code == 401


def test_a_forged_cookie_is_no_token(guarded: httpx.Client) -> None:
    guarded.cookies.set("recursor_session", TOKEN)
    assert guarded.get("/api/thing").status_code == 401


def test_an_unknown_name_is_refused_and_known_ones_are_not(guarded: httpx.Client) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}

    def status(host: str, **more: str) -> int:
        return guarded.get("/api/thing", headers={**headers, "host": host, **more}).status_code

    assert status("teams.example") == status("192.0.2.7:3002") == status("[2001:db8::1]:3002") == 200
    assert status("evil.example:3002") == status("192.0.2.7:80") == 421
    assert status("teams.example", origin="https://teams.example") == 200
    assert status("teams.example", origin="https://evil.example") == 403


@pytest.mark.parametrize(("site", "mode", "status"), [
    ("cross-site", "no-cors", 403), ("cross-site", "cors", 403), ("same-site", "no-cors", 403),
    ("cross-site", "navigate", 200), ("same-origin", "cors", 200), ("none", "navigate", 200),
])  # fmt: skip
def test_nothing_is_loaded_into_another_sites_page(site: str, mode: str, status: int) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
    with client(WebAccess()) as open_client:
        answer = open_client.get("/api/thing", headers=headers)
    assert answer.status_code == status
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"


@pytest.mark.parametrize(("place", "status"), [("document", 200), ("iframe", 403), ("object", 403)])
def test_another_sites_page_leads_here_only_as_a_whole(place: str, status: int) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": place}
    with client(WebAccess()) as open_client:
        assert open_client.get("/api/thing", headers=headers).status_code == status


@pytest.mark.parametrize(("headers", "welcome"), [
    ({"origin": f"http://127.0.0.1:{PORT}"}, True), ({"origin": "http://evil.example"}, False),
    ({"host": "evil.example"}, False),
])  # fmt: skip
def test_sockets_are_guarded_alike(headers: dict[str, str], welcome: bool) -> None:
    with client(WebAccess()) as open_client:
        if welcome:
            assert greeting(open_client, **headers) == "welcome"
        else:
            with pytest.raises(InvalidStatus, match="403"):
                greeting(open_client, **headers)


def test_a_socket_wants_the_token_too(guarded: httpx.Client) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        greeting(guarded)
    assert greeting(guarded, authorization=f"Bearer {TOKEN}") == "welcome"


def test_the_answer_names_who_gave_it() -> None:
    with client(WebAccess()) as open_client:
        assert open_client.get("/nothing").headers["recursor-runner"] == "1"


def test_open_pages_leave_connections_to_others() -> None:
    with client(WebAccess(), sockets=1) as asking:
        with opened(asking) as socket:
            assert socket.recv() == "welcome"
            with pytest.raises(InvalidStatus):
                opened(asking)
            assert asking.get("/healthz").status_code == 200
        wait_for(lambda: _is_welcome(asking))


def _is_welcome(asking: httpx.Client) -> bool:
    try:
        return greeting(asking) == "welcome"
    except InvalidStatus:
        return False
