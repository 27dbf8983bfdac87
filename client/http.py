"""httpx without its command line, whose import takes as long as the rest."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx
else:
    # httpx works without it if it cannot be imported.
    _missing = "httpx" not in sys.modules and sys.modules.setdefault("httpx._main") is None
    import httpx

    if _missing:
        del sys.modules["httpx._main"]

__all__ = ["httpx"]
