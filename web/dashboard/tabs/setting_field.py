"""One setting of a team: its effective value, the team's own value, and a person's input."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import JsonValue

from recursor.domain.errors import InvalidInputError
from recursor.domain.settings import Overrides, Settings
from recursor.web.dashboard.field_error import field_error
from recursor.web.dashboard.parts import Box, Button, Field, Notice, Span
from recursor.web.dashboard.parts.field import Kind
from recursor.web.dashboard.tabs.setting import Setting, SettingKind

_CONTROLS: Mapping[SettingKind, Kind] = {
    SettingKind.WORDS: "area",
    SettingKind.LINES: "area",
    SettingKind.CHOICE: "select",
}


class SettingField:
    """A setting to read and change, with its error and the source of its value."""

    def __init__(
        self, setting: Setting, overrides: Overrides, runner: Settings, on_change: Callable[[], None]
    ) -> None:
        """Build it.

        Args:
            setting: the setting.
            overrides: the team's own settings.
            runner: the settings of all teams.
            on_change: called after a person changed it.
        """
        self.setting = setting
        self._on_change = on_change
        self._base, self._default, self._overridden = self._holds(overrides, runner)
        self._taking_back = False
        self._problem: str | None = None
        with Box(classes="setting") as self._box:
            self._field = Field(
                setting.title, _CONTROLS.get(setting.kind, "text"), value=self._base, hint=setting.help,
                placeholder=setting.example, rows=4, options={each: each for each in setting.choices},
                on_change=self._changed,
            )  # fmt: skip
            with Box(classes="setting-about"):
                self._mark = Span("", "setting-mark")
                self._back = Button(
                    "Use the default",
                    self._take_back,
                    kind="plain",
                    label=f"Use the default: {setting.title}",
                )
            self._meanwhile = Notice("", "warn")
            self._meanwhile.set_visibility(False)

    @property
    def problem(self) -> str | None:
        """The error of the input."""
        return self._problem

    @property
    def changed(self) -> bool:
        """Whether a person has changed it but not saved it."""
        return self._taking_back or self._field.value != self._base

    def change(self) -> JsonValue:
        """Return the value to save, or None to remove the override."""
        return None if self._taking_back else self.setting.check(self._field.value)

    def show(self, overrides: Overrides, runner: Settings, *, afresh: bool = False) -> None:
        """Show the current value. Unsaved input stays, with a note if the value changed meanwhile.

        Args:
            overrides: the team's own settings.
            runner: the settings of all teams.
            afresh: whether to discard unsaved input.
        """
        now, default, overridden = self._holds(overrides, runner)
        typed = self.changed and not afresh
        moved = (now, overridden) != (self._base, self._overridden)
        self._default = default
        if typed and moved:
            said = f"Another person set it to {now or 'none'}. Saving overwrites that change."
            self._meanwhile.say(said, "warn")
            self._meanwhile.set_visibility(True)
        elif not typed:
            self._meanwhile.set_visibility(False)
            if self._field.value != now:
                self._field.value = now
            self._taking_back = False
            self._complain(None)
        self._base, self._overridden = now, overridden
        self._say()

    def _holds(self, overrides: Overrides, runner: Settings) -> tuple[str, str, bool]:
        """Return the team's value, the default, and whether the two may differ."""
        setting = self.setting
        given: Mapping[str, Any] = overrides.get(setting.section, {})
        default = setting.told(getattr(getattr(runner, setting.section), setting.key))
        if setting.kind is SettingKind.JSON:
            # It is merged with the value of all teams, role by role: theirs must not become this team's own.
            own = given.get(setting.key)
            return setting.told(own), default, bool(own)
        overridden = setting.key in given
        return setting.told(given[setting.key]) if overridden else default, default, overridden

    @property
    def _without(self) -> str:
        """The field's text if the team has no value of its own."""
        return "" if self.setting.kind is SettingKind.JSON else self._default

    def discard(self) -> None:
        """Discard unsaved input."""
        self._taking_back = False
        self._field.value = self._base
        self._complain(None)
        self._meanwhile.set_visibility(False)
        self._say()

    def focus(self) -> None:
        """Give it the keyboard's focus."""
        self._field.focus()

    def _changed(self, text: str) -> None:
        self._taking_back = False
        try:
            if text != self._base:
                self.setting.check(text)
            self._complain(None)
        except InvalidInputError as error:
            self._complain(field_error(error, text))
        self._say()
        self._on_change()

    def _take_back(self) -> None:
        self._field.value = self._without
        self._taking_back = self._overridden
        self._complain(None)
        self._say()
        self._on_change()

    def _complain(self, problem: str | None) -> None:
        self._problem = problem
        self._field.complain(problem)

    def _say(self) -> None:
        kind, said = self._standing()
        self._mark.text = said
        if self._box._props.get("data-kind") != kind:
            self._box._props["data-kind"] = kind
        other = self._overridden or self._field.value != self._without
        self._back.set_visibility(other and not self._taking_back)

    def _standing(self) -> tuple[str, str]:
        if self._taking_back:
            return "changed", "Unsaved: use the default"
        if self.changed:
            return "changed", f"Unsaved; now: {self._base or 'none'}"
        if self._overridden:
            return "own", f"Set for this team; default: {self._default or 'none'}"
        if self.setting.kind is SettingKind.JSON and self._default:
            return "default", f"All teams: {self._default}"
        return "default", "Default" if self._default else "Not given"
