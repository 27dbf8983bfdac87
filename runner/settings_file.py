"""Settings from a TOML file, each with its line number."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from recursor.domain.errors import InvalidInputError, unknown_key
from recursor.runner.settings_sources import KEYS, SECTIONS, Key, Layer, Source, SourcedValue

FILE_NAME = "recursor.toml"

# Paths are relative to the file, as in most such files.
_PATHS: frozenset[Key] = frozenset({("runner", "data"), ("runner", "token_file")})

_HEADER = re.compile(r"""\s*\[\s*([\w"'.-]+)\s*\]""")
_ASSIGNMENT = re.compile(r"""\s*([\w"'.-]+)\s*=""")


def read_settings_file(path: Path, *, must_exist: bool) -> Layer:
    """Return the settings in the file at `path`; none if the file does not exist and is optional.

    Raises:
        InvalidInputError: it cannot be read, is not TOML, or has an unknown section or key; the text names
            the line.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        if must_exist:
            raise InvalidInputError(f"{path}: no such file: name an existing settings file") from None
        return {}
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{path}: not UTF-8 from byte {error.start + 1} on: save it in UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InvalidInputError(f"{str(path)[:200]!r}: cannot be read: {why}: name another file") from None
    return parse_settings(text, path)


def parse_settings(text: str, path: Path) -> Layer:
    """Return the settings in `text`, read from the file at `path`.

    Raises:
        InvalidInputError: see `read_settings_file`.
    """
    # Most commands run without such a file.
    import tomllib

    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidInputError(f"{path}: not TOML: {error}: correct it") from None
    lines = _Lines(text, path)
    layer: dict[Key, SourcedValue] = {}
    for section, values in document.items():
        if section not in SECTIONS or not isinstance(values, Mapping):
            _refuse(section, values, lines.where(section))
        for key, value in values.items():
            where = lines.where(section, key)
            if (section, key) == ("runner", "token"):
                raise InvalidInputError(
                    f"{where}: a token must not be in this file: set RECURSOR_TOKEN, "
                    "or name a file that holds it with token_file"
                )
            if key not in SECTIONS[section]:
                unknown_key(where, f"{section}.{key}", [f"{section}.{each}" for each in SECTIONS[section]])
            layer[section, key] = SourcedValue(_from_here((section, key), value, path), Source.FILE, where)
    return layer


def _refuse(section: str, value: object, where: str) -> NoReturn:
    if section in SECTIONS:
        raise InvalidInputError(
            f"{where}: {section} is a section: write [{section}] and, below it, KEY = VALUE"
        )
    homes = [home for home, key in KEYS if key == section]
    if homes and not isinstance(value, Mapping):
        raise InvalidInputError(f"{where}: {section} is not in its section: write it below [{homes[0]}]")
    unknown_key(where, section, list(SECTIONS))


def _from_here(key: Key, value: Any, path: Path) -> Any:
    if key not in _PATHS or not isinstance(value, str):
        return value
    try:
        return str(path.parent / Path(value).expanduser())
    except RuntimeError as error:
        raise InvalidInputError(f"{path}: {'.'.join(key)}: {value!r}: {error}: give a full path") from None


class _Lines:
    """Finds the lines of keys, as far as possible without another parser: tomllib keeps no positions. A key
    in an unusual notation is reported without its line."""

    def __init__(self, text: str, path: Path) -> None:
        self._path = path
        self._lines: dict[str, int] = {}
        section = ""
        for number, line in enumerate(text.splitlines(), 1):
            if header := _HEADER.match(line):
                section = _bare(header[1])
                self._lines.setdefault(section, number)
            elif assignment := _ASSIGNMENT.match(line):
                name = _bare(assignment[1])
                self._lines.setdefault(f"{section}.{name}" if section else name, number)

    def where(self, *names: str) -> str:
        """Return the file and the line of a section or key; without the line if that is unknown."""
        number = self._lines.get(".".join(names)) or self._lines.get(names[0])
        return f"{self._path}:{number}" if number else str(self._path)


def _bare(name: str) -> str:
    return name.replace('"', "").replace("'", "").replace(" ", "")
