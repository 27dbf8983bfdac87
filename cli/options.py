"""Options and arguments shared by several commands."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue
from typer import CallbackParam

from recursor.cli.completion import complete_assignment, complete_setting, complete_stack
from recursor.cli.configured import HERE, Data, Place
from recursor.domain.errors import InvalidInputError
from recursor.domain.settings import Overrides as SettingsOverrides
from recursor.domain.settings import Settings

__all__ = [
    "DEFAULT_DATA",
    "HERE",
    "Data",
    "Json",
    "Model",
    "Overrides",
    "Place",
    "SettingNames",
    "StackName",
    "StackNames",
    "given_text",
    "with_model",
    "with_option",
]

DEFAULT_DATA: Path = HERE.data

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

StackName = Annotated[
    str,
    typer.Argument(
        metavar="STACK",
        help="A stack's id, its first digits or its name.",
        autocompletion=complete_stack,
    ),
]
StackNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="STACK...", help="Ids, first digits of ids or names.", autocompletion=complete_stack
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.KEY=VALUE",
        help="Set one of the stacks' settings; may be repeated.",
        autocompletion=complete_assignment,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="The model, such as openai:gpt-5-mini or local:PATH.gguf, or scripted. [default: scripted]",
    ),
]
SettingNames = Annotated[
    list[str] | None,
    typer.Option(
        "--unset",
        metavar="SECTION.KEY",
        help="Unset a setting; may be repeated.",
        autocompletion=complete_setting,
    ),
]


def given_text(param: CallbackParam, value: str | None) -> str | None:
    """Return a text as given; for `-`, the content of stdin without its last line end.

    Raises:
        InvalidInputError: stdin is not text.
    """
    if value != "-":
        return value
    try:
        return sys.stdin.read().removesuffix("\n")
    except UnicodeDecodeError as error:
        name = param.opts[0] if param.opts[0].startswith("-") else param.name
        raise InvalidInputError(f"{name}: stdin is not text ({error.reason}): give UTF-8") from None


def with_model(overrides: SettingsOverrides, model: str | None) -> SettingsOverrides:
    """Return the overrides, including `--model`. See `with_option`."""
    return with_option(overrides, "--model", "model", "name", model)


def with_option(
    overrides: SettingsOverrides, option: str, section: str, key: str, value: JsonValue
) -> SettingsOverrides:
    """Return the overrides, including the value of an option that stands for a setting.

    Args:
        overrides: those of `--set`.
        option: its name.
        section: the setting's.
        key: the setting's.
        value: its value; None if it was not given.

    Raises:
        InvalidInputError: the value is invalid, or `--set` contradicts it.
    """
    if value is None:
        return overrides
    known = overrides.get(section, {})
    if known.get(key, value) != value:
        raise InvalidInputError(
            f"{option}: {value} contradicts --set {section}.{key}={known[key]}: give one of them"
        )
    merged = {**overrides, section: {**known, key: value}}
    Settings().overridden(merged)
    return merged
