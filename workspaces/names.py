"""Names of files: which a working tree and a commit may have, and how they are shown."""

import re
from urllib.parse import quote, unquote

from recursor.domain.errors import InvalidInputError

# Characters that HFS+ ignores in names, which git therefore ignores when it looks for ".git".
_INVISIBLE = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF], None
)

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_ORIGINALS = {escape[1:].encode(): character.encode() for character, escape in _ESCAPES.items()}
_SPECIAL = set(_ESCAPES)
_ESCAPED = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)

_LONGEST_NAME = 200  # a name on disk may have 255 bytes, and a temporary one is longer


def is_dot_git(name: bytes) -> bool:
    """Return whether some file system takes a name for ".git".

    These are the names that git refuses in a tree (`is_hfs_dotgit` and `is_ntfs_dotgit` in its `path.c`): a
    clone on such a system would run hooks from it.
    """
    for part in name.replace(b"\\", b":").split(b":"):
        text = part.decode(errors="replace").translate(_INVISIBLE).casefold()
        if text.rstrip(". ") in {".git", "git~1"}:
            return True
    return False


def is_name(name: bytes) -> bool:
    """Return whether a tree's entry may have this name in a directory."""
    return name not in {b"", b".", b".."} and b"/" not in name and b"\0" not in name and not is_dot_git(name)


def quoted(path: bytes) -> str:
    """Return a path as text, in quotes as git prints it if it is not printable UTF-8.

    A line break is `"\\n"` then, and any other byte that cannot be shown three octal digits. `unquoted`
    returns the path.
    """
    text = path.decode(errors="surrogateescape")
    if text.isprintable() and not _SPECIAL & set(text):
        return text
    made = []
    for character in text:
        if character in _ESCAPES:
            made.append(_ESCAPES[character])
        elif character.isprintable():
            made.append(character)
        else:
            made += [f"\\{byte:03o}" for byte in character.encode(errors="surrogateescape")]
    return f'"{"".join(made)}"'


def unquoted(path: str) -> bytes:
    """Return the path that `quoted` made a text of.

    Raises:
        InvalidInputError: it is no path.
    """
    if path.startswith('"') and path.endswith('"') and len(path) > 1:
        raw = path[1:-1].encode()
        return _ESCAPED.sub(lambda found: _original(found[1]), raw)
    try:
        return path.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"path {path!r}: has characters that are not allowed here") from None


def shown(path: bytes) -> str:
    """Return a path for a message: quoted if needed, shortened if long."""
    text = quoted(path)
    return text if len(text) <= 200 else f"{text[:98]} … {text[-98:]}"


def as_file_name(text: str) -> str:
    """Return any text as the name of a file or of a part of a reference; `from_file_name` returns the text.

    Raises:
        InvalidInputError: it is empty or too long.
    """
    # A reference may not have "~" or certain dots, and a directory's name may not be "..".
    name = quote(text, safe="").replace(".", "%2E").replace("~", "%7E")
    if not 0 < len(name) <= _LONGEST_NAME:
        raise InvalidInputError(f"name {text[:40]!r}: must have 1 to {_LONGEST_NAME} characters")
    return name


def from_file_name(name: str) -> str:
    """Return the text that `as_file_name` made a name of."""
    return unquote(name)


def _original(escape: bytes) -> bytes:
    if escape.isdigit():
        return bytes([int(escape, 8) & 0xFF])
    return _ORIGINALS.get(escape, escape)
