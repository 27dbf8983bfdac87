"""Opens a store with this program's tables, sums and schema version."""

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
    {
        1: sum_up_all_stacks,
        2: nothing,
        3: remember_last_cycles,
        4: give_stacks_owners,
        5: forget_work,
        6: nothing,
    },
    former=FORMER_TABLES,
)
"""The changes of each schema version. 1: statistics over all stacks. 2: a ledger. 3: a stack records the
number of its newest cycle. 4: a stack has one owner, and a fence. 5: work reports state what a role waits
for. 6: workspaces."""


def open_store(path: Path, *, read_only: bool = False, keep_copy: bool = True) -> LmdbStore:
    """Open the store in `path`; for writing, it is created if necessary, and migrated to this program's
    version.

    Args:
        path: its directory.
        read_only: open only for reading: the store must exist.
        keep_copy: before a migration, keep a copy in `backups` beside `path`.

    Raises:
        SchemaVersionError: it has a newer version, or, with `read_only`, an older one.
        StorageError: it cannot be opened, or the copy can't be kept; the text gives the reason.
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
    """Return an empty store in memory with Recursor's tables and sums."""
    return MemoryStore(TABLES, merges=MERGES)
