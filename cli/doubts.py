"""Tells a person what is allowed of models, and hardly meant."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from recursor.agents.model.model_checks import doubts, keyed_providers
from recursor.cli.output import complain
from recursor.domain.errors import RecursorError
from recursor.domain.settings import Settings
from recursor.orchestration.role_names import doubted_roles
from recursor.runner.access import Access


def doubt_settings(access: Access, settings: Mapping[str, Any]) -> None:
    """Complain about models that are named wrongly, it seems, or that there is no key for, and about roles of
    which nobody here can tell.

    Args:
        access: the place whose runner is to ask them.
        settings: a stack's own.
    """
    if section := settings.get("model"):
        for line in doubts(Settings().overridden({"model": section}), _keyed(access)):
            complain(line)
    if not access.knows_roles():
        for line in doubted_roles(settings):
            complain(line)


def _keyed(access: Access) -> frozenset[str] | None:
    """Return the providers that the runner has a key for, or one started here would have."""
    with suppress(RecursorError):
        condition = access.condition()
        if condition is not None:
            return None if condition.keyed is None else frozenset(condition.keyed)
        if not access.is_run():
            return keyed_providers()
    return None
