"""DuckDB's errors as one clear line each, with the remedy where it is known."""

import re
from difflib import get_close_matches

import duckdb

from recursor.domain.errors import InvalidInputError
from recursor.storage.sql.catalogue import TABLE_NAMES
from recursor.storage.sql.process import too_large, too_long

_NO_TABLE = re.compile(r"Table with name (.+?) does not exist")
# What a commit of rows says, in which DuckDB wraps the error of its kind.
_NO_MEMORY = re.compile(r"(could not|failed to) allocate", re.IGNORECASE)
_PLACE = re.compile(r"\n\n(LINE \d+:.*)", re.DOTALL)


def explained(error: duckdb.Error, seconds: float, memory_bytes: int) -> InvalidInputError:
    """Return what to tell of an error that a query met.

    Args:
        error: DuckDB's.
        seconds: the query's limit of time.
        memory_bytes: its limit of memory.
    """
    match error:
        case duckdb.InterruptException():
            return too_long(seconds)
        case duckdb.OutOfMemoryException():
            return too_large(memory_bytes)
        case duckdb.PermissionException():
            return InvalidInputError("query: reads files or settings: it can read the store's tables only")
    text = _PLACE.sub("", str(error))
    if _NO_MEMORY.search(text):
        return too_large(memory_bytes)
    missing = _NO_TABLE.search(text)
    if isinstance(error, duckdb.CatalogException) and missing is not None:
        return no_table(missing[1])
    return InvalidInputError(f"query: {' '.join(text.split())[:500]}")


def no_table(name: str) -> InvalidInputError:
    """Return what to tell of a table that is not there."""
    near = get_close_matches(name.lower(), TABLE_NAMES, n=1)
    hint = f"did you mean {near[0]}? T" if near else "t"
    return InvalidInputError(f"query: no table {name}: {hint}here are {', '.join(TABLE_NAMES)}")
