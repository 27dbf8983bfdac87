"""Gives commands the effective settings: `--config` on every command, and the data directory they name."""

import inspect
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from recursor.runner.configuration import Configuration, load_configuration
from recursor.runner.given import Given, Key, Layer, Source

# Options that are not called as their key.
_OPTIONS = {"allowed_hosts": "--allow-host"}

_FILE, _LOADED = "recursor.config", "recursor.configuration"


def configurable(function: Callable[..., None]) -> Callable[..., None]:
    """Return a command that also takes `--config FILE`, in its help beside `--data`."""

    @wraps(function)
    def command(config: object, **options: Any) -> None:  # noqa: ARG001  # was noted when it was parsed
        function(**options)

    signature = inspect.signature(function, eval_str=True)
    parameters = list(signature.parameters.values())
    place = next((i for i, each in enumerate(parameters, 1) if each.name == "data"), len(parameters))
    parameters.insert(
        place, inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_CONFIG)
    )
    ordered = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    command.__signature__ = signature.replace(parameters=ordered)  # type: ignore[attr-defined]  # see PEP 362
    return command


def configuration(context: typer.Context) -> Configuration:
    """Return what the settings file and the environment give a command.

    Raises:
        InvalidInputError: one of them has an unknown key or a bad value, or the file is not there.
    """
    found = context.meta.get(_LOADED)
    if not isinstance(found, Configuration):
        found = context.meta[_LOADED] = load_configuration(os.environ, context.meta.get(_FILE))
    return found


def data_directory(context: typer.Context, value: Path) -> Path:
    """Return the data directory of a command: the value of its option `--data` if it was given, else the
    configured one.

    Raises:
        InvalidInputError: see `configuration`.
    """
    if context.resilient_parsing:
        return value
    source = context.get_parameter_source("data")
    if source is not None and source.name == "COMMANDLINE":
        context.meta[_LOADED] = configuration(context).with_flags(flags(data=str(value)))
    return configuration(context).runner.data


def flags(**values: object) -> Layer:
    """Return the layer of a command's options: of those of `[runner]` that were given, by their key."""
    layer: dict[Key, Given] = {}
    for key, value in values.items():
        if value is not None:
            layer["runner", key] = Given(value, Source.FLAG, _OPTIONS.get(key, f"--{key.replace('_', '-')}"))
    return layer


def _note_file(context: typer.Context, value: Path | None) -> None:
    if value is not None:
        context.meta[_FILE] = value


_CONFIG = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        # Before the others, which may look into it.
        is_eager=True,
        callback=_note_file,
        help="The settings file. [default: recursor.toml, if it is there]",
    ),
]
