"""The cache."""

from collections import OrderedDict
from typing import Any


class Cache:
    """Keeps values by key."""

    def __init__(self, capacity: int = 100) -> None:
        self.capacity = capacity
        self._values: OrderedDict[Any, Any] = OrderedDict()

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        if key not in self._values:
            return default
        return self._values[key]

    def put(self, key: Any, value: Any) -> None:
        """Keep a value."""
        self._values[key] = value

    def __len__(self) -> int:
        return len(self._values)
