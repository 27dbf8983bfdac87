"""Access to the server: its address, its names, and its secret."""

import hashlib
import hmac
import ipaddress
import socket
from dataclasses import dataclass, field

from recursor.domain.errors import InvalidInputError

LOOPBACK = "127.0.0.1"

# A secret of 16 characters of a usual alphabet cannot be guessed over a network.
SHORTEST_TOKEN = 16

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class WebAccess:
    """The access rules that the guard applies."""

    host: str = LOOPBACK
    """The address to listen on."""
    token: str | None = field(default=None, repr=False)
    """The secret that every request needs; None: none, and only this machine can reach the server."""
    names: tuple[str, ...] = ()
    """Further names of the server, such as that of a proxy in front of it."""

    def __post_init__(self) -> None:
        """Refuse rules that would let strangers in.

        Raises:
            InvalidInputError: others could reach the server without a token, or guess the token; or no client
                could send the token.
        """
        if self.token is not None and not _can_be_sent(self.token):
            raise InvalidInputError(
                "RECURSOR_TOKEN: has spaces around it, control characters, or letters that are not ASCII, "
                "which not every program can send: create one with `openssl rand -hex 24`"
            )
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise InvalidInputError(
                f"RECURSOR_TOKEN: has {len(self.token)} characters: "
                f"give at least {SHORTEST_TOKEN}, for example from `openssl rand -hex 24`"
            )
        if self.token is None and not is_loopback(self.host):
            raise InvalidInputError(
                f"--host {self.host}: anyone who reaches this address could control your teams: "
                "set RECURSOR_TOKEN to a secret, or leave --host out"
            )

    def knows(self, host: str, port: int) -> bool:
        """Whether a Host header names this server.

        Args:
            host: the header's value, `name` or `name:port`.
            port: the server's port.
        """
        name, given = _split(host.lower())
        if name in (each.lower() for each in self.names):
            # Behind a proxy, the port is the proxy's.
            return True
        return given == port and (name in _LOOPBACK_NAMES or self._is_own(name))

    def knows_origin(self, origin: str, port: int) -> bool:
        """Whether an Origin header names a page of this server. For the arguments see `knows`."""
        scheme, _, host = origin.lower().partition("://")
        if scheme == "https":
            # We do not speak TLS, so such a page came through a proxy.
            return _split(host)[0] in (each.lower() for each in self.names)
        return scheme == "http" and self.knows(host, port)

    def admits(self, secret: str) -> bool:
        """Whether `secret` is the token, in constant time."""
        return self.token is not None and hmac.compare_digest(_digest(secret), _digest(self.token))

    def _is_own(self, name: str) -> bool:
        if is_wildcard(self.host):
            # No foreign page can have an IP address as its name.
            return name == socket.gethostname().lower() or _is_address(name)
        return name == bracketed(self.host).lower()


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Whether `host` means all addresses of this machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """Return `host` in the form for a URL."""
    return f"[{host}]" if ":" in host else host


def _can_be_sent(token: str) -> bool:
    """Whether it survives in a header: ASCII without spaces around it (RFC 9110, 5.5)."""
    return token.isascii() and token.isprintable() and token == token.strip()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _split(host: str) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    if not colon or "]" in port:
        return host, 80
    return name, int(port) if port.isascii() and port.isdigit() else 0


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()
