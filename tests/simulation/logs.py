"""What the engine logs as an error: nothing that was not done to it on purpose."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Handler(logging.Handler):
    def __init__(self, told: Callable[[logging.LogRecord], None]) -> None:
        super().__init__(logging.ERROR)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told(record)


@contextmanager
def watched_logs(told: Callable[[logging.LogRecord], None]) -> Iterator[None]:
    """Have errors told, and nothing else made, for the length of a `with` block.

    Args:
        told: called with each.
    """
    handler = _Handler(told)
    loggers = [logging.getLogger(name) for name in ("recursor", "pykka")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.ERROR)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagates) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagates
