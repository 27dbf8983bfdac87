"""Completions for a shell when a person presses Tab: stacks and settings.

Shells evaluate completions, so texts of people or agents are offered only as plain words.
"""

import os
import re
from collections import Counter
from pathlib import Path

import typer

from recursor.runner.settings_variables import URL

# More than anyone reads.
_MOST = 50
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def complete_stack(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return completions, with descriptions, for stacks whose name or id begins with the typed text."""
    try:
        return _stacks(context, incomplete)
    except Exception:  # noqa: BLE001  # the command itself will report any error, and the prompt stays clean
        return []


def complete_assignment(incomplete: str) -> list[tuple[str, str]]:
    """Return the settings of stacks that begin with the typed text, ready for a value."""
    return [(f"{name}=", description) for name, description in complete_setting(incomplete)]


def complete_setting(incomplete: str) -> list[tuple[str, str]]:
    """Return the settings of stacks that begin with what was typed."""
    from recursor.domain.record import Record, described_fields
    from recursor.domain.settings import Settings

    offered: list[tuple[str, str]] = []
    for section, values in Settings():
        kind: type[Record] = type(values)
        for key, description in described_fields(kind).items():
            if f"{section}.{key}".startswith(incomplete):
                offered.append((f"{section}.{key}", _plain(re.split(r"[.;]", description)[0])))
    return offered


def _stacks(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from recursor.cli.configured import configuration
    from recursor.client.synchronous import Client
    from recursor.storage.stack_listing import MAX_PAGE

    given = context.get_parameter_source("data")
    chosen = given is not None and given.name == "COMMANDLINE"
    if context.params.get("url") or (not chosen and os.environ.get(URL)):
        # A remote runner's would take too long, and local ones would be wrong.
        return []
    data = Path(context.params["data"]) if chosen else configuration(context).runner.data
    with Client(data, configuration=configuration(context)) as client:
        page = client.stacks_page(search=incomplete, sort="name", limit=MAX_PAGE)
        found = {stack.id: stack for stack in page.items if stack.problem is None}
    names = Counter(stack.name for stack in found.values())
    offered: list[tuple[str, str]] = []
    for stack in found.values():
        if names[stack.name] == 1 and _PLAIN.fullmatch(stack.name) and stack.name.startswith(incomplete):
            offered.append((stack.name, stack.state.value))
        elif stack.id.startswith(incomplete):
            offered.append(
                (stack.id[: max(8, len(incomplete))], f"{_plain(stack.name)}, {stack.state.value}")
            )
    return offered[:_MOST]


def _plain(text: str) -> str:
    """Return the beginning of a text, without characters that are special to a shell."""
    return " ".join(re.sub(r"[^\w .,-]", " ", text).split())[:60]
