"""An immutable sorted map: every change makes a new map that shares nearly everything with the old one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import islice

Pair = tuple[bytes, bytes]

# A change copies one chunk and the list of chunks, so the best size is about the square root of the number of
# pairs: 256 suits 10,000 to 1,000,000 pairs (a put into 100,000 takes about 3 µs).
LARGEST_CHUNK = 256


class SortedMap:
    """Pairs of bytes in key order; a reader may keep one and read it forever."""

    __slots__ = ("_chunks",)

    def __init__(self, chunks: tuple[tuple[Pair, ...], ...] = ()) -> None:
        """Make a map of `chunks`, none of them empty; without chunks, the empty map."""
        self._chunks = chunks

    def get(self, key: bytes) -> bytes | None:
        """Return the value at `key`, or None."""
        if not self._chunks:
            return None
        chunk = self._chunks[self._number(key)]
        place = bisect_left(chunk, (key,))
        return chunk[place][1] if place < len(chunk) and chunk[place][0] == key else None

    def put(self, key: bytes, value: bytes) -> SortedMap:
        """Return the map in which `key` has `value`."""
        if not self._chunks:
            return SortedMap((((key, value),),))
        number = self._number(key)
        chunk = self._chunks[number]
        place = bisect_left(chunk, (key,))
        after = place + 1 if place < len(chunk) and chunk[place][0] == key else place
        changed = (*chunk[:place], (key, value), *chunk[after:])
        if len(changed) <= LARGEST_CHUNK:
            return self._with(number, (changed,))
        middle = len(changed) // 2
        return self._with(number, (changed[:middle], changed[middle:]))

    def delete(self, key: bytes) -> SortedMap:
        """Return the map without `key`; this same map if it has none."""
        if self.get(key) is None:
            return self
        number = self._number(key)
        chunk = self._chunks[number]
        place = bisect_left(chunk, (key,))
        changed = (*chunk[:place], *chunk[place + 1 :])
        return self._with(number, (changed,) if changed else ())

    def ascending(self, start: bytes, stop: bytes | None) -> Iterator[Pair]:
        """Yield the pairs with `start <= key < stop`; None means to the end."""
        for chunk in islice(self._chunks, self._number(start), None):
            for pair in chunk[bisect_left(chunk, (start,)) :]:
                if stop is not None and pair[0] >= stop:
                    return
                yield pair

    def descending(self, start: bytes, stop: bytes | None) -> Iterator[Pair]:
        """Yield the same pairs as `ascending`, in reverse."""
        last = len(self._chunks) - 1 if stop is None else self._number(stop)
        for number in range(last, -1, -1):
            chunk = self._chunks[number] if self._chunks else ()
            end = len(chunk) if stop is None else bisect_left(chunk, (stop,))
            for pair in reversed(chunk[:end]):
                if pair[0] < start:
                    return
                yield pair

    def _number(self, key: bytes) -> int:
        """Return the index of the chunk that holds `key`, or would."""
        return max(bisect_right(self._chunks, key, key=_first) - 1, 0)

    def _with(self, number: int, pieces: tuple[tuple[Pair, ...], ...]) -> SortedMap:
        return SortedMap((*self._chunks[:number], *pieces, *self._chunks[number + 1 :]))


def _first(chunk: tuple[Pair, ...]) -> bytes:
    return chunk[0][0]
