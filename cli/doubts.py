"""Tells a person what is allowed of models, and hardly meant."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from recursor.agents.model.model_checks import doubts, keyed_providers
from recursor.cli.output import complain
from recursor.client.synchronous import Client
from recursor.domain.errors import RecursorError
from recursor.domain.settings import Settings
from recursor.orchestration.role_names import doubted_roles


def doubt_settings(client: Client, settings: Mapping[str, Any]) -> None:
    """Complain about models that are named wrongly, it seems, or that there is no key for, and about roles of
    which nobody here can tell.

    Args:
        client: the place whose runner is to ask them.
        settings: a stack's own.
    """
    if section := settings.get("model"):
        for line in doubts(Settings().overridden({"model": section}), _keyed(client)):
            complain(line)
    if not client.place.knows_roles():
        for line in doubted_roles(settings):
            complain(line)


def _keyed(client: Client) -> frozenset[str] | None:
    """Return the providers that the runner has a key for, or one started here would have."""
    with suppress(RecursorError):
        if not client.place.has_runner():
            return keyed_providers()
        keyed = client.condition().keyed
        return None if keyed is None else frozenset(keyed)
    return None
