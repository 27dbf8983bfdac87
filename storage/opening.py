"""Opens a store as this program knows it: its tables, its sums, and its schema version."""

from pathlib import Path

from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.memory_store import MemoryStore
from recursor.storage.migration import Migrations
from recursor.storage.migration_steps import (
    FORMER_TABLES,
    forget_work,
    give_stacks_owners,
    nothing,
    remember_last_cycles,
)
from recursor.storage.rollups import MERGES, sum_up_all_stacks
from recursor.storage.tables import TABLES

MIGRATIONS = Migrations(
    {1: sum_up_all_stacks, 2: nothing, 3: remember_last_cycles, 4: give_stacks_owners, 5: forget_work},
    former=FORMER_TABLES,
)
"""What each schema version changed. 1: statistics are summed up over all stacks, too. 2: a ledger. 3: a stack
knows the number of its newest cycle. 4: a stack has one owner, and a fence. 5: work reports say what a role
waits for."""


def open_store(path: Path, *, read_only: bool = False, keep_copy: bool = True) -> LmdbStore:
    """Open the store in `path`; for writing, it is made if need be, and brought to this program's version.

    Args:
        path: its directory.
        read_only: open for reading alone: it must exist.
        keep_copy: keep a copy, in `backups` beside `path`, of a store of an older version.

    Raises:
        SchemaVersionError: it is of a newer version; or, to be read only, of an older one.
        StorageError: it cannot be opened, or the copy can't be kept; the text says why.
    """
    return LmdbStore(
        path,
        TABLES,
        merges=MERGES,
        migrations=MIGRATIONS,
        backups=path.absolute().parent / "backups" if keep_copy else None,
        read_only=read_only,
    )


def memory_store() -> MemoryStore:
    """Return an empty store in memory with the tables and sums of Recursor."""
    return MemoryStore(TABLES, merges=MERGES)
