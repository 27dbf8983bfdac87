"""Errors of LMDB and the system as one line with a remedy."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import lmdb

from recursor.storage.errors import (
    MAKE_ROOM,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StoreUsageError,
)

# LMDB reports EIO when a write was cut short: far more often a full disk than a failing one.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


def explain(error: lmdb.Error | OSError, path: Path) -> StorageError:
    """Return the error to raise instead: one line with the path, the problem and the remedy.

    Args:
        error: The error from LMDB or the system.
        path: The file or directory concerned.
    """
    code = error.code if isinstance(error, lmdb.Error) else error.errno or 0
    # LMDB's own errors have negative codes, py-lmdb's have none; `reason` omits the path.
    reason = os.strerror(code) if code > 0 else getattr(error, "reason", "") or str(error)
    kind: type[StorageError] = StorageError
    if code in _NO_ROOM:
        kind = StorageFullError
        remedy = f"nothing of this was written: {MAKE_ROOM}, then try again"
        if code == errno.EIO:
            remedy += "; if there is room, the disk fails: see the system's log"
    elif code in _NOT_ALLOWED:
        remedy = "let this user write there, or name another directory"
    elif code in (errno.ENOTDIR, errno.EEXIST):
        remedy = "name a directory"
    elif isinstance(error, lmdb.InvalidError | lmdb.CorruptedError | lmdb.PageNotFoundError):
        kind = StorageCorruptError
        remedy = "not a store, or a damaged one: name another directory, or restore a backup"
    elif isinstance(error, lmdb.VersionMismatchError) or "data format" in str(error):
        kind, reason = StorageCorruptError, "MDB_VERSION_MISMATCH: its data format is unknown here"
        remedy = "written by another version of LMDB: open it with that, and copy it over"
    elif isinstance(error, lmdb.TxnFullError | lmdb.BadValsizeError):
        kind, remedy = StoreUsageError, "one submission writes too much: split it"
    elif isinstance(error, lmdb.ReadersFullError):
        reason, remedy = (
            "too many snapshots are open at once",
            "end some (a `with store.read()` that stays open?)",
        )
    elif isinstance(error, lmdb.PanicError):
        remedy = "an earlier write failed beyond repair in this process: restart it"
    elif "already open" in str(error):
        reason, remedy = "already open in this process", "share that store, or close it first"
    else:
        remedy = "see what the system says about this file"
    return kind(f"{path}: {reason}: {remedy}")
