"""The errors of storage: each text is one line that names the thing, the value and the remedy."""

from recursor.domain.errors import RecursorError

MAKE_ROOM = "make room (disk, quota, file size limit)"
"""The remedy in the text of every write that found no room."""


class StorageError(RecursorError):
    """The base of all storage errors."""


class StoreClosedError(StorageError):
    """The store was closed before the call."""


class StoreUsageError(StorageError):
    """The call can never work, and would have waited forever or damaged the store."""


class UnknownTableError(StoreUsageError):
    """The table is not in the list that the store was opened with."""


class InvalidKeyError(StoreUsageError):
    """The key is empty, or longer than some store allows."""


class FencedError(StorageError):
    """The commit's owner no longer owns the stack. Nothing was written."""

    def __init__(self, owner: str, number: int, newer: int) -> None:
        """Name the owner and the fences.

        Args:
            owner: the stack's id.
            number: the fence of the commit.
            newer: the one in the store.
        """
        super().__init__(owner, number, newer)
        self.owner, self.number, self.newer = owner, number, newer

    def __str__(self) -> str:
        return (
            f"stack {self.owner}: a late write under fence {self.number} was refused: "
            f"the stack was deleted, or has a newer owner (fence {self.newer})"
        )


class StorageFullError(StorageError):
    """The disk, quota or file size limit leaves no room; the store works again as soon as there is room."""


class StorageCorruptError(StorageError):
    """The file is not a store, is damaged, or has a format that this program can't read."""


class SchemaVersionError(StorageError):
    """The store's schema version differs from this program's."""


class UnfinishedStoreError(SchemaVersionError):
    """The store is being created: nothing has been written to it yet."""


class MigrationError(StorageError):
    """A migration failed; nothing in the store was changed."""


class DirectoryInUseError(StorageError):
    """Another runner has locked the data directory."""


class CorruptRecordError(StorageError):
    """One record cannot be read. The text names its table and key; other records are not affected."""
