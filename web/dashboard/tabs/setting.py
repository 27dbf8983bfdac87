"""The settings, and how a person types each."""

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import JsonValue
from pydantic.fields import FieldInfo

from recursor.domain.errors import InvalidInputError
from recursor.domain.record import Record, described_fields
from recursor.domain.settings import Settings
from recursor.domain.workspace import CheckCommand

# Names with a special spelling.
_SPELLED = {"ttl": "TTL", "url": "URL"}

# Thousands separated by commas. Any other comma may mean 0.5 or 5, so it is not guessed.
_GROUPED = re.compile(r"[+-]?\d{1,3}([,\s]\d{3})+(\.\d+)?")


class SettingKind(Enum):
    """The way a value is typed."""

    NUMBER = "number"
    TEXT = "text"
    WORDS = "words"
    """A list of words, separated by commas."""
    LINES = "lines"
    """A list of commands, one on each line."""
    CHOICE = "choice"
    """One of a few words."""
    JSON = "json"
    """Structured values: names with a value each."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, with its description."""

    section: str
    key: str
    help: str
    kind: SettingKind
    optional: bool
    """Whether it may be left empty."""
    example: str = ""
    """An example, if the form is not obvious."""
    choices: tuple[str, ...] = ()
    """The words of a choice."""

    @property
    def title(self) -> str:
        """Its name for people."""
        words = [_SPELLED.get(word, word) for word in self.key.split("_")]
        return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])

    def told(self, value: object) -> str:
        """Return a value as text for the field."""
        if value is None:
            return ""
        if self.kind is SettingKind.JSON:
            if not value:
                return ""
            return json.dumps(value, ensure_ascii=False, default=_plain)
        if isinstance(value, list | tuple):
            return ("\n" if self.kind is SettingKind.LINES else ", ").join(map(str, value))
        return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)

    def read(self, text: str) -> JsonValue:
        """Return the value of a person's text; None if it is empty.

        Raises:
            InvalidInputError: it must be a number or JSON, and is not.
        """
        text = text.strip()
        if not text and self.optional:
            return None
        match self.kind:
            case SettingKind.TEXT | SettingKind.CHOICE:
                return text
            case SettingKind.LINES:
                return [line for each in text.splitlines() if (line := each.strip())]
            case SettingKind.WORDS:
                return [word for each in text.replace("\n", ",").split(",") if (word := each.strip())]
            case SettingKind.JSON:
                try:
                    value: JsonValue = json.loads(text)
                except (ValueError, RecursionError):
                    raise InvalidInputError(
                        f"settings: {self.key}: must be JSON, such as {self.example}"
                    ) from None
                return value
            case SettingKind.NUMBER:
                try:
                    number = float(re.sub(r"[,\s]", "", text) if _GROUPED.fullmatch(text) else text)
                except ValueError:
                    raise InvalidInputError(f"settings: {self.key}: must be a number, such as 30") from None
                return int(number) if number.is_integer() else number

    def check(self, text: str) -> JsonValue:
        """Return the value of a person's text, validated.

        Raises:
            InvalidInputError: it is invalid.
        """
        value = self.read(text)
        if value is not None:
            Settings().overridden({self.section: {self.key: value}})
        return value


def all_settings() -> dict[str, tuple[str, list[Setting]]]:
    """Return section → its description and its settings."""
    found = {}
    defaults = Settings()
    for name in Settings.model_fields:
        section: type[Record] = type(getattr(defaults, name))
        described = described_fields(section)
        settings = [
            _setting(name, key, field, described.get(key, "")) for key, field in section.model_fields.items()
        ]
        found[name] = (inspect.cleandoc(section.__doc__ or "").partition("\n")[0], settings)
    return found


def _setting(section: str, key: str, field: FieldInfo, description: str) -> Setting:
    help_ = description.replace("`", "")
    kind, optional = _kind(field.annotation)
    setting = Setting(section, key, help_, kind, optional)
    if kind is SettingKind.NUMBER:
        return setting
    if kind is SettingKind.CHOICE:
        choices = tuple(map(str, get_args(field.annotation)))
        return replace(
            setting, choices=choices, example=choices[0], help=f"{help_} One of: {', '.join(choices)}."
        )
    if kind is SettingKind.WORDS and CheckCommand in get_args(field.annotation):
        # A command may contain commas.
        setting = replace(setting, kind=SettingKind.LINES, help=f"{help_} One on each line.")
    example = setting.told((field.examples or [""])[0])
    none = "" if field.default else "; empty: none"
    if kind is SettingKind.JSON:
        none = "; other roles have what all teams have"
    help_ = setting.help
    told = help_ if example in help_ else f"{help_} For example {example}{none}."
    return replace(setting, help=told, example=example)


def _kind(annotation: object) -> tuple[SettingKind, bool]:
    """Return how values of a type are typed, and whether they may be empty."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    kinds = [get_args(each)[0] if get_origin(each) is Annotated else each for each in parts]
    if get_origin(annotation) is Literal:
        return SettingKind.CHOICE, False
    optional = NoneType in kinds
    shapes = {get_origin(each) or each for each in kinds} - {NoneType}
    if shapes <= {int, float, Decimal}:
        return SettingKind.NUMBER, optional
    if shapes == {tuple}:
        return SettingKind.WORDS, optional
    # Values by role override those of all teams; empty means that the team has none of its own.
    return (SettingKind.TEXT, optional) if shapes <= {str, Path} else (SettingKind.JSON, True)


def _plain(value: object) -> JsonValue:
    return dict(value) if isinstance(value, Mapping) else str(value)
