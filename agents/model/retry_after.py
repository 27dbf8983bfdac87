"""What providers ask for with `Retry-After`."""

import contextlib
import math
from email.utils import parsedate_to_datetime


def seconds_to_wait(header: str | None, otherwise: float | None, now: float) -> float | None:
    """Return how many seconds a provider wants to be left alone, or None where it does not say.

    Args:
        header: `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3).
        otherwise: what it said elsewhere.
        now: seconds since the epoch, UTC.
    """
    text = (header or "").strip()
    with contextlib.suppress(ValueError):
        seconds = float(text)
        return max(seconds, 0.0) if math.isfinite(seconds) else otherwise
    with contextlib.suppress(ValueError):
        return max(parsedate_to_datetime(text).timestamp() - now, 0.0)
    return otherwise
