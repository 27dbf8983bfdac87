"""The options and arguments that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from recursor.cli.completion import complete_assignment, complete_setting, complete_stack
from recursor.cli.configured import HERE, Data, Place

__all__ = [
    "DEFAULT_DATA",
    "HERE",
    "Data",
    "Json",
    "Overrides",
    "Place",
    "SettingNames",
    "StackName",
    "StackNames",
]

DEFAULT_DATA: Path = HERE.data

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

StackName = Annotated[
    str,
    typer.Argument(
        metavar="STACK",
        help="A stack's id, the first digits of it, or its name.",
        autocompletion=complete_stack,
    ),
]
StackNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="STACK...", help="Ids, first digits of ids, or names.", autocompletion=complete_stack
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.KEY=VALUE",
        help="Change a setting; may be repeated.",
        autocompletion=complete_assignment,
    ),
]
SettingNames = Annotated[
    list[str] | None,
    typer.Option(
        "--unset",
        metavar="SECTION.KEY",
        help="Take a change back; may be repeated.",
        autocompletion=complete_setting,
    ),
]
