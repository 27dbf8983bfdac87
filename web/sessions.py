"""Browser sessions in place of the token: started with the token, ended by signing out or by time."""

import asyncio
import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from itsdangerous import BadSignature, Signer

logger = logging.getLogger("recursor.web")

# A month: the time limit for a lost or stolen browser.
SESSION_SECONDS = 30 * 86_400


class Sessions:
    """Signs sessions with the token, and remembers those that were ended early.

    A session stays valid after a restart of the runner, and in any process that serves for it; a new token
    ends all. For one event loop.
    """

    def __init__(self, token: str, ended: Path | None = None, now: Callable[[], float] = time.time) -> None:
        """Load the ended sessions.

        Args:
            token: the secret; it is not kept anywhere.
            ended: the file with the numbers of ended sessions, which are not secret; None: only in memory.
            now: returns the time in seconds since the epoch, UTC.
        """
        self._signer = Signer(token, salt="recursor sessions", digest_method=hashlib.sha256)
        self._file = ended
        self._now = now
        self._ended = _read(ended)
        self._followers: dict[str, set[asyncio.Future[None]]] = {}

    def begin(self) -> str:
        """Return a new session's cookie."""
        named = f"{int(self._now()) + SESSION_SECONDS}.{secrets.token_hex(16)}"
        return self._signer.sign(named).decode()

    def is_open(self, cookie: str) -> bool:
        """Whether a browser's cookie belongs to a valid session."""
        try:
            named = self._signer.unsign(cookie.encode(errors="surrogateescape")).decode()
        except BadSignature:
            return False
        expires, _, number = named.partition(".")
        return self._now() < int(expires) and number not in self._ended

    def end(self, cookie: str) -> None:
        """End a session, and everything that runs in its name. Unknown sessions are ignored."""
        if not self.is_open(cookie):
            return
        expires, number, _ = cookie.split(".")
        now = self._now()
        self._ended = {each: until for each, until in self._ended.items() if until > now}
        self._ended[number] = int(expires)
        for follower in self._followers.pop(number, ()):
            _settle(follower)
        self._write()

    def follow(self, cookie: str) -> asyncio.Future[None]:
        """Return a future that is done when a valid session ends. Cancel it when it is no longer needed."""
        expires, number, _ = cookie.split(".")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        followers = self._followers.setdefault(number, set())
        followers.add(future)
        timer = loop.call_later(max(int(expires) - self._now(), 0), _settle, future)

        def forget(_: asyncio.Future[None]) -> None:
            timer.cancel()
            followers.discard(future)
            if not followers and self._followers.get(number) is followers:
                del self._followers[number]

        future.add_done_callback(forget)
        return future

    def _write(self) -> None:
        if self._file is None:
            return
        beside = self._file.with_name(f"{self._file.name}.new")
        try:
            beside.write_text(json.dumps(self._ended), encoding="utf-8")
            os.replace(beside, self._file)
        except OSError as error:
            logger.error(
                "%s: cannot be written: %s: ended sessions become valid again when the runner restarts",
                self._file, error.strerror,
            )  # fmt: skip


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _read(path: Path | None) -> dict[str, int]:
    if path is None:
        return {}
    try:
        return {str(number): int(until) for number, until in json.loads(path.read_text("utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError, OverflowError, RecursionError) as error:
        logger.error(
            "%s: cannot be read: %s: remove it, and change RECURSOR_TOKEN to end all sessions", path, error
        )
        return {}
