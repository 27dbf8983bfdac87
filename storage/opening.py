"""Opens the store of a data directory as this program knows it: its tables, and its schema version."""

from pathlib import Path

from recursor.storage.cycle_numbers import remember_last_cycles
from recursor.storage.ledger import begin_ledger
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.migration import Migrations
from recursor.storage.rollups import sum_up_all_stacks
from recursor.storage.tables import TABLES

MIGRATIONS = Migrations({1: sum_up_all_stacks, 2: begin_ledger, 3: remember_last_cycles})
"""What each schema version changed. 1: statistics are summed up over all stacks, too. 2: a ledger. 3: a stack
knows the number of its newest cycle."""


def open_store(path: Path, *, read_only: bool = False) -> LmdbStore:
    """Open the store in `path`; for writing, it is made if need be, and brought to this program's version.

    Args:
        path: its directory.
        read_only: open for reading alone: it must exist.

    Raises:
        SchemaVersionError: it is of a newer version; or, to be read only, of an older one.
        StorageError: it cannot be opened; the text says why.
    """
    return LmdbStore(path, TABLES, migrations=MIGRATIONS, read_only=read_only)
