"""Finds stacks by id, by name, or by the first digits of an id."""

from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from unicodedata import normalize

from recursor.domain.errors import AmbiguousError, NotFoundError
from recursor.domain.stack import Stack
from recursor.storage.commit import Commit
from recursor.storage.store import Reader, prefix_range
from recursor.storage.tables import NAMES, STACKS

# Characters: the longest name (`recursor.domain.record.Line`), and some space around it.
_LONGEST_NAMED = 300

# Bytes of a name in a key, which has at most 511: a name of 200 characters may have over a thousand.
_LONGEST_IN_KEY = 400


def find_stack(reader: Reader, named: str) -> str:
    """Return the id of the stack that a person named by id, unique name, or unique prefix of its id.

    Args:
        reader: the state of the store to read.
        named: the person's input.

    Raises:
        NotFoundError: no stack matches.
        AmbiguousError: several stacks match; the text lists their ids.
    """
    wanted = _checked_name(named)
    as_key = wanted.encode()
    if 0 < len(as_key) <= 16 and reader.get(STACKS.name, as_key) is not None:
        return wanted
    by_name = list(_ids_named(reader, wanted))
    if by_name:
        return _only(by_name, named, "are named")
    by_prefix = []
    if len(as_key) <= 16:
        start, stop = prefix_range(as_key.lower())
        for key, _ in reader.scan(STACKS.name, start, stop):
            by_prefix.append(key.decode())
            if len(by_prefix) > 5:
                break
    if by_prefix:
        return _only(by_prefix, named, "have ids that begin with")
    raise _no_stack(named)


def is_called(reader: Reader, name: str, besides: str | None = None) -> bool:
    """Whether the name would match a stack other than the one with the id `besides`."""
    with suppress(UnicodeEncodeError):
        return any(stack_id != besides for stack_id in islice(_ids_named(reader, name.strip()), 2))
    return False


def add_name(commit: Commit, stack: Stack) -> None:
    """Make a stack findable by its name."""
    commit.put(NAMES, _name_key(stack), b"")


def remove_name(commit: Commit, stack: Stack) -> None:
    """Remove a stack's name from the index."""
    commit.delete(NAMES, _name_key(stack))


def remove_name_of(commit: Commit, reader: Reader, stack_id: str) -> None:
    """Do the same for a stack of unknown name, by searching all names."""
    mark = b"/" + stack_id.encode()
    for key, _ in reader.scan(NAMES):
        if key.endswith(mark):
            commit.delete(NAMES, key)


def _ids_named(reader: Reader, name: str) -> Iterator[str]:
    start, stop = prefix_range(_name_prefix(name))
    for key, _ in reader.scan(NAMES, start, stop):
        yield key.rpartition(b"/")[2].decode()


def _name_key(stack: Stack) -> bytes:
    return _name_prefix(stack.name) + stack.id.encode()


def _folded(name: str) -> bytes:
    # Case, and accents as separate characters, make no difference: to a person it is the same name.
    return normalize("NFD", normalize("NFD", name).casefold()).encode()


def _name_prefix(name: str) -> bytes:
    folded = _folded(name)
    if len(folded) > _LONGEST_IN_KEY:
        folded = folded[:_LONGEST_IN_KEY] + b"\x00" + sha256(folded).hexdigest().encode()
    return folded + b"\x00/"


def _checked_name(named: str) -> str:
    if len(named) > _LONGEST_NAMED:
        raise NotFoundError(
            f"no stack named {named[:40]!r}... ({len(named)} characters): no name is that long"
        )
    wanted = named.strip()
    if not wanted:
        raise NotFoundError("no stack named '': give an id, the first digits of an id, or a name")
    try:
        wanted.encode()
    except UnicodeEncodeError:
        raise NotFoundError(f"no stack named {named!r}: it is not valid text") from None
    return wanted


def _no_stack(named: str) -> NotFoundError:
    return NotFoundError(f"no stack named {named!r}: `recursor list` shows all stacks")


def _only(ids: list[str], named: str, how: str) -> str:
    if len(ids) > 1:
        shown = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
        raise AmbiguousError(f"several stacks {how} {named!r}: {shown}; give more digits of one id")
    return ids[0]
