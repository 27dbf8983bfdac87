"""Wrong tokens: logged with their source, and answered with increasing delay."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

logger = logging.getLogger("recursor.web")

# Wrong tokens of an address that are answered at once: people mistype.
FREE = 3

# Seconds of delay for the next one, doubled with each further one, up to the longest.
FIRST_WAIT, LONGEST_WAIT = 1.0, 8.0

# After this many seconds without a wrong token, the count of an address restarts.
FORGET_SECONDS = 60.0

# Most waiting answers and remembered addresses: otherwise an attacker could use up the memory.
MOST_WAITING, MOST_ADDRESSES = 64, 1_000

# Seconds between two log lines for the same address.
LOG_SECONDS = 10.0


@dataclass(slots=True)
class _Address:
    wrong: int = 0
    at: float = 0.0
    logged_at: float = float("-inf")


class WrongTokens:
    """Counts wrong tokens by address, for one event loop. A right token never waits.

    Blocking addresses would lock out everyone behind the same proxy, and a token of 16 characters cannot be
    guessed anyway.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Start without wrong tokens.

        Args:
            now: returns the time in seconds.
            sleep: waits some seconds.
        """
        self._now = now
        self._sleep = sleep
        self._addresses: dict[str, _Address] = {}
        self._waiting = 0

    async def note(self, scope: Scope) -> None:
        """Log that a request gave a wrong token, and return when it may be answered."""
        known = self._counted(scope["client"][0] if scope.get("client") else "a local socket", scope)
        if known.wrong <= FREE or self._waiting >= MOST_WAITING:
            return
        self._waiting += 1
        try:
            await self._sleep(min(FIRST_WAIT * 2.0 ** (known.wrong - FREE - 1), LONGEST_WAIT))
        finally:
            self._waiting -= 1

    def _counted(self, address: str, scope: Scope) -> _Address:
        now = self._now()
        known = self._addresses.pop(address, None)
        if known is None or now - known.at > FORGET_SECONDS:
            known = _Address()
        # Move the latest offender to the end.
        self._addresses[address] = known
        if len(self._addresses) > MOST_ADDRESSES:
            del self._addresses[next(iter(self._addresses))]
        known.wrong, known.at = min(known.wrong + 1, 1_000_000), now
        if now - known.logged_at >= LOG_SECONDS:
            known.logged_at = now
            logger.warning(
                "a wrong token was given: %s", _where(address, scope), extra={"wrong": known.wrong}
            )
        return known


def _where(address: str, scope: Scope) -> str:
    """Return a request's source; a proxy's statement about it may be forged."""
    claimed = Headers(scope=scope).get("x-forwarded-for")
    return f"from {address}" + (f", which says that it forwards {claimed[:100]!r}" if claimed else "")
