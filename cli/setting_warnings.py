"""Warnings about settings that are allowed but probably wrong."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from recursor.agents.model.model_checks import keyed_providers, likely_mistakes
from recursor.cli.output import complain
from recursor.client.synchronous import Client
from recursor.domain.errors import RecursorError
from recursor.domain.settings import Settings
from recursor.orchestration.role_names import unchecked_roles


def warn_of_settings(client: Client, settings: Mapping[str, Any]) -> None:
    """Warn of models with unlikely names or without a key, and of roles that cannot be checked here.

    Args:
        client: asks the runner that will use them.
        settings: the stack's own.
    """
    if section := settings.get("model"):
        for line in likely_mistakes(Settings().overridden({"model": section}), _keyed(client)):
            complain(line)
    if not client.endpoint.knows_roles():
        for line in unchecked_roles(settings):
            complain(line)


def _keyed(client: Client) -> frozenset[str] | None:
    """Return the providers for which the runner, or one started here, has a key."""
    with suppress(RecursorError):
        if not client.endpoint.has_runner():
            return keyed_providers()
        keyed = client.condition().keyed
        return None if keyed is None else frozenset(keyed)
    return None
