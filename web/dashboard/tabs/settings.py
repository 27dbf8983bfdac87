"""The tab of the settings: the team's name, thresholds, intervals and limits, and its deletion."""

from pydantic import JsonValue

from recursor.actors.messages import ConfigureStack
from recursor.domain.errors import InvalidInputError
from recursor.domain.stack import Stack, StackKind
from recursor.domain.wording import plural
from recursor.storage.stacks import read_stack
from recursor.web.dashboard.parts import Box, Button, Section, Span, Unsaved
from recursor.web.dashboard.tabs.deletion import Deletion
from recursor.web.dashboard.tabs.rename_form import RenameForm
from recursor.web.dashboard.tabs.setting import all_settings
from recursor.web.dashboard.tabs.setting_field import SettingField
from recursor.web.dashboard.team.tab import Tab

_TITLES = {
    "detection": "Finding work",
    "pause": "Pauses",
    "limits": "Limits",
    "retention": "History",
    "loop": "Repetition",
    "approve": "Approvals",
}

# Sections that mean nothing to a team that makes a page.
_OF_REPOSITORIES = ("workspace", "agent")


class SettingsTab(Tab):
    """Shows the team's effective settings; several changes are saved together, and only the changed ones."""

    slug, title, icon = "settings", "Settings", "sliders"

    def build(self) -> None:
        """See `Tab.build`."""
        self._fields: list[SettingField] = []
        with self.team.read() as reader:
            stack = read_stack(reader, self.team.id)
        given = stack.settings
        self._unsaved = Unsaved()
        self._naming = RenameForm(self.team, stack.name, self._tell)
        runner = self.team.engine.settings
        for name, (about, settings) in all_settings().items():
            if stack.kind is StackKind.PAGE and name in _OF_REPOSITORIES:
                continue
            with Section(_TITLES.get(name, name.capitalize())) as section:
                with section.head:
                    Span(about, "muted")
                with Box(classes="card settings"):
                    self._fields += [SettingField(each, given, runner, self._tell) for each in settings]
        with Box(classes="settings-bar", role="region", aria_label="Unsaved changes") as self._bar:
            self._said = Span("", "settings-said", role="status")
            with Box(classes="buttons"):
                Button("Discard", self._discard, kind="plain")
                self._saving = Button("Save", self._save, kind="primary")
        self._deleting = Deletion(self.team)
        self.refresh()

    def refresh(self) -> None:
        """See `Tab.refresh`."""
        with self.team.read() as reader:
            stack = read_stack(reader, self.team.id)
        self._show(stack)

    def _show(self, stack: Stack, *, afresh: bool = False) -> None:
        for field in self._fields:
            field.show(stack.settings, self.team.engine.settings, afresh=afresh)
        self._naming.show(stack)
        self._deleting.show(stack)
        self._tell()

    def _tell(self) -> None:
        changed = [field for field in self._fields if field.changed]
        wrong = [field for field in changed if field.problem]
        self._bar.set_visibility(bool(changed))
        said = f"{plural(len(changed), 'unsaved change')}"
        self._said.text = f"{said}, {len(wrong)} invalid" if wrong else said
        lost = [said] * bool(changed) + ["The new name is unsaved"] * self._naming.changed
        self._unsaved.ask(f"{'. '.join(lost)}. Leave without saving?" if lost else "")

    def _discard(self) -> None:
        for field in self._fields:
            field.discard()
        self._tell()

    async def _save(self) -> None:
        changes: dict[str, dict[str, JsonValue]] = {}
        for field in [each for each in self._fields if each.changed]:
            try:
                changes.setdefault(field.setting.section, {})[field.setting.key] = field.change()
            except InvalidInputError:
                # The field already shows its error.
                field.focus()
                return
        if not changes:
            return
        self._saving.say("Saving…", busy=True)
        message = ConfigureStack(self.team.id, changes)
        saved = await self.team.ask(message, "Saved. Takes effect at the team's next check.")
        self._saving.say("Save")
        if isinstance(saved, Stack):
            self._show(saved, afresh=True)
