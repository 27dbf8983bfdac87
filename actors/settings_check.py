"""Checks whether a runner and its stacks can run with their settings."""

import contextlib
from collections.abc import Collection

from recursor.agents.model.addresses import ModelAddresses
from recursor.agents.model.model_checks import CHOICES, check_choice, check_given
from recursor.domain.errors import InvalidInputError
from recursor.domain.hosts import is_private
from recursor.domain.settings import Overrides, RunnerSettings, Settings
from recursor.domain.stack import Stack
from recursor.orchestration.stack_commands import merged
from recursor.storage.budgets import limited
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Store


class StackSettingsCheck:
    """A `recursor.orchestration.stack_commands.SettingsCheck`, for the stacks of one orchestrator."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        runner: RunnerSettings,
        roles: Collection[str] | None,
        addresses: ModelAddresses | None = None,
    ) -> None:
        """Check against the settings of all stacks.

        Args:
            store: holds limits that were set while a runner was up.
            settings: the runner's settings for stacks.
            runner: the runner's own settings.
            roles: the team's roles; None if the team is unknown.
            addresses: the allowed addresses for models; None: any.
        """
        self._store = store
        self._settings = settings
        self._runner = runner
        self._roles = roles
        self._addresses = addresses

    def of_runner(self) -> None:
        """Check the runner's own settings.

        Raises:
            InvalidInputError: a setting is invalid.
        """
        given = {**self._settings.model_dump(), "runner": self._runner.model_dump()}
        check_given(given, lambda: self._roles)
        # If an account cannot be read, no call is made anyway, and people can still start the runner to fix
        # it.
        limits = self._runner
        with contextlib.suppress(CorruptRecordError):
            limits = self._limits()
        check_choice(self._settings, limits)

    def of_new(self, stack: Stack) -> None:
        """Check the settings of a new stack.

        Raises:
            InvalidInputError: a setting is invalid.
        """
        if stack.settings:
            check_choice(self._settings.overridden(stack.settings), self._limits())
            check_given(stack.settings, lambda: self._roles)
            self._check_address(stack.settings)
            self._check_hosts(stack.settings)

    def __call__(self, changes: Overrides, kept: Overrides) -> None:
        """Check a change of a stack's settings; see the protocol."""
        check_given(changes, lambda: self._roles, kept)
        self._check_address(changes)
        self._check_hosts(changes)
        if CHOICES & changes.keys():
            check_choice(self._settings.overridden(merged(kept, changes)), self._limits())

    def _check_address(self, given: Overrides) -> None:
        url = given.get("model", {}).get("base_url")
        if isinstance(url, str) and self._addresses is not None:
            self._addresses.check(url)

    def _check_hosts(self, given: Overrides) -> None:
        """Refuse private addresses that the runner's operator has not named: they are behind its firewall."""
        hosts = given.get("workspace", {}).get("hosts")
        if self._addresses is None or not isinstance(hosts, list | tuple):
            return
        allowed = self._settings.workspace.hosts
        for text in map(str, hosts):
            if text not in allowed and is_private(text):
                raise InvalidInputError(
                    f"workspace.hosts: {text} is a private address: the runner's operator allows it with the "
                    "same setting in recursor.toml"
                )

    def _limits(self) -> RunnerSettings:
        with self._store.read() as reader:
            return limited(reader, self._runner)
