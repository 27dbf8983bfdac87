"""Where Ollama is asked, and which of its models cost nothing: those that one's own machines run."""

import ipaddress
import os
import re
from urllib.parse import urlsplit

_HERE = "http://localhost:11434/v1"

# A model that Ollama passes on to its cloud is tagged so: `glm-4.6:cloud`, `gpt-oss:120b-cloud`.
_CLOUD = re.compile(r"[:-]cloud$", re.I)
# Names that mean nothing on the internet: RFC 6761, 6762 and 8375, and ICANN's `.internal`; `.lan` by custom.
_OWN_DOMAINS = (".localhost", ".local", ".internal", ".home.arpa", ".lan")


def ollama_url() -> str:
    """Return where this process asks Ollama: at OLLAMA_BASE_URL, else on this machine."""
    return os.environ.get("OLLAMA_BASE_URL") or _HERE


def costs_nothing(name: str) -> bool:
    """Whether Ollama's model of that name (without `ollama:`) is run by one's own machines, for nothing.

    It is not if Ollama passes it on to its cloud, nor if Ollama is asked on the internet: whoever serves it
    there may charge for it.
    """
    return not _CLOUD.search(name) and is_own(ollama_url())


def is_own(url: str) -> bool:
    """Whether an address is of this machine, or of a network of one's own, as far as it says.

    A name is not looked up: one that could be of the internet is taken to be.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        # A host that begins with a digit may be an address in another form, such as 134744072.
        own_name = "." not in host or host.endswith(_OWN_DOMAINS)
        return own_name and host[:1].isalpha()
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_global
