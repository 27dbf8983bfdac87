"""Commits that are made in the names of agents."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pygit2

_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f<>]+")
_NOT_IN_A_MESSAGE = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Author:
    """Who a commit is by."""

    name: str
    email: str

    def at(self, now: float) -> pygit2.Signature:
        """Return the signature of a commit.

        Args:
            now: seconds since the epoch, UTC.
        """
        return pygit2.Signature(_clean(self.name), _clean(self.email), int(now), 0, "utf-8")


def with_trailers(message: str, trailers: Mapping[str, str]) -> str:
    """Return a message with lines such as `Recursor-Todo: 3f` at its end.

    Args:
        message: the title, an empty line and the rest.
        trailers: the values by their keys; line breaks in a value become spaces.
    """
    text = _NOT_IN_A_MESSAGE.sub("\N{REPLACEMENT CHARACTER}", message).strip() or "(no message)"
    lines = [
        f"{key}: {' '.join(_NOT_IN_A_MESSAGE.sub('', value).split())}" for key, value in trailers.items()
    ]
    return "\n\n".join([text, "\n".join(lines)] if lines else [text]) + "\n"


def _clean(name: str) -> str:
    # Git ends a name at these characters, and libgit2 refuses a name that is empty without them.
    text = " ".join(_NOT_IN_A_NAME.sub(" ", name).encode(errors="replace").decode().split())
    return text.strip(".,:;\"'\\ ") or "unknown"
