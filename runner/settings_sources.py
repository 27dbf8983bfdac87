"""The values of settings and where each was set: in a file, a variable, a flag or a stack."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import JsonValue, ValidationError

from recursor.agents.model.model_checks import check_names
from recursor.domain.errors import InvalidInputError
from recursor.domain.process_settings import ProcessSettings, SqlSettings
from recursor.domain.record import Record
from recursor.domain.settings import Overrides, Settings
from recursor.orchestration.role_names import BY_ROLE, check_roles

Key = tuple[str, str]
"""A section and a key of it."""


class AllSettings(Settings):
    """Every section that there is: those a stack may override, `runner` and `sql`."""

    runner: ProcessSettings = ProcessSettings()
    sql: SqlSettings = SqlSettings()


DEFAULTS = AllSettings()


def _sections() -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(type(section).model_fields) for name, section in DEFAULTS if isinstance(section, Record)
    }


SECTIONS: Mapping[str, tuple[str, ...]] = _sections()
"""The keys of every section."""

KEYS: tuple[Key, ...] = tuple((section, key) for section, keys in SECTIONS.items() for key in keys)
STACK_SECTIONS: tuple[str, ...] = tuple(Settings.model_fields)
"""The sections that a stack may override."""


class Source(StrEnum):
    """Where a value was set; a later source takes precedence."""

    DEFAULT = "default"
    FILE = "file"
    VARIABLE = "variable"
    FLAG = "flag"
    STACK = "stack"


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """One value and where it was set."""

    value: Any
    """As it was read; pydantic makes of it what the setting is."""
    source: Source
    where: str
    """As its giver would look for it: "recursor.toml:4", "RECURSOR_DATA", "--agents"."""


Layer = Mapping[Key, SourcedValue]
"""The values of one source."""


def checked(layer: Layer) -> Layer:
    """Return `layer`, whose keys are known, after a look whether every value of it can be used.

    Raises:
        InvalidInputError: one cannot; the text names where it was given, its key, the value and what it
            should be.
    """
    for (section, key), given in layer.items():
        try:
            read = AllSettings.model_validate({section: {key: given.value}})
        except ValidationError as error:
            raise InvalidInputError.explaining(given.where, error) from None
        with _from(given):
            check_names(_values(read, section, key))
    return layer


def check_likely_roles(layer: Layer) -> None:
    """Refuse what is set by role in `layer`, which has been checked, where that looks like a slip of the pen.

    Raises:
        InvalidInputError: there is no such role; the text names where it was given, and the nearest.
    """
    for (section, key), given in layer.items():
        if (section, key) in BY_ROLE:
            read = AllSettings.model_validate({section: {key: given.value}})
            with _from(given):
                check_roles(_values(read, section, key))


@contextmanager
def _from(given: SourcedValue) -> Iterator[None]:
    """Say where it was given what cannot be."""
    try:
        yield
    except InvalidInputError as error:
        raise InvalidInputError(f"{given.where}: {error}") from None


def _values(settings: AllSettings, section: str, key: str) -> Overrides:
    return {section: {key: getattr(getattr(settings, section), key)}}


def overriding(overrides: Overrides, source: Source, where: str) -> Layer:
    """Return overrides (section → key → value) as a layer; `where` is what they were given with."""
    return {
        (section, key): SourcedValue(value, source, where)
        for section, values in overrides.items()
        for key, value in values.items()
    }


def merged(layers: list[Layer]) -> dict[str, dict[str, JsonValue]]:
    """Return the values of all layers, those of later ones in place of those of earlier ones."""
    values: dict[str, dict[str, JsonValue]] = {}
    for layer in layers:
        for (section, key), given in layer.items():
            values.setdefault(section, {})[key] = given.value
    return values
