"""Why a model's server is unreachable: its host, the cause, and the remedy."""

import errno
import socket
import ssl
from collections.abc import Iterator

import httpx
import httpx2

from recursor.domain.errors import in_one_line

_CAUSES = {
    errno.ECONNREFUSED: "refuses the connection: start the server, or correct the port",
    errno.ENETUNREACH: "is in a network that cannot be reached: check the connection of this machine",
    errno.EHOSTUNREACH: "cannot be reached: check that it is up, and the connection of this machine",
}


def why_unreachable(error: BaseException) -> str | None:
    """Return why there is no connection to a server, in one line; None if the error is another.

    Args:
        error: an SDK's error; its causes are searched.
    """
    chain = list(_chain(error))
    asked = next(
        (each for each in chain if isinstance(each, httpx.TransportError | httpx2.TransportError)), None
    )
    if asked is None:
        return None
    try:
        url = asked.request.url
    except RuntimeError:
        # It belongs to no request.
        return None
    host = f"{url.host}:{url.port or (443 if url.scheme == 'https' else 80)}"
    return f"{host} {_cause(chain, url.scheme, url.host)}"


def _cause(chain: list[BaseException], scheme: str, host: str) -> str:
    # The innermost error is the most precise.
    for each in reversed(chain):
        match each:
            case ssl.SSLError():
                return _of_tls(each)
            case socket.gaierror():
                return f"has no known address ({each.strerror}): correct the name {host}, or check the DNS"
            case httpx.ConnectTimeout() | httpx2.ConnectTimeout():
                # Also if it takes the connection and says nothing about TLS.
                tls = " and speaks TLS there" if scheme == "https" else ""
                return (
                    f"does not answer a connection in time: check that it is up{tls}, and firewalls between"
                )
            case httpx.RemoteProtocolError() | httpx2.RemoteProtocolError() | ConnectionResetError():
                return _of_its_answer(each, scheme)
            case OSError(errno=int(number)) if number in _CAUSES:
                return _CAUSES[number]
    return f"cannot be reached ({in_one_line(chain[-1])})"


def _of_its_answer(error: Exception, scheme: str) -> str:
    if "complete message" in str(error):
        return "broke off its answer"
    hint = ": if it speaks TLS, write https:// in its address" if scheme == "http" else ""
    return f"ends the connection without an answer in HTTP{hint}"


def _of_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that is not trusted ({error.verify_message}): {_to_be_trusted(error)}"
    if error.reason == "WRONG_VERSION_NUMBER":
        return "does not speak TLS there: write http:// in its address, or correct the port"
    return f"fails at TLS ({error.reason or in_one_line(error)}): check its TLS settings"


def _to_be_trusted(error: ssl.SSLCertVerificationError) -> str:
    why = error.verify_message
    if "self-signed" in why or "issuer" in why:
        return "set SSL_CERT_FILE for the runner to a file with the certificate of its authority"
    if "expired" in why or "not yet valid" in why:
        return "renew it, or set this machine's clock right"
    return "ask it by a name that its certificate has"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, the innermost last."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
