"""Tells a person of a model's name that looks like a slip of the pen."""

from collections.abc import Mapping

from pydantic import JsonValue

from recursor.agents.model.choice import doubts
from recursor.cli.output import complain
from recursor.domain.settings import Settings


def doubt_models(changes: Mapping[str, Mapping[str, JsonValue]]) -> None:
    """Complain about each model among changed settings that is not known but looks like one that is."""
    section = {key: value for key, value in changes.get("model", {}).items() if value is not None}
    if section:
        for line in doubts(Settings().overridden({"model": section})):
            complain(line)
