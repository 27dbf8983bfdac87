"""Any valid record of any type, for hypothesis: made from a seed, after the fields that the type declares.

Hypothesis could draw every field itself; a hundred drawn fields a record take it a hundred times as long.
"""

import re
import types
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MinLen
from hypothesis import strategies as st
from pydantic import JsonValue, StringConstraints

from recursor.domain.core_record import AnyRecord, model_of

_CHARACTERS = "abcXYZ 019_-/.\"'\\<>&äßéİ√庭園🌱\u0301\u200d\ufeff"


def records(kind: type[AnyRecord]) -> st.SearchStrategy[Any]:
    """Return a strategy for valid records of a type."""
    return st.integers(0, 2**32).map(lambda seed: make_record(kind, Random(seed)))


def make_record(kind: type[AnyRecord], random: Random) -> Any:
    """Return a record with something valid in every field."""
    fields = {
        name: _value(field.annotation, tuple(field.metadata), random)
        for name, field in model_of(kind).model_fields.items()
    }
    return kind(**fields)


def _value(kind: Any, limits: tuple[Any, ...], random: Random) -> Any:  # noqa: PLR0911
    origin, inner = get_origin(kind), get_args(kind)
    if kind is JsonValue:
        return _json(random)
    if origin is Annotated:
        inner_limits = [limit for each in inner[1:] for limit in getattr(each, "metadata", [each])]
        return _value(inner[0], (*limits, *inner_limits), random)
    if origin is Literal:
        return random.choice(inner)
    if origin in (types.UnionType, Union):
        return _value(random.choice(inner), limits, random)
    if origin is tuple and inner[-1] is Ellipsis:
        return tuple(_value(inner[0], (), random) for _ in range(random.randrange(4)))
    if origin is tuple:
        return tuple(_value(each, (), random) for each in inner)
    if origin is Mapping:
        return {
            _value(inner[0], (), random): _value(inner[1], (), random) for _ in range(random.randrange(3))
        }
    if issubclass(kind, AnyRecord):
        return make_record(kind, random)
    if issubclass(kind, Enum):
        return random.choice(list(kind))
    return _scalar(kind, limits, random)


def _scalar(kind: type, limits: tuple[Any, ...], random: Random) -> Any:  # noqa: PLR0911
    if kind is str:
        return _text(limits, random)
    if kind is bool:
        return random.random() < 0.5
    if kind is int:
        return random.choice(
            [low := _limit(limits, "ge", 0), random.randint(low, _limit(limits, "le", 2**63))]
        )
    if kind is float:
        least = 1e-6 if any(isinstance(each, Gt) for each in limits) else 0.0
        most = float(_limit(limits, "le", 4_000_000_000))
        return random.choice([least, random.uniform(least, most), min(most, 1_700_000_000.123456)])
    if kind is Decimal:
        return Decimal(random.randrange(10**9)).scaleb(-random.randrange(12))
    if kind is Path:
        return Path("data", f"{random.randrange(100)}")
    assert kind is type(None), f"say here how to make a {kind}"
    return None


def _text(limits: tuple[Any, ...], random: Random) -> str:  # noqa: PLR0911
    pattern = next((each.pattern for each in limits if getattr(each, "pattern", None)), None)
    if isinstance(pattern, str) and "scripted" in pattern:
        return random.choice(["scripted", "openai:gpt-4o-mini", "local:model.gguf"])
    if isinstance(pattern, str) and (digits := re.fullmatch(r"\^\[0-9a-f\]\{(\d+)(,\d+)?\}\$", pattern)):
        return "".join(random.choices("0123456789abcdef", k=int(digits[1])))
    if isinstance(pattern, str) and r":\[\]" in pattern:
        return random.choice(["pypi.org", "192.168.1.20:8000", "[2001:db8::1]:8000"])
    if isinstance(pattern, str) and "acp" in pattern:
        return random.choice(["model", "acp:opencode", "command:./scripts/build"])
    if isinstance(pattern, str) and "http" in pattern:
        return "http://127.0.0.1:8080/v1"
    if isinstance(pattern, str) and "a-z" in pattern:
        return "r" + "".join(random.choices("abcxyz019_-", k=random.randrange(40)))
    text = "".join(random.choices(_CHARACTERS, k=random.choice([0, 1, 5, 40])))
    if any(isinstance(each, StringConstraints | MinLen) for each in limits):
        return text.strip() or "x"
    return text


def _limit(limits: tuple[Any, ...], name: str, otherwise: int) -> int:
    return next(
        (getattr(each, name) for each in limits if isinstance(each, Ge | Le) and hasattr(each, name)),
        otherwise,
    )


def _json(random: Random, depth: int = 2) -> Any:
    scalars: list[Any] = [None, True, False, 0, -(2**63), 2**64 - 1, 0.1, -1e300, "", _text((), random)]
    if depth and random.random() < 0.4:
        inner = [_json(random, depth - 1) for _ in range(random.randrange(3))]
        return random.choice([inner, {_text((), random): each for each in inner}])
    return random.choice(scalars)
