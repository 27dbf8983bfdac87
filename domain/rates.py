"""How much a provider may be asked."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from recursor.domain.record import Record

RateName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]*(:[!-~]+)?$", max_length=500)]
"""A provider, such as `openai`, or one model of it, such as `openai:gpt-5-mini`."""


class Rate(Record):
    """Limits on the calls of a provider, or of one of its models; None: none."""

    requests_per_minute: int | None = Field(default=None, ge=1)
    """Calls begun within any sixty seconds."""
    tokens_per_minute: int | None = Field(default=None, ge=1)
    """Tokens, of questions and answers together, of the calls begun within any sixty seconds."""
    concurrent: int | None = Field(default=None, ge=1)
    """Calls at a time."""


Rates = Mapping[RateName, Rate]
