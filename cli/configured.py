"""Gives commands the effective settings: `--config` on every command, and its `Place`."""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from recursor.cli.local_only_commands import LOCAL_ONLY, refuse_remote
from recursor.domain.errors import InvalidInputError
from recursor.domain.process_settings import ProcessSettings
from recursor.runner.address import checked_url
from recursor.runner.configuration import Configuration, load_configuration
from recursor.runner.settings_sources import Key, Layer, Source, SourcedValue
from recursor.runner.settings_variables import URL

# Options not named like their key.
_OPTIONS = {"allowed_hosts": "--allow-host"}

_FILE, _LOADED = "recursor.config", "recursor.configuration"


@dataclass(frozen=True, slots=True)
class Place:
    """The target of a command: a data directory on this machine, or a remote runner.

    A command with a parameter of this type has the options `--data` and `--url` instead.
    """

    data: Path
    url: str | None
    """The URL of the runner; None for the data directory."""
    configuration: Configuration


HERE = Place(ProcessSettings().data, None, Configuration())
"""The default of such a parameter; the value is determined when the command runs."""


def configurable(name: str, function: Callable[..., None]) -> Callable[..., None]:
    """Return a command that also takes `--config FILE`, and `--data` and `--url` if it acts on a `Place`.

    Args:
        name: the command's name.
        function: the command's function.
    """
    signature = inspect.signature(function, eval_str=True)
    parameters = list(signature.parameters.values())
    place = next((each.name for each in parameters if each.annotation is Place), None)
    # There can be only one.
    has_context = "context" in signature.parameters

    @wraps(function)
    def command(
        config: object,  # noqa: ARG001  # recorded during parsing
        url: str | None,
        **options: Any,
    ) -> None:
        context = options["context"] if has_context else options.pop("context")
        if name in LOCAL_ONLY:
            refuse_remote(name, url, data_is_typed=_is_typed(context, "data"))
        if place is not None:
            options[place] = _place(context, options.pop("data"), url)
        function(**options)

    if not has_context:
        parameters.append(_parameter("context", typer.Context, inspect.Parameter.empty))
    if place is not None:
        index = [each.name for each in parameters].index(place)
        parameters[index : index + 1] = [
            _parameter("data", Data, HERE.data),
            # For some it is accepted only to be refused with the reason.
            _parameter("url", _NoUrl if name in LOCAL_ONLY else _Url, None),
        ]
    else:
        parameters.append(_parameter("url", _NoUrl, None))
    after = [index for index, each in enumerate(parameters, 1) if each.name in ("data", "url")]
    parameters.insert(after[-1] if after else len(parameters), _parameter("config", _Config, None))
    ordered = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    command.__signature__ = signature.replace(parameters=ordered)  # type: ignore[attr-defined]  # see PEP 362
    return command


def configuration(context: typer.Context) -> Configuration:
    """Return a command's settings from the settings file and the environment.

    Raises:
        InvalidInputError: one of them has an unknown key or a bad value, or the file does not exist.
    """
    found = context.meta.get(_LOADED)
    if not isinstance(found, Configuration):
        found = context.meta[_LOADED] = load_configuration(os.environ, context.meta.get(_FILE))
    return found


def data_directory(context: typer.Context, value: Path) -> Path:
    """Return the data directory of a command: its option `--data` if given, else the configured one.

    Raises:
        InvalidInputError: see `configuration`.
    """
    if context.resilient_parsing:
        return value
    if _is_typed(context, "data"):
        context.meta[_LOADED] = configuration(context).with_flags(flags(data=str(value)))
    return configuration(context).runner.data


def flags(**values: object) -> Layer:
    """Return the layer of a command's options that set keys of `[runner]`."""
    layer: dict[Key, SourcedValue] = {}
    for key, value in values.items():
        if value is not None:
            layer["runner", key] = SourcedValue(
                value, Source.FLAG, _OPTIONS.get(key, f"--{key.replace('_', '-')}")
            )
    return layer


def _place(context: typer.Context, data: Path, url: str | None) -> Place:
    where = "--url"
    if _is_typed(context, "data"):
        if url is not None:
            raise InvalidInputError("--url and --data contradict each other: give one of them")
    elif url is None:
        where, url = URL, os.environ.get(URL) or None
    return Place(data, None if url is None else checked_url(url, where), configuration(context))


def _is_typed(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _note_file(context: typer.Context, value: Path | None) -> None:
    if value is not None:
        context.meta[_FILE] = value


Data = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", callback=data_directory, help="The data directory."),
]
_Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The URL of a runner, on any machine. [default: RECURSOR_URL, if set]",
    ),
]
_NoUrl = Annotated[str | None, typer.Option("--url", hidden=True)]
_Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        # Before the other options, which may read it.
        is_eager=True,
        callback=_note_file,
        help="The settings file. [default: recursor.toml, if it exists]",
    ),
]
