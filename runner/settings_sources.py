"""Settings with their sources: a file, a variable, a flag or a stack."""

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
    """All sections: those that a stack may override, `runner` and `sql`."""

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
    """The source of a value; later ones take precedence."""

    DEFAULT = "default"
    FILE = "file"
    VARIABLE = "variable"
    FLAG = "flag"
    STACK = "stack"


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """One value and its source."""

    value: Any
    """As read; pydantic converts it to the setting's type."""
    source: Source
    where: str
    """The source in the user's terms: "recursor.toml:4", "RECURSOR_DATA", "--agents"."""


Layer = Mapping[Key, SourcedValue]
"""The values of one source."""


def checked(layer: Layer) -> Layer:
    """Return `layer`, whose keys are known, after checking all its values.

    Raises:
        InvalidInputError: a value is invalid; the text names its source, the key, the value and the expected
            form.
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
    """Refuse settings by role in the checked `layer` whose role is probably misspelt.

    Raises:
        InvalidInputError: there is no such role; the text names the source and the nearest role.
    """
    for (section, key), given in layer.items():
        if (section, key) in BY_ROLE:
            read = AllSettings.model_validate({section: {key: given.value}})
            with _from(given):
                check_roles(_values(read, section, key))


@contextmanager
def _from(given: SourcedValue) -> Iterator[None]:
    """Add the source to errors."""
    try:
        yield
    except InvalidInputError as error:
        raise InvalidInputError(f"{given.where}: {error}") from None


def _values(settings: AllSettings, section: str, key: str) -> Overrides:
    return {section: {key: getattr(getattr(settings, section), key)}}


def overriding(overrides: Overrides, source: Source, where: str) -> Layer:
    """Return overrides (section → key → value) as a layer; `where` is their source."""
    return {
        (section, key): SourcedValue(value, source, where)
        for section, values in overrides.items()
        for key, value in values.items()
    }


def merged(layers: list[Layer]) -> dict[str, dict[str, JsonValue]]:
    """Return the values of all layers; later layers override earlier ones."""
    values: dict[str, dict[str, JsonValue]] = {}
    for layer in layers:
        for (section, key), given in layer.items():
            values.setdefault(section, {})[key] = given.value
    return values
