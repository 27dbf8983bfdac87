"""DuckDB's errors as one clear line each, with the remedy if known."""

import re
from difflib import get_close_matches

import duckdb

from recursor.domain.errors import InvalidInputError
from recursor.storage.sql.catalogue import TABLE_NAMES
from recursor.storage.sql.process import too_large, too_long

_NO_TABLE = re.compile(r"Table with name (.+?) does not exist")
# The error text of a commit of rows, in which DuckDB wraps an out-of-memory error.
_NO_MEMORY = re.compile(r"(could not|failed to) allocate", re.IGNORECASE)
_PLACE = re.compile(r"\n\n(LINE \d+:.*)", re.DOTALL)


def explained(error: duckdb.Error, seconds: float, memory_bytes: int) -> InvalidInputError:
    """Return the error to report for a failed query.

    Args:
        error: DuckDB's error.
        seconds: the query's time limit.
        memory_bytes: its memory limit.
    """
    match error:
        case duckdb.InterruptException():
            return too_long(seconds)
        case duckdb.OutOfMemoryException():
            return too_large(memory_bytes)
        case duckdb.PermissionException():
            return InvalidInputError("query: reads files or settings: only the store's tables can be read")
    text = _PLACE.sub("", str(error))
    if _NO_MEMORY.search(text):
        return too_large(memory_bytes)
    missing = _NO_TABLE.search(text)
    if isinstance(error, duckdb.CatalogException) and missing is not None:
        return no_table(missing[1])
    return InvalidInputError(f"query: {' '.join(text.split())[:500]}")


def no_table(name: str) -> InvalidInputError:
    """Return the error for a missing table."""
    near = get_close_matches(name.lower(), TABLE_NAMES, n=1)
    hint = f"did you mean {near[0]}? T" if near else "t"
    return InvalidInputError(f"query: no table {name}: {hint}here are {', '.join(TABLE_NAMES)}")
