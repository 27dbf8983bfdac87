"""Who may use the server: where it listens, under which names it is known, and with which secret."""

import hashlib
import hmac
import ipaddress
import socket
from dataclasses import dataclass, field

from recursor.domain.errors import InvalidInputError

LOOPBACK = "127.0.0.1"

# 16 characters of any alphabet that people make secrets of cannot be guessed over a network.
SHORTEST_TOKEN = 16

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class WebAccess:
    """What the guard checks requests against."""

    host: str = LOOPBACK
    """The address to listen on."""
    token: str | None = field(default=None, repr=False)
    """The secret that every request needs; None: none does, and only this machine can reach the server."""
    names: tuple[str, ...] = ()
    """Further names under which the server is known, such as that of a proxy before it."""

    def __post_init__(self) -> None:
        """Refuse what would let strangers in.

        Raises:
            InvalidInputError: others could reach the server without a token, or guess it; or nobody could
                send it.
        """
        if self.token is not None and not _can_be_sent(self.token):
            raise InvalidInputError(
                "RECURSOR_TOKEN: has spaces around it, control characters, or letters that are not ASCII, "
                "which not every program can send: make one with `openssl rand -hex 24`"
            )
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise InvalidInputError(
                f"RECURSOR_TOKEN: has {len(self.token)} characters: "
                f"give at least {SHORTEST_TOKEN}, for example from `openssl rand -hex 24`"
            )
        if self.token is None and not is_loopback(self.host):
            raise InvalidInputError(
                f"--host {self.host}: anybody who reaches this address could steer your teams: "
                "set RECURSOR_TOKEN to a secret, or leave --host out"
            )

    def knows(self, host: str, port: int) -> bool:
        """Whether a Host header names this server.

        Args:
            host: the header's value, `name` or `name:port`.
            port: where the server listens.
        """
        name, given = _split(host.lower())
        if name in (each.lower() for each in self.names):
            # Behind a proxy the port is the proxy's.
            return True
        return given == port and (name in _LOOPBACK_NAMES or self._is_own(name))

    def knows_origin(self, origin: str, port: int) -> bool:
        """Whether an Origin header is that of a page of this server. Arguments as in `knows`."""
        scheme, _, host = origin.lower().partition("://")
        if scheme == "https":
            # We speak no TLS: such a page came through a proxy.
            return _split(host)[0] in (each.lower() for each in self.names)
        return scheme == "http" and self.knows(host, port)

    def admits(self, secret: str) -> bool:
        """Whether `secret` is the token, in a time that tells nothing about it."""
        return self.token is not None and hmac.compare_digest(_digest(secret), _digest(self.token))

    def _is_own(self, name: str) -> bool:
        if is_wildcard(self.host):
            # No foreign page can have an address for its name.
            return name == socket.gethostname().lower() or _is_address(name)
        return name == bracketed(self.host).lower()


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Whether `host` stands for all of this machine's addresses."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """Return `host` as it is written in a URL."""
    return f"[{host}]" if ":" in host else host


def _can_be_sent(token: str) -> bool:
    """Whether it arrives as it is in a header, which is ASCII and has no spaces around it (RFC 9110, 5.5)."""
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
