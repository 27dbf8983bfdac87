"""The stream of events, over HTTP."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from recursor.domain.events import ContentsChanged, Event, StackChanged, Trouble
from recursor.runner.port import listen
from recursor.web.api import live
from recursor.web.app import make_app
from recursor.web.engine import Engine
from recursor.web.event_feed import QUEUED, EventFeed
from recursor.web.server import WebServer
from tests.processes import wait_for
from tests.web.problems import problem

A, B = "a" * 16, "b" * 16


def changed(stack_id: str = A, what: str = "todos") -> Event:
    return ContentsChanged(stack_id=stack_id, at=1.0, what=what)  # type: ignore[arg-type]


def trouble(stack_id: str = A) -> Event:
    return Trouble(stack_id=stack_id, at=2.0, problem="the disk is full")


@dataclass
class Frame:
    """One event as a client gets it."""

    id: str | None = None
    event: str | None = None
    data: Any = None
    comment: str | None = None


def frames(response: httpx.Response) -> Iterator[Frame]:
    frame, some = Frame(), False
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if not line:
            if some:
                yield frame
            frame, some = Frame(), False
            continue
        some = True
        match name:
            case "id":
                frame.id = value
            case "event":
                frame.event = value
            case "data":
                frame.data = json.loads(value)
            case "":
                frame.comment = value
            case _:
                assert name == "retry"


@contextmanager
def following(
    client: httpx.Client, headers: dict[str, str] | None = None, **which: Any
) -> Iterator[tuple[Frame, Iterator[Frame]]]:
    """The frame that begins the stream, and those that follow."""
    with client.stream("GET", "/api/events", params=which, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        stream = frames(response)
        yield next(stream), stream


def test_events_are_told_with_their_kind_and_an_id_that_counts(client: httpx.Client, engine: Engine) -> None:
    with following(client) as (_, stream):
        engine.events.publish([changed(), trouble(B)])
        first, second = next(stream), next(stream)
    assert (first.event, second.event) == ("contents_changed", "trouble")
    assert first.data == {
        "kind": "contents_changed", "stack_id": A, "at": "1970-01-01T00:00:01.000000Z", "what": "todos",
    }  # fmt: skip
    assert second.data["problem"] == "the disk is full"
    (generation, one), (same, two) = (each.id.rsplit("-") for each in (first, second) if each.id)
    assert generation == same
    assert int(two) == int(one) + 1


def test_streams_are_filtered_by_stack_and_by_kind(client: httpx.Client, engine: Engine) -> None:
    with (
        following(client, stack=[A, "c" * 16]) as (_, of_stacks),
        following(client, kind=["trouble"]) as (_, of_kind),
        following(client, stack=B, kind="trouble") as (_, of_both),
    ):
        engine.events.publish([changed(B), changed(A), trouble(A), changed("c" * 16), trouble(B)])
        assert [(f.event, f.data["stack_id"]) for f in (next(of_stacks) for _ in range(3))] == [
            ("contents_changed", A), ("trouble", A), ("contents_changed", "c" * 16),
        ]  # fmt: skip
        assert [next(of_kind).data["stack_id"], next(of_kind).data["stack_id"]] == [A, B]
        assert next(of_both).data["stack_id"] == B


def test_a_client_goes_on_where_it_was(client: httpx.Client, engine: Engine) -> None:
    with following(client) as (_, stream):
        engine.events.publish([changed()])
        last = next(stream).id
    assert last is not None
    engine.events.publish([trouble(B), trouble(A)])
    for given in ({"after": last}, {"headers": {"Last-Event-ID": last}, "after": "older"}):
        with following(client, **given) as (begin, stream):  # type: ignore[arg-type]
            assert [next(stream).data["stack_id"], next(stream).data["stack_id"]] == [B, A]
            assert begin.id is not None
    with following(client, after=last, stack=A) as (_, stream):
        assert next(stream).data["stack_id"] == A


def test_the_first_frame_is_a_place_to_go_on_from(client: httpx.Client, engine: Engine) -> None:
    with following(client) as (begin, _):
        pass
    engine.events.publish([trouble()])
    assert begin.id is not None
    with following(client, after=begin.id) as (_, stream):
        assert next(stream).event == "trouble"


@pytest.mark.parametrize("after", ["gone-17", "nonsense", "-", "0"])
def test_a_place_that_is_not_known_is_answered_with_a_marker(
    client: httpx.Client, engine: Engine, after: str
) -> None:
    with following(client, after=after) as (_, stream):
        engine.events.publish([trouble()])
        missed, event = next(stream), next(stream)
    assert (missed.event, event.event) == ("missed", "trouble")
    assert "reload the state" in missed.data["why"]
    with following(client, after=missed.id) as (_, stream):
        assert next(stream).event == "trouble"


def test_silence_is_broken(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.01)
    with following(client) as (_, stream):
        assert [next(stream).comment, next(stream).comment] == ["still here", "still here"]


def test_a_reader_that_goes_is_forgotten(client: httpx.Client, engine: Engine) -> None:
    with following(client), following(client):
        wait_for(lambda: engine.events.readers == 2)
    wait_for(lambda: engine.events.readers == 0)


def test_an_event_is_encoded_once_for_all(
    client: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    encode = live.encode

    def counting(feed: EventFeed, told: Any) -> bytes:
        made.append(told)
        return encode(feed, told)

    monkeypatch.setattr(live, "encode", counting)
    with following(client) as (_, one), following(client) as (_, two), following(client) as (_, three):
        engine.events.publish([changed(), trouble()])
        assert [[next(each).event, next(each).event] for each in (one, two, three)] == [
            ["contents_changed", "trouble"]
        ] * 3
    assert len(made) == 2


@contextmanager
def not_reading(client: httpx.Client) -> Iterator[socket.socket]:
    """A connection that asks for events and reads none."""
    with socket.socket() as connection:
        # Little room, so that it is soon full.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((client.base_url.host, client.base_url.port))
        host = f"{client.base_url.host}:{client.base_url.port}"
        connection.sendall(f"GET /api/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        yield connection


def test_a_reader_that_does_not_read_is_dropped_and_told_so(client: httpx.Client, engine: Engine) -> None:
    batch = [StackChanged(stack_id=A, at=1.0, name="x" * 200, state="running", phase="planning")] * 100
    with not_reading(client) as slow, following(client) as (_, quick):
        wait_for(lambda: engine.events.readers == 2)
        told = 0
        # More than the connection and the queue hold: the slow one is dropped, the quick one gets all.
        while engine.events.readers == 2:
            engine.events.publish(batch)
            for _ in batch:
                assert next(quick).event == "stack_changed"
            told += len(batch)
        assert told > QUEUED
        engine.events.publish([trouble()])
        assert next(quick).event == "trouble"
        got = b""
        while b"\r\n0\r\n\r\n" not in got[-200:]:
            got = got[-1000:] + slow.recv(65536)
        assert b"event: dropped" in got
        assert b"trouble" not in got


def test_streams_end_as_soon_as_the_server_stops(engine: Engine) -> None:
    with listen(0) as listener:
        port = listener.getsockname()[1]
        server = WebServer(make_app(engine, port), listener, on_stop=engine.events.close)
        server.start()
        ended = threading.Event()

        def follow() -> None:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=180) as client:
                with following(client) as (_, stream):
                    assert list(stream) == []
                ended.set()

        thread = threading.Thread(target=follow)
        thread.start()
        wait_for(lambda: engine.events.readers == 1)
        server.stop()
        # It ended, and was not cut off: that would have been an error in the other thread.
        assert ended.wait(60)
        thread.join()


def test_what_there_is_not_is_refused(client: httpx.Client) -> None:
    assert "kind" in problem(client.get("/api/events", params={"kind": "party"}), 422, "invalid-input")
    assert "'x'" in problem(client.get("/api/events", params={"stack": "x"}), 404, "not-found")


def test_all_kinds_of_events_can_be_asked_for(client: httpx.Client) -> None:
    described = client.get("/api/openapi.json").json()["components"]["schemas"]["EventKind"]["enum"]
    assert {"stack_changed", "cycle_started", "node_finished", "work_detected"} < set(described)


def test_streams_leave_connections_to_others(engine: Engine) -> None:
    with listen(0) as listener:
        port = listener.getsockname()[1]
        app = make_app(engine, port, connections=6)
        server = WebServer(app, listener, on_stop=engine.events.close, connections=6)
        server.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=180) as client:
            with following(client), following(client):
                refused = client.get("/api/events")
                assert "the limit of 2 open streams is reached" in problem(refused, 503, "busy")
                assert refused.headers["retry-after"] == "1"
                assert client.get("/healthz").status_code == 200
            wait_for(lambda: not engine.events.readers)
            with following(client):
                pass
        server.stop()
