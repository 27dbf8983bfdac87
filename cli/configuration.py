"""The commands on settings: config shows the effective ones, configure changes a stack's own."""

from typing import Annotated

import typer
from pydantic import JsonValue

from recursor.cli.access import check_data, open_place
from recursor.cli.completion import complete_stack
from recursor.cli.configured import configuration
from recursor.cli.options import (
    DEFAULT_DATA,
    HERE,
    Data,
    Json,
    Overrides,
    Place,
    SettingNames,
    StackName,
)
from recursor.cli.output import draw, neutral, print_json, say
from recursor.cli.setting_warnings import warn_of_settings
from recursor.domain.errors import InvalidInputError
from recursor.domain.settings import collect_overrides
from recursor.domain.stack import Stack
from recursor.runner.configuration import Effective
from recursor.runner.directory_lock import runner_of
from recursor.runner.settings_sources import Source, overriding


def config(
    context: typer.Context,
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack",
            metavar="STACK",
            help="Include this stack's own settings.",
            autocompletion=complete_stack,
        ),
    ] = None,
    settings: Overrides = None,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Show all settings and where each was set."""
    flags = overriding(collect_overrides(settings or []), Source.FLAG, "--set")
    configured = configuration(context).with_flags(flags)
    check_data(data)
    found: Stack | None = None
    if stack is not None:
        with open_place(Place(data, None, configured)) as client:
            found = client.stack(stack).stack
    effective = list(configured.effective(found))
    has_runner = runner_of(data) is not None
    if json:
        print_json([_plain(each) for each in effective])
        return
    from rich.text import Text

    from recursor.cli.settings_table import settings_table

    draw(settings_table(effective))
    if has_runner:
        draw(Text("\nA runner is up; it uses the settings from its start.", "bright_black"))


def configure(
    stack: StackName,
    settings: Overrides = None,
    unset: SettingNames = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Set or unset a stack's own settings."""
    changes = _changes(settings or [], unset or [])
    with open_place(place) as client:
        changed = client.configure(stack, changes)
        own = changed.settings
        warn_of_settings(client, {section: own[section] for section in changes if section in own})
    if json:
        print_json(changed)
        return
    name = f"{neutral(changed.name)} ({changed.id[:8]})"
    for section, values in changes.items():
        for key, value in values.items():
            if value is None:
                say(f"{name}: {section}.{key} is as for all stacks")
            else:
                say(f"{name}: {section}.{key} is {own[section][key]}")


def _changes(assigned: list[str], unset: list[str]) -> dict[str, dict[str, JsonValue]]:
    """Return the changes; None removes a value."""
    if not assigned and not unset:
        raise InvalidInputError(
            "configure: nothing to change: give --set SECTION.KEY=VALUE or --unset SECTION.KEY"
        )
    changes = collect_overrides(assigned)
    for name in unset:
        section, dot, key = name.strip().partition(".")
        if not (section and dot and key):
            raise InvalidInputError(
                f"--unset: {name[:60]!r} is not SECTION.KEY (for example pause.between_looks)"
            )
        if key in changes.get(section, {}):
            raise InvalidInputError(f"configure: {section}.{key} is both set and unset: do one of the two")
        changes.setdefault(section, {})[key] = None
    return changes


def _plain(each: Effective) -> dict[str, object]:
    return {
        "key": f"{each.section}.{each.key}",
        "value": each.value,
        "default": each.default,
        "source": each.source.value,
        "where": each.where,
    }
