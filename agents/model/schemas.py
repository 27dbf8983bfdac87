"""Schemas of answers and tools, put into a provider's form once, and not again for each request."""

from functools import lru_cache
from typing import Any

from pydantic_ai.models import Model
from pydantic_ai.profiles import JsonSchemaTransformer, ModelProfile
from pydantic_core import from_json, to_json

# Schemas that are kept: a team has a handful, and each of its tools has one.
MOST_KEPT = 256

Schema = dict[str, Any]


def remember_schemas(model: Model) -> None:
    """Have `model` put each schema into its provider's form once.

    It is otherwise done four times for each request, which is a tenth of what that takes of the processor.
    """
    transformer = model.profile.get("json_schema_transformer")
    if transformer is not None:
        model.profile = ModelProfile({**model.profile, "json_schema_transformer": _remembering(transformer)})


def _remembering(transformer: type[JsonSchemaTransformer]) -> type[JsonSchemaTransformer]:
    @lru_cache(maxsize=MOST_KEPT)
    def walked(schema: bytes, strict: bool | None) -> tuple[bytes, bool]:
        walk = transformer(from_json(schema), strict=strict)
        # As bytes, so that nobody can change what others are given.
        return to_json(walk.walk()), walk.is_strict_compatible

    class Remembering(transformer):  # type: ignore[misc,valid-type]  # whichever it is
        def __init__(self, schema: Schema, *, strict: bool | None = None) -> None:
            # What the others do here is half of the work, and is needed for a walk alone.
            self.schema = schema
            self.strict = strict
            self.is_strict_compatible = True

        def walk(self) -> Schema:
            found, self.is_strict_compatible = walked(to_json(self.schema), self.strict)
            schema: Schema = from_json(found)
            return schema

    return Remembering
