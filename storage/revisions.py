"""Numbers per stack that rise with every write to what a detector may see.

They let the work cache know, with one short read, whether what it holds is still true, whichever process
wrote: the first number for the stack's contents, the second for what its agents keep for themselves (when
they last ran, their thoughts), the third for broadcasts, which reach every stack.
"""

import struct

from recursor.domain.record import Revision
from recursor.storage.store import Reader, Writer
from recursor.storage.tables import BROADCASTS, REVISIONS

_NUMBERS = struct.Struct(">QQ")
_ALL = BROADCASTS.encode()


def read_revision(reader: Reader, stack_id: str) -> Revision:
    """Return a stack's revision: (contents, runs, broadcasts)."""
    contents, runs = _read(reader, stack_id.encode())
    return contents, runs, _read(reader, _ALL)[0]


def same_contents(left: Revision, right: Revision) -> bool:
    """Whether nothing but what agents note for themselves has changed between two revisions."""
    return left[0] == right[0] and left[2] == right[2]


def bump_revision(writer: Writer, stack_id: str) -> None:
    """Note that something a detector may see has changed in a stack, or, for `BROADCASTS`, in all of them."""
    key = stack_id.encode()
    contents, runs = _read(writer, key)
    writer.put(REVISIONS, key, _NUMBERS.pack(contents + 1, runs))


def bump_runs(writer: Writer, stack_id: str) -> None:
    """Note that an agent has run and changed nothing but what it keeps for itself."""
    key = stack_id.encode()
    contents, runs = _read(writer, key)
    writer.put(REVISIONS, key, _NUMBERS.pack(contents, runs + 1))


def _read(reader: Reader, key: bytes) -> tuple[int, int]:
    value = reader.get(REVISIONS, key)
    if value is None or len(value) != _NUMBERS.size:
        # They are only ever compared: one that is damaged begins anew, rather than stop its stack.
        return 0, 0
    contents, runs = _NUMBERS.unpack(value)
    return contents, runs
