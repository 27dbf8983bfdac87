"""Rate limits of providers."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from recursor.domain.record import Record

RateName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]*(:[!-~]+)?$", max_length=500)]
"""A provider, such as `openai`, or one model of it, such as `openai:gpt-5-mini`."""


class Rate(Record):
    """Limits on the calls of a provider, or of one of its models; None: no limit."""

    requests_per_minute: int | None = Field(default=None, ge=1)
    """Calls that start within sixty seconds."""
    tokens_per_minute: int | None = Field(default=None, ge=1)
    """Input and output tokens of calls that start within sixty seconds."""
    concurrent: int | None = Field(default=None, ge=1)
    """Concurrent calls."""


Rates = Mapping[RateName, Rate]
