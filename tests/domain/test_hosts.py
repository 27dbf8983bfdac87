"""Which hosts a list allows, and which addresses are public."""

import pytest

from recursor.domain.errors import InvalidInputError
from recursor.domain.hosts import AllowedHosts, is_public, split_place
from recursor.domain.settings import Settings


@pytest.mark.parametrize(
    ("name", "place", "allowed"),
    [
        ("pypi.org", "pypi.org:443", True),
        ("pypi.org", "pypi.org:80", True),
        ("pypi.org", "PyPI.org.:443", True),
        ("pypi.org", "pypi.org:22", False),
        ("pypi.org", "www.pypi.org:443", False),
        ("pypi.org", "pypi.org.evil.example:443", False),
        ("pypi.org:8443", "pypi.org:8443", True),
        ("pypi.org:8443", "pypi.org:443", False),
        ("10.0.0.5:8000", "10.0.0.5:8000", True),
        ("10.0.0.5", "10.0.0.6:80", False),
        ("127.0.0.1", "127.1:80", False),
        ("[::1]:8000", "[0:0::1]:8000", True),
        ("::1", "[::1]:80", True),
        ("127.0.0.1", "[::ffff:127.0.0.1]:80", False),
    ],
)
def test_a_list_of_one(name: str, place: str, allowed: bool) -> None:
    hosts = Settings().overridden({"workspace": {"hosts": [name]}}).workspace.hosts
    host, port = split_place(place)
    assert port is not None
    assert AllowedHosts(hosts).allows(host, port) is allowed


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "https://pypi.org",
            "pypi.org/simple",
            "*.pypi.org",
            "pypi.org:0",
            "pypi.org:99999",
            "pypi.org:",
        ),
        *("a b", "user@pypi.org", "[pypi.org]", "[::1", "::1::2", "-pypi.org", "pypi..org", "fe80::1%eth0"),
        *("a" * 64, "é.org"),
    ],
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(
        InvalidInputError, match=r"workspace: hosts\.0: must be HOST or HOST:PORT, such as pypi"
    ):
        Settings().overridden({"workspace": {"hosts": [name]}})


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "::", "::1", "fe80::1", "fe80::1%eth0"),
        *("fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "151.101.0.223", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)
