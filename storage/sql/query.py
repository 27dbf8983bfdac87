"""Checks a query before anything is read: that it only reads, and which tables and columns it names.

DuckDB parses it; its syntax tree is checked here against a list of harmless nodes, so that additions in a
later DuckDB are refused until reviewed.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from duckdb import DuckDBPyConnection, StatementType

from recursor.domain.errors import InvalidInputError

Node = dict[str, Any]

# Part of a query may also write: `WITH gone AS (DELETE ... RETURNING *) SELECT ...` is a SELECT, too.
_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}

# Other functions read files, change settings, or run text as SQL outside the tree.
_TABLE_FUNCTIONS = {
    "duckdb_columns",
    "duckdb_functions",
    "duckdb_keywords",
    "duckdb_tables",
    "duckdb_types",
    "generate_series",
    "json_each",
    "json_tree",
    "pg_timezone_names",
    "pragma_table_info",
    "pragma_version",
    "range",
    "repeat",
    "repeat_row",
    "test_all_types",
    "unnest",
}
_REFUSED_FUNCTIONS = {"sleep_ms", "write_log"}

# Nodes that use only the columns that they name. Anything else (such as a star) gets all columns of its
# tables.
_EXPRESSIONS = {
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "LAMBDA",
    "OPERATOR",
    "SUBQUERY",
    "TYPE",
    "WINDOW",
}
_PARTS = _QUERIES | {
    "ASCENDING",
    "BASE_TABLE",
    "DESCENDING",
    "DISTINCT_MODIFIER",
    "EMPTY",
    "EXPRESSION_LIST",
    "JOIN",
    "LIMIT_MODIFIER",
    "ORDER_DEFAULT",
    "ORDER_MODIFIER",
    "SUBQUERY",
    "TABLE_FUNCTION",
}


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query that only reads."""

    sql: str
    tables: frozenset[str]
    """The tables that it may read, in lower case."""
    columns: frozenset[str] | None
    """The columns that it may read, in lower case; None for all."""

    def wants(self, column: str) -> bool:
        """Return whether it may read a column of that name."""
        return self.columns is None or column.lower() in self.columns


def understand(connection: DuckDBPyConnection, sql: str) -> ParsedQuery:
    """Return the tables and columns that a query reads.

    Args:
        connection: a harmless connection; it parses the query and does not run it.
        sql: the query.

    Raises:
        InvalidInputError: it is not a single statement that only reads.
        duckdb.Error: it cannot be parsed.
    """
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        how_many = "contains no statement" if not statements else f"contains {len(statements)} statements"
        raise InvalidInputError(f"query: {how_many}: give one SELECT")
    kind = statements[0].type
    if kind is StatementType.MULTI:
        raise InvalidInputError(
            "query: DuckDB would run this as several statements: list the values of PIVOT with IN"
        )
    if kind is not StatementType.SELECT:
        raise InvalidInputError(f"query: {_words(kind.name)} is not possible here: give one SELECT")
    tree = _tree(connection, statements[0].query)
    nodes = list(_nodes(tree))
    for node in nodes:
        _refuse_harm(node)
    tables = frozenset(node["table_name"].lower() for node in nodes if node.get("type") == "BASE_TABLE")
    return ParsedQuery(statements[0].query, tables, _columns(nodes, _relations(nodes)))


def _tree(connection: DuckDBPyConnection, sql: str) -> Node:
    found = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    tree: Node = json.loads(found[0]) if found else {"error": True}
    if tree["error"]:
        why = " ".join(str(tree.get("error_message", "")).split())[:200]
        raise InvalidInputError(f"query: is not possible here ({why}): give one plain SELECT")
    return tree


def _nodes(tree: object) -> Iterator[Node]:
    left = [tree]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            yield part
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)


def _refuse_harm(node: Node) -> None:
    kind = node.get("type")
    if isinstance(kind, str) and kind.endswith("_NODE") and kind not in _QUERIES:
        word = _words(kind.removesuffix("_NODE").removesuffix("_QUERY"))
        raise InvalidInputError(f"query: {word} is not possible here, not even in part of a query")
    if kind == "TABLE_FUNCTION":
        name = str(node["function"]["function_name"]).lower()
        if name not in _TABLE_FUNCTIONS:
            raise _reads(name)
    if node.get("class") == "FUNCTION":
        name = str(node["function_name"]).lower()
        if name.startswith("read_"):
            raise _reads(name)
        if name in _REFUSED_FUNCTIONS:
            raise InvalidInputError(f"query: {name}() is not possible here")


def _reads(name: str) -> InvalidInputError:
    return InvalidInputError(
        f"query: {name}() is not possible here: queries read the store's tables and nothing else"
    )


def _relations(nodes: Iterable[Node]) -> set[str]:
    """Return the names of tables and subqueries: used as a column, such a name means all their columns."""
    found: set[str] = set()
    for node in nodes:
        if "class" not in node:
            found.update(str(node[key]).lower() for key in ("table_name", "alias") if node.get(key))
    return found


def _columns(nodes: Iterable[Node], relations: set[str]) -> frozenset[str] | None:
    found: set[str] = set()
    for node in nodes:
        if not _names_its_columns(node):
            return None
        names = [str(name).lower() for name in node.get("column_names") or ()]
        if names and names[-1] in relations:
            return None
        found.update(names, (str(name).lower() for name in node.get("using_columns") or ()))
    return frozenset(found)


def _names_its_columns(node: Node) -> bool:
    # Natural and positional joins, and `FROM todos t(a, b)`, use all columns.
    if node.get("ref_type", "REGULAR") in ("NATURAL", "POSITIONAL"):
        return False
    if node.get("type") == "BASE_TABLE" and node.get("column_name_alias"):
        return False
    if "class" in node:
        return node["class"] in _EXPRESSIONS
    kind = node.get("type")
    return not isinstance(kind, str) or kind in _PARTS


def _words(name: str) -> str:
    return name.replace("_", " ")
