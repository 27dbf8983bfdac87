"""The address of Ollama, and which of its models are free: those run by one's own machines."""

import ipaddress
import os
import re
from urllib.parse import urlsplit

_HERE = "http://localhost:11434/v1"

# A model that Ollama forwards to its cloud has such a tag: `glm-4.6:cloud`, `gpt-oss:120b-cloud`.
_CLOUD = re.compile(r"[:-]cloud$", re.I)
# Names without a meaning on the internet: RFC 6761, 6762 and 8375, and ICANN's `.internal`; `.lan` by custom.
_OWN_DOMAINS = (".localhost", ".local", ".internal", ".home.arpa", ".lan")


def ollama_url() -> str:
    """Return the address of Ollama: OLLAMA_BASE_URL, else this machine."""
    return os.environ.get("OLLAMA_BASE_URL") or _HERE


def costs_nothing(name: str) -> bool:
    """Whether Ollama's model of this name (without `ollama:`) runs on one's own machines, for free.

    It does not if Ollama forwards it to its cloud, or if Ollama's address is on the internet, where a host
    may charge for it.
    """
    return not _CLOUD.search(name) and is_own(ollama_url())


def is_own(url: str) -> bool:
    """Whether an address is clearly on this machine or in a private network.

    Names are not resolved: a name that could be on the internet counts as such.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        # A host that starts with a digit may be an address in another form, such as 134744072.
        own_name = "." not in host or host.endswith(_OWN_DOMAINS)
        return own_name and host[:1].isalpha()
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_global
