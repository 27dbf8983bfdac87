"""The effective settings: defaults, then a file, then variables, then flags; with their sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import JsonValue

from recursor.domain.errors import InvalidInputError
from recursor.domain.process_settings import ProcessSettings, SqlSettings
from recursor.domain.settings import Settings
from recursor.domain.stack import Stack
from recursor.runner.settings_file import FILE_NAME, read_settings_file
from recursor.runner.settings_sources import (
    DEFAULTS,
    KEYS,
    STACK_SECTIONS,
    AllSettings,
    Layer,
    Source,
    SourcedValue,
    check_likely_roles,
    checked,
    merged,
    overriding,
)
from recursor.runner.settings_variables import CONFIG, TOKEN, read_variables

# More than any token; a file named by mistake is not read completely.
_LONGEST_TOKEN = 4096

HIDDEN = "(hidden)"
"""Shown in place of a token."""


@dataclass(frozen=True, slots=True)
class Effective:
    """One effective setting."""

    section: str
    key: str
    value: JsonValue
    default: JsonValue
    source: Source
    where: str | None
    """Its source; None for a default."""


class Configuration:
    """The merged settings of all sources."""

    def __init__(self, *layers: Layer, token: str | None = None) -> None:
        """Put layers over the defaults.

        Args:
            layers: the settings of each source; later ones override earlier ones.
            token: the token, from the environment.

        Raises:
            InvalidInputError: a value is invalid, even if a later layer overrides it.
        """
        self._layers = [checked(layer) for layer in layers]
        self._token = token
        if self._team() is None:
            # The roles of a custom team are known only when it is loaded: when something is set by role, and
            # when a runner starts, which may get its team only then.
            for layer in self._layers:
                check_likely_roles(layer)

    def _team(self) -> object:
        given = [layer["runner", "team"].value for layer in self._layers if ("runner", "team") in layer]
        return given[-1] if given else None

    @cached_property
    def _all(self) -> AllSettings:
        return AllSettings.model_validate(merged(self._layers))

    @cached_property
    def settings(self) -> Settings:
        """The settings of stacks without overrides."""
        return Settings(**{section: getattr(self._all, section) for section in STACK_SECTIONS})

    @property
    def runner(self) -> ProcessSettings:
        """The settings of a runner."""
        return self._all.runner

    @property
    def sql(self) -> SqlSettings:
        """The limits of an SQL query."""
        return self._all.sql

    def token(self) -> str | None:
        """Return the token that clients must show, from RECURSOR_TOKEN or the token file, or None.

        Raises:
            InvalidInputError: the file cannot be read, or holds no token.
        """
        if self._token:
            return self._token
        path = self.runner.token_file
        return None if path is None else _read_token(path)

    def with_flags(self, *flags: Layer) -> Configuration:
        """Return this with more layers over it.

        Raises:
            InvalidInputError: a value cannot be used.
        """
        return Configuration(*self._layers, *flags, token=self._token)

    def effective(self, stack: Stack | None = None) -> Iterator[Effective]:
        """Yield every effective setting, for all stacks or with the overrides of one; last, whether there is
        a token.

        Raises:
            InvalidInputError: one of the stack's overrides is no longer valid.
        """
        overrides: Layer = {}
        everything = self._all
        if stack is not None:
            overrides = overriding(stack.settings, Source.STACK, f"stack {stack.name}")
            settings = self.settings.overridden(stack.settings)
            everything = everything.but(**{name: getattr(settings, name) for name in STACK_SECTIONS})
        given: dict[tuple[str, str], SourcedValue] = {}
        for layer in (*self._layers, overrides):
            given.update(layer)
        values, defaults = everything.model_dump(mode="json"), DEFAULTS.model_dump(mode="json")
        for section, key in KEYS:
            found = given.get((section, key))
            yield Effective(
                section,
                key,
                values[section][key],
                defaults[section][key],
                Source.DEFAULT if found is None else found.source,
                None if found is None else found.where,
            )
        yield self._effective_token()

    def _effective_token(self) -> Effective:
        if self._token:
            return Effective("runner", "token", HIDDEN, None, Source.VARIABLE, TOKEN)
        path = self.runner.token_file
        if path is None:
            return Effective("runner", "token", None, None, Source.DEFAULT, None)
        return Effective("runner", "token", HIDDEN, None, Source.FILE, str(path))


def load_configuration(
    environment: Mapping[str, str], file: Path | None = None, *, directory: Path = Path()
) -> Configuration:
    """Read the settings file, if there is one, and the environment.

    Args:
        environment: the variables.
        file: the settings file; by default the one named by RECURSOR_CONFIG, or else `recursor.toml` if it
            exists.
        directory: where to look for `recursor.toml`; by default the current directory.

    Raises:
        InvalidInputError: an unknown key (the nearest is suggested), a bad value, or a named file that does
            not exist.
    """
    variables = read_variables(environment)
    named = file or (Path(environment[CONFIG]) if environment.get(CONFIG) else None)
    try:
        given = checked(read_settings_file(named or directory / FILE_NAME, must_exist=named is not None))
    except InvalidInputError as error:
        if named is not None:
            raise
        # A user who named no file may not know that there is one, or the current directory.
        raise InvalidInputError(f"{error} (in {directory.absolute()})") from None
    return Configuration(given, variables, token=environment.get(TOKEN))


def _read_token(path: Path) -> str:
    try:
        with path.open("rb") as file:
            token = file.read(_LONGEST_TOKEN + 1).decode("ascii").strip()
    except UnicodeDecodeError:
        raise InvalidInputError(f"runner.token_file: {path} is not text: a token has ASCII letters") from None
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"runner.token_file: {path} cannot be read: {error}: name a file with a token"
        ) from None
    if not token or len(token) > _LONGEST_TOKEN or not token.isprintable():
        raise InvalidInputError(
            f"runner.token_file: {path} does not contain one line with a token: write one, "
            "for instance with `openssl rand -hex 32`"
        )
    return token
