"""The end of what a program prints."""

import codecs
from collections import deque
from collections.abc import Callable


class OutputTail:
    """Keeps the last bytes of an output, and counts the rest."""

    def __init__(self, most: int, listener: Callable[[str], None] | None = None) -> None:
        """Begin an output.

        Args:
            most: bytes that are kept.
            listener: called with each new part, as text.
        """
        self._most = most
        self._listener = listener
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._chunks: deque[bytes] = deque()
        self._kept = 0
        self.total = 0
        """All bytes so far."""

    def add(self, chunk: bytes) -> None:
        """Take what the program has printed next."""
        self.total += len(chunk)
        if self._listener is not None and (text := self._decoder.decode(chunk)):
            self._listener(text)
        chunk = chunk[-self._most :] if self._most else b""
        self._chunks.append(chunk)
        self._kept += len(chunk)
        while self._kept > self._most:
            first = self._chunks.popleft()
            self._kept -= len(first)
            if (room := self._most - self._kept) > 0:
                self._chunks.appendleft(first[-room:])
                self._kept += room

    @property
    def cut(self) -> int:
        """The bytes that are not kept, from the beginning."""
        return self.total - self._kept

    @property
    def text(self) -> str:
        """The kept end, after a line that says how much is missing, if any."""
        kept = b"".join(self._chunks)
        if not self.cut:
            return kept.decode(errors="replace")
        # A character that was cut in two is left out.
        start = next((at for at in range(min(4, len(kept))) if kept[at] & 0xC0 != 0x80), 0)
        return f"[{self.cut:,} bytes before this were cut]\n" + kept[start:].decode(errors="replace")
