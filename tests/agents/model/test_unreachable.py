"""Servers of models that cannot be reached: the line names the host, the cause and the remedy."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import httpx
import httpx2
import pytest
import trustme
from pydantic_ai.exceptions import ModelConnectionError

from recursor.agents.model.exchange import Exchange
from recursor.agents.model.failures import explained
from recursor.agents.model.unreachable import why_unreachable
from recursor.domain.graph import Usage
from recursor.domain.settings import Settings


@contextmanager
def server(answer: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port on which each connection is read once, answered and closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    if context is not None:
                        connection = context.wrap_socket(connection, server_side=True)
                    if connection.recv(65_536):
                        connection.sendall(answer)
                except OSError:
                    pass
                finally:
                    connection.close()

        thread = Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def certified(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(name).configure_cert(context)
    return context


def why(url: str) -> str:
    """What is told of both libraries that SDKs ask with."""
    told = set()
    for library in (httpx, httpx2):
        try:
            with library.Client(trust_env=False) as client:
                client.get(url)
        except library.TransportError as error:
            told.add(why_unreachable(error))
    [line] = told
    assert line is not None
    return line


def test_a_port_on_which_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert why(f"http://127.0.0.1:{port}") == (
        f"127.0.0.1:{port} refuses the connection: start the server, or correct the port"
    )


def test_a_host_that_there_is_not() -> None:
    line = why("https://nowhere.invalid/v1")
    assert line.startswith("nowhere.invalid:443 has no known address (")
    assert line.endswith("): correct the name nowhere.invalid, or check the DNS")


def test_a_certificate_of_an_authority_that_is_not_known() -> None:
    with server(b"", certified("127.0.0.1")) as port:
        line = why(f"https://127.0.0.1:{port}")
    assert line.startswith(f"127.0.0.1:{port} has a certificate that is not trusted (")
    assert "set SSL_CERT_FILE" in line


def test_http_to_a_port_with_tls() -> None:
    with server(b"", certified("127.0.0.1")) as port:
        assert why(f"http://127.0.0.1:{port}") == (
            f"127.0.0.1:{port} ends the connection without an answer in HTTP: "
            "if it speaks TLS, write https:// in its address"
        )


def test_tls_to_a_port_with_http() -> None:
    with server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert why(f"https://127.0.0.1:{port}") == (
            f"127.0.0.1:{port} does not speak TLS there: write http:// in its address, or correct the port"
        )


def test_tls_to_a_port_where_nobody_speaks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for library in (httpx, httpx2):
            with pytest.raises(library.ConnectTimeout) as raised:
                library.get(f"https://127.0.0.1:{port}/", timeout=0.05)
            assert why_unreachable(raised.value) == (
                f"127.0.0.1:{port} does not answer a connection in time: check that it is up and speaks TLS "
                "there, and firewalls between"
            )


def test_an_answer_that_breaks_off() -> None:
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf") as port:
        assert why(f"http://127.0.0.1:{port}") == f"127.0.0.1:{port} broke off its answer"


def test_other_errors_are_told_by_others() -> None:
    assert why_unreachable(ValueError("no")) is None
    assert why_unreachable(httpx.ConnectError("of no request")) is None


def test_what_an_sdk_calls_a_connection_error_is_explained() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    try:
        httpx.get(f"http://127.0.0.1:{port}", trust_env=False)
    except httpx.ConnectError as error:
        told = ModelConnectionError("openai:m", "Connection error.", phase="connect")
        told.__cause__ = error
    line = str(explained(told, Settings(), Exchange().keys, Usage()))
    assert line.startswith(f"openai:m: 127.0.0.1:{port} refuses the connection: ")
