"""Hosts that programs may reach, as people name them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Self

# HTTP and HTTPS.
USUAL_PORTS = (80, 443)

_LONGEST_NAME = 253
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_PLACE = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+))(?::([0-9]{1,5}))?")

# Addresses that stand for an IPv4 address, which is their end (RFC 6052).
_TRANSLATED = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """A host, and the ports of it that may be reached."""

    host: str
    """A name in lower case, or an address in its usual form."""
    ports: tuple[int, ...]

    @classmethod
    def parsed(cls, text: str) -> Self:
        """Read `HOST` or `HOST:PORT`.

        Raises:
            ValueError: it is neither.
        """
        text = text.lower()
        if text.count(":") > 1 and not text.startswith("["):
            text = f"[{text}]"
        host, port = split_place(text)
        return cls(host, USUAL_PORTS if port is None else (port,))


def split_place(text: str) -> tuple[str, int | None]:
    """Split `HOST:PORT`, `[ADDRESS]:PORT` or either without a port; the host is folded.

    Raises:
        ValueError: it has another form.
    """
    if (found := _PLACE.fullmatch(text.lower())) is None:
        raise ValueError("not HOST:PORT")
    if found[1] is not None:
        host = str(IPv6Address(found[1]))
    else:
        host = found[2].removesuffix(".")
        if (address := _address(host)) is not None:
            host = str(address)
        elif len(host) > _LONGEST_NAME or _NAME.fullmatch(host) is None:
            raise ValueError("not a host name")
    port = None if found[3] is None else int(found[3])
    if port is not None and not 0 < port < 2**16:
        raise ValueError("not a port")
    return host, port


class AllowedHosts:
    """The hosts of one list."""

    def __init__(self, names: Iterable[str]) -> None:
        """Take hosts as people name them, which have been checked."""
        self._hosts = tuple(map(AllowedHost.parsed, names))

    def allows(self, host: str, port: int) -> bool:
        """Whether a port of a host may be reached.

        Args:
            host: as `split_place` returns it.
            port: the port.
        """
        return any(host == each.host and port in each.ports for each in self._hosts)

    def names(self, host: str) -> bool:
        """Whether a host is named, with any port."""
        return any(host == each.host for each in self._hosts)


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet: of no private network, machine or link."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        # What such an address stands for decides.
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _TRANSLATED:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
        if address.is_site_local or address.teredo is not None:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def is_private(text: str) -> bool:
    """Whether `HOST` or `HOST:PORT` names an address that is not of the public internet, or this machine."""
    host = AllowedHost.parsed(text).host
    return host == "localhost" or (is_address(host) and not is_public(host))


def is_address(host: str) -> bool:
    """Whether a host is an address rather than a name."""
    return _address(host) is not None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
