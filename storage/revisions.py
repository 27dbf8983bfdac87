"""A number per stack that rises with every write to what a detector may see.

It lets the work cache know, with one short read, whether what it holds is still true, whichever process
wrote.
"""

from recursor.storage.store import Reader, Writer
from recursor.storage.tables import BROADCASTS, REVISIONS

_BYTES = 8


def read_revision(reader: Reader, stack_id: str) -> tuple[int, int]:
    """Return the stack's revision and that of the broadcasts, which reach every stack."""
    return _read(reader, stack_id), _read(reader, BROADCASTS)


def bump_revision(writer: Writer, stack_id: str) -> int:
    """Note that something a detector may see has changed. Returns the new revision."""
    revision = _read(writer, stack_id) + 1
    writer.put(REVISIONS, stack_id.encode(), revision.to_bytes(_BYTES, "big"))
    return revision


def _read(reader: Reader, name: str) -> int:
    value = reader.get(REVISIONS, name.encode())
    return 0 if value is None else int.from_bytes(value, "big")
