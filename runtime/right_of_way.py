"""Whose work goes first where Python lets only one thread run at a time."""

from threading import Lock
from types import TracebackType


class RightOfWay:
    """While a thread has it, the threads that run actors and agents wait before their next turn.

    It is for work that lets go of the interpreter's lock many times in a row, as py-lmdb does at every record
    that it writes: beside one busy thread each time costs the whole switch interval
    (`sys.getswitchinterval`), so that a batch of 200 records, which takes 0.2 ms by itself, took 200 ms.
    """

    def __init__(self) -> None:
        """Begin with nobody in possession of it."""
        self._lock = Lock()
        self.is_taken = False
        """Whether a thread has it: to be read before `give_way` is called, which costs more."""

    def __enter__(self) -> None:
        """Take it; one at a time has it."""
        self._lock.acquire()
        self.is_taken = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self.is_taken = False
        self._lock.release()

    def give_way(self) -> None:
        """Wait until nobody has it."""
        with self._lock:
            pass


RIGHT_OF_WAY = RightOfWay()
"""There is one, because a process has one interpreter's lock."""
