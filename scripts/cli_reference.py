"""Writes docs/reference/cli.md from the command tree: `.venv/bin/python -m scripts.cli_reference`."""

from collections.abc import Iterator
from enum import EnumType
from pathlib import Path
from typing import Any, get_args

from typer.main import get_command

from recursor.cli.app import app

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"

_HEAD = """\
# Every command and option

*Made from the command tree by `.venv/bin/python -m scripts.cli_reference`; a test checks that it is up to
date. [command-line.md](command-line.md) is the short guide, and says what scripts can rely on.*

"""

# On every command; told once.
_EVERYWHERE = ("data", "url", "config", "json", "help")


def reference() -> str:
    """Return the page."""
    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]  # it is a group
    parts = [_HEAD, "| | |\n|---|---|\n"]
    parts += [f"| [`{name}`](#{name}) | {_first(command)} |\n" for name, command in commands.items()]
    parts.append("\n## What most commands take\n\n| | |\n|---|---|\n")
    shown = {
        each.name: each
        for command in commands.values()
        for each in command.params
        if not getattr(each, "hidden", False)
    }
    parts += [_row(shown[name]) for name in _EVERYWHERE if name in shown]
    parts.append("| `-h`, `--help` | Show what the command takes. |\n")
    for name, command in commands.items():
        parts += _command(name, command)
    return "".join(parts).rstrip() + "\n"


def _command(name: str, command: Any) -> Iterator[str]:
    params = [each for each in command.params if not getattr(each, "hidden", False)]
    own = [each for each in params if each.name not in _EVERYWHERE]
    arguments = [each for each in own if _is_argument(each)]
    usage = " ".join([name, *(_argument(each) for each in arguments)])
    yield f"\n## {name}\n\n`recursor {usage}`\n\n{_text(command.help)}\n\n"
    if own:
        yield "| | |\n|---|---|\n"
        yield from map(_row, own)
        yield "\n"
    common = [f"`--{each.name}`" for each in params if each.name in _EVERYWHERE]
    if common:
        yield f"Also {', '.join(common)}.\n\n"
    if command.epilog:
        yield f"```\n{command.epilog.removeprefix('Example: ')}\n```\n"


def _row(parameter: Any) -> str:
    if _is_argument(parameter):
        return f"| `{_argument(parameter)}` | {_cell(parameter.help)} |\n"
    names = ", ".join(f"`{each}`" for each in (*parameter.opts[::-1], *parameter.secondary_opts))
    value = "" if parameter.is_flag else f" `{_value(parameter)}`"
    return f"| {names}{value} | {_cell(parameter.help)}{_default(parameter)} |\n"


def _is_argument(parameter: Any) -> bool:
    return "Argument" in type(parameter).__name__


def _argument(parameter: Any) -> str:
    name = str(parameter.metavar or parameter.name.upper())
    return name if parameter.required or name.startswith("[") else f"[{name}]"


def _value(parameter: Any) -> str:
    if parameter.metavar:
        return str(parameter.metavar)
    kind = parameter.type_descriptor.annotation
    kind = next(iter(get_args(kind)), kind)
    if isinstance(kind, EnumType):
        return "/".join(str(getattr(each, "value", each)) for each in kind)
    choices = [each for each in get_args(parameter.type_descriptor.annotation) if isinstance(each, str)]
    return "/".join(choices) or str(parameter.name).upper()


def _default(parameter: Any) -> str:
    default = parameter.default
    if (
        parameter.is_flag
        or default in (None, "", (), [])
        or callable(default)
        or "[default" in (parameter.help or "")
    ):
        return ""
    return f" [default: {getattr(default, 'value', default)}]"


def _first(command: Any) -> str:
    return _text(command.help).partition("\n")[0]


def _text(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def _cell(text: str | None) -> str:
    return _text(text).replace("\n\n", " ").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
