"""What storage raises: each text is one line that names the thing, the value and what to do."""

from recursor.domain.errors import RecursorError


class StorageError(RecursorError):
    """The root of everything storage raises."""


class StoreClosedError(StorageError):
    """The store was closed before the call."""


class StoreUsageError(StorageError):
    """The caller asked for what can never work, and would have waited for ever or harmed the store."""


class UnknownTableError(StoreUsageError):
    """The table is not in the list that the store was opened with."""


class InvalidKeyError(StoreUsageError):
    """The key is empty or longer than every kind of store can hold."""


class FencedError(StorageError):
    """The commit's owner is the owner no more. Nothing of it was written."""

    def __init__(self, owner: str, number: int, newer: int) -> None:
        """Describe it.

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
    """The disk, quota or file size limit has no room; the store works again as soon as there is some."""


class StorageCorruptError(StorageError):
    """The file is not a store, is damaged, or is of a format this program can't read."""


class SchemaVersionError(StorageError):
    """The records in the store are of another schema version than this program's."""


class UnfinishedStoreError(SchemaVersionError):
    """The store is just being made: nothing has been written to it yet."""


class MigrationError(StorageError):
    """A migration failed; nothing in the store was changed."""


class DirectoryInUseError(StorageError):
    """Another runner holds the data directory."""


class CorruptRecordError(StorageError):
    """One record cannot be read. The text names its table and key; other records are not affected."""
