"""Settings of one stack in requests: described key by key, and numbers only where numbers belong."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, JsonValue, WithJsonSchema

from recursor.domain.settings import Overrides, Settings


def settings_schema(*, taken_back: bool) -> dict[str, Any]:
    """Return the JSON Schema of overrides: any of the settings, by section and key.

    Args:
        taken_back: whether null takes an override back.
    """
    whole = Settings.model_json_schema()
    definitions = whole.get("$defs", {})
    sections = {}
    for name, section in whole["properties"].items():
        reference = section.get("$ref") or section["allOf"][0]["$ref"]
        keys = definitions[reference.rpartition("/")[2]]["properties"]
        sections[name] = {
            "type": "object",
            "additionalProperties": False,
            "properties": {key: _nullable(value) if taken_back else value for key, value in keys.items()},
        }
    return {"type": "object", "additionalProperties": False, "properties": sections}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        key: schema[key] for key in ("title", "description", "default") if key in schema
    }
    rest = {key: value for key, value in schema.items() if key not in described}
    return {"anyOf": [rest, {"type": "null"}], **described}


def _numbers_where_they_belong(changes: Overrides) -> Overrides:
    """Refuse what a person's typing may mean and a program's may not: "5" or true for a number.

    Raises:
        ValueError: there is such a value.
    """
    for section, values in changes.items():
        defaults = getattr(Settings(), section, None)
        for key, value in values.items():
            default = getattr(defaults, key, None)
            number = isinstance(default, int | float) and not isinstance(default, bool)
            if number and isinstance(value, bool | str):
                raise ValueError(f"{section}.{key}: should be a number (got {str(value)[:60]!r})")
    return changes


_Changes = Annotated[Mapping[str, Mapping[str, JsonValue]], AfterValidator(_numbers_where_they_belong)]
NewSettings = Annotated[_Changes, WithJsonSchema(settings_schema(taken_back=False))]
SettingsPatch = Annotated[_Changes, WithJsonSchema(settings_schema(taken_back=True))]
