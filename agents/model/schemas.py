"""Schemas of answers and tools, converted to a provider's form once instead of for each request."""

from functools import lru_cache
from typing import Any

from pydantic_ai.models import Model
from pydantic_ai.profiles import JsonSchemaTransformer, ModelProfile
from pydantic_core import from_json, to_json

# Schemas kept: a team has a handful, and each of its tools has one.
MOST_KEPT = 256

Schema = dict[str, Any]


def remember_schemas(model: Model) -> None:
    """Make `model` convert each schema to its provider's form only once.

    Otherwise it happens four times per request, a tenth of the request's CPU time.
    """
    transformer = model.profile.get("json_schema_transformer")
    if transformer is not None:
        model.profile = ModelProfile({**model.profile, "json_schema_transformer": _remembering(transformer)})


def _remembering(transformer: type[JsonSchemaTransformer]) -> type[JsonSchemaTransformer]:
    @lru_cache(maxsize=MOST_KEPT)
    def walked(schema: bytes, strict: bool | None) -> tuple[bytes, bool]:
        walk = transformer(from_json(schema), strict=strict)
        # As bytes, so that no caller can change another's copy.
        return to_json(walk.walk()), walk.is_strict_compatible

    class Remembering(transformer):  # type: ignore[misc,valid-type]  # the class is known only here
        def __init__(self, schema: Schema, *, strict: bool | None = None) -> None:
            # The other methods take half of the time here, and are needed only for a walk.
            self.schema = schema
            self.strict = strict
            self.is_strict_compatible = True

        def walk(self) -> Schema:
            found, self.is_strict_compatible = walked(to_json(self.schema), self.strict)
            schema: Schema = from_json(found)
            return schema

    return Remembering
