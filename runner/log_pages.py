"""Reads a log in pages, for remote clients: their cursors say where to continue."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from recursor.domain.log import USUAL_LOG_PAGE, LogPage, LogRecord
from recursor.runner.log_lines import explained, log_names, record_in
from recursor.runner.log_secrets import without_secrets

# The most bytes searched for one page, some tenth of a second.
LOOKED_THROUGH = 8 * 1024 * 1024

# Bytes read at a time. No line is as long.
_CHUNK = 1024 * 1024

_CURSOR = re.compile(r"([no])-([0-9a-f]{1,16})-([0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class _File:
    number: int
    """Its inode, which stays the same when the file is renamed."""
    descriptor: int
    size: int


class LogPages:
    """The log at one path, with its replaced files; a `LogSource`."""

    def __init__(self, path: Path, secrets: Iterable[str] = ()) -> None:
        """Prepare to read; the log need not exist yet.

        Args:
            path: the current file.
            secrets: texts to black out if they appear nevertheless.
        """
        self._path = path
        self._secrets = tuple(secrets)

    def page(
        self,
        wanted: Callable[[LogRecord], bool],
        cursor: str = "",
        since: str | None = None,
        limit: int = USUAL_LOG_PAGE,
    ) -> LogPage:
        """See `LogSource.page`."""
        with explained(self._path), ExitStack() as held:
            files = list(self._open(held))
            found = _CURSOR.fullmatch(cursor)
            way, number, offset = (
                ("o", 0, 0) if found is None else (found[1], int(found[2], 16), int(found[3]))
            )
            if way == "n":
                return self._newer(files, number, offset, wanted, limit)
            if found is None:
                at, end = 0, files[0].size if files else 0
            else:
                at = next((i for i, each in enumerate(files) if each.number == number), len(files))
                end = offset
            return self._older(files, at, end, wanted, since, limit)

    def _open(self, held: ExitStack) -> Iterator[_File]:
        """Yield the files, newest first, each once even if it is renamed meanwhile."""
        known = set()
        for path in log_names(self._path):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            held.callback(os.close, descriptor)
            status = os.fstat(descriptor)
            if status.st_ino not in known:
                known.add(status.st_ino)
                yield _File(status.st_ino, descriptor, status.st_size)

    def _older(
        self, files: list[_File], at: int, end: int, wanted: Callable[[LogRecord], bool],
        since: str | None, limit: int,
    ) -> LogPage:  # fmt: skip
        found: list[LogRecord] = []
        newer: str | None = None
        left = LOOKED_THROUGH
        while at < len(files) and left > 0:
            file = files[at]
            start, lines = _chunk_before(file, min(end, file.size))
            left -= min(end, file.size) - start + 1
            position = start + sum(map(len, lines))
            newer = newer or _cursor("n", file, position)
            for line in reversed(lines):
                position -= len(line)
                record = self._record(line)
                if record is None:
                    continue
                if since is not None and str(record["time"]) < since:
                    return _page(found, None, newer)
                if wanted(record):
                    found.append(record)
                    if len(found) == limit:
                        return _page(found, _before(files, at, position), newer)
            end = start
            if end == 0:
                at += 1
                end = files[at].size if at < len(files) else 0
        older = _before(files, at, end) if at < len(files) else None
        return _page(found, older, newer or "n-0-0")

    def _newer(
        self, files: list[_File], number: int, offset: int, wanted: Callable[[LogRecord], bool], limit: int
    ) -> LogPage:
        found: list[LogRecord] = []
        # The file has been deleted after many replacements: then everything left is newer.
        at = next((i for i, each in enumerate(files) if each.number == number), None)
        at, position = (len(files) - 1, 0) if at is None else (at, offset)
        if files and position > files[at].size:
            # Another file has its inode by now.
            position = 0
        left = LOOKED_THROUGH
        while at >= 0 and left > 0:
            lines = _chunk_after(files[at], position)
            if not lines:
                if at == 0:
                    break
                at, position = at - 1, 0
                continue
            for line in lines:
                position += len(line)
                left -= len(line)
                record = self._record(line)
                if record is not None and wanted(record):
                    found.append(record)
                    if len(found) == limit:
                        return _page(found[::-1], None, _cursor("n", files[at], position))
        return _page(found[::-1], None, _cursor("n", files[at], position) if files else "n-0-0")

    def _record(self, line: bytes) -> LogRecord | None:
        if self._secrets:
            line = without_secrets(line.decode(errors="replace"), self._secrets).encode()
        return record_in(line)


def _page(newest_first: list[LogRecord], older: str | None, newer: str) -> LogPage:
    return LogPage(items=tuple(map(dict, reversed(newest_first))), older=older, newer=newer)


def _cursor(way: str, file: _File, offset: int) -> str:
    return f"{way}-{file.number:x}-{offset}"


def _before(files: list[_File], at: int, offset: int) -> str | None:
    """Return the cursor of the records before a place; None if there are none."""
    if offset > 0:
        return _cursor("o", files[at], offset)
    return _cursor("o", files[at + 1], files[at + 1].size) if at + 1 < len(files) else None


def _chunk_before(file: _File, end: int) -> tuple[int, list[bytes]]:
    """Return the start of the last whole lines before `end`, as many as are read at a time, and the lines."""
    start = max(0, end - _CHUNK)
    text = os.pread(file.descriptor, end - start, start)
    # A line without a line break is still being written.
    text = text[: text.rfind(b"\n") + 1]
    if start > 0:
        cut = text.find(b"\n") + 1
        start, text = start + cut, text[cut:]
    return (start if text else max(0, end - _CHUNK)), _lines(text)


def _chunk_after(file: _File, start: int) -> list[bytes]:
    """Return the whole lines from `start`, as many as are read at a time."""
    text = os.pread(file.descriptor, _CHUNK, start)
    whole = text.rfind(b"\n") + 1
    # A line that fills the whole buffer is not Recursor's: it is skipped.
    return [text] if not whole and len(text) == _CHUNK else _lines(text[:whole])


def _lines(text: bytes) -> list[bytes]:
    return [line + b"\n" for line in text.split(b"\n")[:-1]]
