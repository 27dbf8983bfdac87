"""Migration of an older version's records, when a writer opens the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from recursor.storage.commit import Commit
from recursor.storage.errors import MigrationError, SchemaVersionError, UnfinishedStoreError
from recursor.storage.store import META_TABLE, Reader

Migration = Callable[[Reader], Commit]

VERSION_KEY = b"schema_version"


class Migrations:
    """The changes of each schema version, in order; a new store starts at version 0 and runs them all."""

    def __init__(self, steps: Mapping[int, Migration] | None = None, *, former: Iterable[str] = ()) -> None:
        """Register the steps.

        Args:
            steps: By version, 1, 2, 3 and so on without a gap: a function that takes the store at the
                previous version and returns the commit that migrates it. It may be called more than once.
            former: Former tables, which steps may read and which are removed afterwards.

        Raises:
            ValueError: A version is missing.
        """
        self._steps = dict(sorted((steps or {}).items()))
        if list(self._steps) != list(range(1, len(self._steps) + 1)):
            raise ValueError(
                f"migrations must be numbered 1, 2, 3...: got {', '.join(map(str, self._steps))}"
            )
        self.former = tuple(former)

    @property
    def latest(self) -> int:
        """The version that this program reads and writes."""
        return len(self._steps)

    def steps(self, reader: Reader) -> Iterator[Commit]:
        """Yield the commits that migrate the store to the latest version, in order.

        Args:
            reader: the store; apply each commit before asking for the next, all in one transaction.

        Raises:
            SchemaVersionError: The store is newer than this program.
            MigrationError: A step failed.
        """
        found = schema_version(reader)
        self.refuse_newer(found)
        for version in range(found + 1, self.latest + 1):
            try:
                commit = self._steps[version](reader)
            except Exception as error:
                raise MigrationError(
                    f"the migration to schema version {version} failed, the store stays at {found}: {error}"
                ) from error
            commit.put(META_TABLE, VERSION_KEY, str(version).encode())
            yield commit

    def check(self, reader: Reader, tables: Iterable[str]) -> None:
        """Refuse a store of any other version, for a program that must not change it.

        Args:
            reader: the store.
            tables: its tables.

        Raises:
            UnfinishedStoreError: It has no version and is empty: another process is creating it.
            SchemaVersionError: The store is newer or older than this program.
        """
        found = schema_version(reader)
        self.refuse_newer(found)
        if found < self.latest:
            if found == 0 and is_empty(reader, tables):
                raise UnfinishedStoreError("the store is being created: try again")
            raise SchemaVersionError(
                f"the store has schema version {found}, this program reads {self.latest}: "
                "open it once for writing (start the runner), and it is brought up to date"
            )

    def refuse_newer(self, found: int) -> None:
        """Refuse a store of a newer schema version, `found`.

        Raises:
            SchemaVersionError: The store is newer than this program.
        """
        if found > self.latest:
            raise SchemaVersionError(
                f"the store has schema version {found}, this program has {self.latest}: use a newer Recursor"
            )


class AnyVersion(Migrations):
    """For copying a store without reading its records."""

    def check(self, reader: Reader, tables: Iterable[str]) -> None:
        """Accept the store."""


def is_empty(reader: Reader, tables: Iterable[str]) -> bool:
    """Return whether `tables` are empty."""
    return all(next(iter(reader.scan(table)), None) is None for table in tables)


def schema_version(reader: Reader) -> int:
    """Return the schema version of the store, 0 if it is new."""
    return int(reader.get(META_TABLE, VERSION_KEY) or b"0")
