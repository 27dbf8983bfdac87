"""Priority for one thread's work where Python lets only one thread run at a time."""

from threading import Lock
from types import TracebackType


class RightOfWay:
    """While a thread has it, the threads that run actors and agents wait before their next turn.

    It is for work that releases the interpreter's lock many times in a row, as py-lmdb does for every record
    it writes. Beside one busy thread, each release costs the whole switch interval (`sys.getswitchinterval`):
    a batch of 200 records, which takes 0.2 ms alone, took 200 ms.
    """

    def __init__(self) -> None:
        """Start with no thread in possession."""
        self._lock = Lock()
        self.is_taken = False
        """Whether a thread has it: check this before calling `give_way`, which costs more."""

    def __enter__(self) -> None:
        """Take it; only one thread has it at a time."""
        self._lock.acquire()
        self.is_taken = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self.is_taken = False
        self._lock.release()

    def give_way(self) -> None:
        """Wait until no thread has it."""
        with self._lock:
            pass


RIGHT_OF_WAY = RightOfWay()
"""The only instance, because a process has one interpreter lock."""
