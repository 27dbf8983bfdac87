"""Settings on a terminal."""

import json
from collections.abc import Iterable

from pydantic import JsonValue
from rich.table import Table
from rich.text import Text

from recursor.cli.output import neutral
from recursor.cli.stack_tables import clipped, fitted, plain_table
from recursor.cli.wording import NEVER
from recursor.runner.configuration import Effective
from recursor.runner.settings_sources import Source


def settings_table(settings: Iterable[Effective]) -> Table:
    """Return the settings; changed ones are highlighted, with the default beside them."""
    table = plain_table("SETTING", "VALUE", "FROM", "DEFAULT")
    for each in settings:
        name = f"{each.section}.{each.key}"
        if each.source is Source.DEFAULT:
            table.add_row(Text(name, "bright_black"), clipped(_shown(each.value)), "", "")
            continue
        default = "" if each.default == each.value else _shown(each.default)
        table.add_row(
            name,
            clipped(_shown(each.value), "green"),
            Text(neutral(each.where or "")),
            clipped(default, "bright_black"),
        )
    return fitted(table, "VALUE", "DEFAULT")


def _shown(value: JsonValue) -> str:
    match value:
        case None:
            return NEVER
        case str():
            return value
        case float() if value.is_integer():
            return f"{value:.0f}"
        case list():
            return ", ".join(map(str, value))
        case _:
            return json.dumps(value)
