"""Output on stdout and stderr: JSON for scripts, tables for people, and nothing harmful to a terminal."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

from recursor.domain.core_record import AnyRecord

if TYPE_CHECKING:
    from rich.console import Console

# Characters that a terminal would execute (C0, C1) or that change the direction of text (bidi controls,
# https://trojansource.codes). A line break is text.
_UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# Without a terminal nothing needs to fit, and programs want whole values.
_ENDLESS = 10_000

# The padding before a cell: half of the blanks around it.
_BEFORE = {"center": 1, "right": 2}


class ReaderGoneError(Exception):
    """Nobody reads our output any more."""


def neutral(text: str) -> str:
    r"""Return `text` with everything made visible that a terminal would act on: \x1b for an escape."""
    return _UNSAFE.sub(lambda found: _escaped(found[0], "\\x{:02x}"), text)


def one_line(text: str) -> str:
    """Return `text` on one line, harmless to a terminal."""
    return neutral(" ".join(text.split()))


def say(line: str, stream: IO[str] | None = None) -> None:
    """Print one harmless line, by default to stdout.

    Raises:
        ReaderGoneError: nobody reads it.
    """
    _write(neutral(line) + "\n", stream or sys.stdout)


def complain(line: str) -> None:
    """Print an error as one line on stderr. If nobody reads that either, it is lost."""
    try:
        say(f"recursor: {one_line(line)}", sys.stderr)
    except ReaderGoneError:
        return


def say_of_nothing(why: str, json: bool) -> None:
    """Explain empty output on stderr, for people; scripts see it in the JSON."""
    if not json or sys.stderr.isatty():
        complain(why)


def print_json(value: object) -> None:
    """Print a record, a list of records, or plain data.

    Raises:
        ReaderGoneError: nobody reads it.
    """
    _write_json(value, indent=2)


def print_json_line(value: object) -> None:
    """Print a record or plain data on one line, for programs that read the lines as they come.

    Raises:
        ReaderGoneError: nobody reads it.
    """
    _write_json(value, indent=None)


def as_json(value: object) -> Any:
    """Return records as plain data, times as RFC 3339."""
    if isinstance(value, AnyRecord):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value


def print_raw(text: str) -> None:
    """Print text unchanged, in UTF-8; on a terminal, in harmless form.

    Raises:
        ReaderGoneError: nobody reads it.
    """
    if sys.stdout.isatty():
        _write(neutral(text), sys.stdout)
        return
    print_bytes(text.encode())


def print_bytes(content: bytes) -> None:
    """Print a file unchanged; on a terminal, as harmless text.

    Raises:
        ReaderGoneError: nobody reads it.
    """
    if sys.stdout.isatty():
        _write(neutral(content.decode(errors="replace")), sys.stdout)
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def draw(*things: object) -> None:
    """Print tables and texts for people.

    Raises:
        ReaderGoneError: nobody reads it.
    """
    console = make_console()
    with console.capture() as captured:
        for thing in things:
            if console.width == _ENDLESS and (lines := plain_lines(thing)) is not None:
                console.out(*lines, sep="\n", highlight=False)
                continue
            # Text for copying may exceed the width: a terminal folds it without a line break.
            console.print(thing, soft_wrap=getattr(thing, "overflow", None) == "ignore")
    # Tables pad their last column, too.
    _write("\n".join(line.rstrip() for line in captured.get().split("\n")), sys.stdout)


def plain_lines(thing: object) -> list[str] | None:
    """Return the lines of a table without borders, if nothing needs to fit; None for anything else.

    Rich takes half a second for a thousand rows.
    """
    from rich.cells import cell_len
    from rich.table import Table

    if not isinstance(thing, Table) or thing.box is not None or thing.pad_edge or not thing.show_header:
        return None
    padded = []
    for column in thing.columns:
        cells = [column.header, *column.cells]
        texts = list(map(str, cells))
        if any("\n" in text for text in texts):
            return None
        widths = list(map(cell_len, texts))
        widest = max(widths)
        room = [widest - width for width in widths]
        justified = [getattr(cell, "justify", None) or column.justify for cell in cells]
        before = [_BEFORE.get(how, 0) * left // 2 for how, left in zip(justified, room, strict=True)]
        padded.append(
            [
                " " * blank + text + " " * (left - blank)
                for text, left, blank in zip(texts, room, before, strict=True)
            ]
        )
    return ["  ".join(row).rstrip() for row in zip(*padded, strict=True)]


def make_console() -> Console:
    """Return a console that interprets no markup, and uses colours only on a terminal."""
    from rich.console import Console

    wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(
        markup=False, emoji=False, highlight=False, soft_wrap=False, width=_ENDLESS if wide else None
    )


def _escaped(found: str, form: str) -> str:
    return form.format(ord(found)) if ord(found) < 256 or "u" in form else f"\\u{ord(found):04x}"


def _write_json(value: object, indent: int | None) -> None:
    plain = _encoding(sys.stdout).lower().startswith("utf")
    text = json.dumps(as_json(value), indent=indent, ensure_ascii=not plain)
    _write(_UNSAFE_IN_JSON.sub(lambda found: _escaped(found[0], "\\u{:04x}"), text) + "\n", sys.stdout)


def _write(text: str, stream: IO[str]) -> None:
    def write() -> None:
        encoding = _encoding(stream)
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()

    try:
        _guarded(write)
    except OSError as error:
        if not is_hang_up(error, stream):
            raise
        raise ReaderGoneError from error


def is_hang_up(error: OSError, stream: IO[str]) -> bool:
    """Return whether writing to `stream` failed because its terminal is gone."""
    # Not `isatty`: a terminal that is gone is none any more.
    return error.errno == errno.EIO and stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)


def _encoding(stream: IO[str]) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _guarded(action: Callable[[], object]) -> None:
    try:
        action()
    except BrokenPipeError as error:
        raise ReaderGoneError from error
