"""Writes docs/reference/api.md from the OpenAPI document: `.venv/bin/python -m scripts.api_reference`."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from recursor.actors.orchestrator import Orchestrator
from recursor.domain.settings import Settings
from recursor.runner.port import DEFAULT_PORT
from recursor.runner.team import observers_team
from recursor.runtime.clock import SystemClock
from recursor.storage.opening import memory_store
from recursor.web.app import make_app
from recursor.web.engine import Engine
from recursor.web.orchestrator_client import ActorClient

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "api.md"

_METHODS = ("get", "post", "put", "patch", "delete")
_REFERENCE = "#/components/schemas/"
_HEAD = """\
# The HTTP API

*Made from the OpenAPI document by `.venv/bin/python -m scripts.api_reference`; a test checks that it is up to
date. A runner serves the document itself at `/api/openapi.json`.*

"""


def document() -> dict[str, Any]:
    """Return the OpenAPI document, as a runner serves it."""
    with closing(memory_store()) as store, closing(SystemClock()) as clock:
        orchestrator = Orchestrator.start(store=store, roles=observers_team())
        try:
            engine = Engine(ActorClient(orchestrator), store, Settings(), clock)
            return make_app(engine, DEFAULT_PORT).openapi()
        finally:
            orchestrator.stop()


def reference(described: dict[str, Any]) -> str:
    """Return the page."""
    parts = [_HEAD, described["info"]["description"].strip(), "\n\n## Operations\n\n"]
    for tag in described["tags"]:
        rows = [
            f"| [`{method.upper()} {path}`](#{operation['operationId']}) | {_first(operation)} |\n"
            for path, method, operation in _operations(described, tag["name"])
        ]
        parts += [f"**{tag['name']}**: {tag['description']}\n\n", "| | |\n|---|---|\n", *rows, "\n"]
    for tag in described["tags"]:
        parts.append(f"## {tag['name'].capitalize()}\n\n")
        for path, method, operation in _operations(described, tag["name"]):
            parts += _operation(path, method, operation)
    parts.append("## Records\n\n")
    for name, schema in sorted(described["components"]["schemas"].items()):
        parts += _record(name, schema)
    return "".join(parts).rstrip() + "\n"


def _operations(described: dict[str, Any], tag: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        for method in _METHODS:
            if method in item and item[method]["tags"][0] == tag:
                yield path, method, item[method]


def _first(operation: dict[str, Any]) -> str:
    return str(operation["description"]).partition("\n")[0]


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<a id="{operation["operationId"]}"></a>\n\n### {method.upper()} {path}\n\n'
    yield f"{operation['description'].strip()}\n\n"
    parameters = operation.get("parameters", ())
    if parameters:
        yield "| parameter | in | type | |\n|---|---|---|---|\n"
        for each in parameters:
            about = _line(each.get("description", ""))
            yield f"| `{each['name']}` | {each['in']} | {_type(each['schema'])} | {about} |\n"
        yield "\n"
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        yield f"Body: {_type(body['schema'])}\n\n"
    for status, answer in operation["responses"].items():
        if status < "400":
            yield from _answer(status, answer)
    failures = [status for status in operation["responses"] if status >= "400"]
    yield f"Problems: {', '.join(failures)}\n\n"


def _answer(status: str, answer: dict[str, Any]) -> Iterator[str]:
    content = answer.get("content", {})
    if not content:
        yield f"{status}: {_line(answer['description'])}\n\n"
    for media_type, each in content.items():
        kind = _type(each.get("schema", {})) if media_type == "application/json" else f"`{media_type}`"
        yield f"{status}: {kind}\n\n"
        if "example" in each:
            example = each["example"]
            text = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
            yield f"<details><summary>Example</summary>\n\n```\n{text.strip()}\n```\n\n</details>\n\n"


def _record(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}\n\n"
    if schema.get("description"):
        yield f"{schema['description'].strip()}\n\n"
    if "enum" in schema:
        yield ", ".join(f"`{value}`" for value in schema["enum"]) + "\n\n"
    if schema.get("properties"):
        yield "| field | type | |\n|---|---|---|\n"
        for field, about in schema["properties"].items():
            needed = "" if field in schema.get("required", ()) else " (optional)"
            yield f"| `{field}` | {_type(about)}{needed} | {_line(about.get('description', ''))} |\n"
        yield "\n"
    for example in schema.get("examples", ()):
        yield f"```json\n{json.dumps(example, ensure_ascii=False)}\n```\n\n"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REFERENCE)
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_type(each) for each in schema[several]))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"`{json.dumps(value)}`" for value in values)
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return _object(schema) if kind == "object" else kind + _bounds(schema)


def _object(schema: dict[str, Any]) -> str:
    if schema.get("properties"):
        return "object of " + ", ".join(f"`{name}`" for name in schema["properties"])
    values = schema.get("additionalProperties")
    return f"object of {_type(values)}" if isinstance(values, dict) else "object"


def _bounds(schema: dict[str, Any]) -> str:
    if schema.get("format"):
        return f" ({schema['format']})"
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    unit = " characters" if schema.get("type") == "string" else ""
    if low is not None and high is not None:
        return f" ({low:g} to {high:.10g}{unit})"
    if high is not None:
        return f" (at most {high:.10g}{unit})"
    return "" if low is None else f" (at least {low:g}{unit})"


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write the page."""
    PAGE.write_text(reference(document()), encoding="utf-8")


if __name__ == "__main__":
    main()
