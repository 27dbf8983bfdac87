"""A stack's settings in requests: described key by key, with numbers only where they belong."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, GetJsonSchemaHandler, JsonValue
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from recursor.agents.model.model_checks import PROVIDERS
from recursor.domain.settings import MODEL_PATTERN, SCRIPTED, Overrides, Settings

_MODELS = rf"^({SCRIPTED}|({'|'.join(sorted(PROVIDERS))}):[!-~]+)$"


@cache
def settings_schema(*, taken_back: bool) -> dict[str, Any]:
    """Return the JSON Schema of overrides: any of the settings, by section and key.

    Args:
        taken_back: whether null removes an override.
    """
    whole = Settings.model_json_schema()
    definitions = whole.get("$defs", {})
    sections = {}
    for name, section in whole["properties"].items():
        reference = section.get("$ref") or section["allOf"][0]["$ref"]
        keys = _tight(definitions[reference.rpartition("/")[2]]["properties"])
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


def _tight(schema: Any) -> Any:
    """Return a stricter schema: decimals as numbers, keys with the pattern."""
    if isinstance(schema, list):
        return [_tight(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    tight = {key: _tight(value) for key, value in schema.items()}
    if tight.get("pattern") == MODEL_PATTERN:
        tight["pattern"] = _MODELS
    if "patternProperties" in tight:
        tight.setdefault("additionalProperties", False)
    kinds = [each.get("type") for each in tight.get("anyOf", ())]
    if "number" in kinds:
        tight["anyOf"] = [each for each in tight["anyOf"] if each.get("type") != "string"]
    return tight


def _numbers_where_they_belong(changes: Overrides) -> Overrides:
    """Refuse values that only a person may type for a number, not a program: "5" or true.

    Raises:
        ValueError: there is such a value.
    """
    schema = settings_schema(taken_back=False)
    for section, values in changes.items():
        known = schema["properties"].get(section, {}).get("properties", {})
        for key, value in values.items():
            loose = _loose(value, known.get(key, {}))
            if loose is not None:
                raise ValueError(f"{section}.{key}: should be a number (got {str(loose)[:60]!r})")
    return changes


def _loose(value: JsonValue, schema: Mapping[str, Any]) -> JsonValue:
    """Return the first value in `value` that stands for a number but is none, or None."""
    if isinstance(value, dict):
        inner: Mapping[str, Any] = next(iter(schema.get("patternProperties", {}).values()), {})
        return next((each for each in (_loose(v, inner) for v in value.values()) if each is not None), None)
    kinds = {schema.get("type"), *(each.get("type") for each in schema.get("anyOf", ()))}
    is_number = bool(kinds & {"number", "integer"})
    own = "boolean" if isinstance(value, bool) else "string"
    return value if is_number and isinstance(value, bool | str) and own not in kinds else None


@dataclass(frozen=True, slots=True)
class _Described:
    """Describes overrides on demand: making their schema takes long."""

    taken_back: bool

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        del schema, handler
        return settings_schema(taken_back=self.taken_back)


_Changes = Annotated[Mapping[str, Mapping[str, JsonValue]], AfterValidator(_numbers_where_they_belong)]
NewSettings = Annotated[_Changes, _Described(taken_back=False)]
SettingsPatch = Annotated[_Changes, _Described(taken_back=True)]
