"""The log is whole lines, bounded, shared by processes, read while it is written, and never anybody's end."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from recursor.domain.log import LogRecord
from recursor.runner.log_file import LogFile, numbered
from recursor.runner.log_pages import LogPages


class LogReader:
    """All of the log at a path, and what comes."""

    def __init__(self, path: Path, wanted: Callable[[LogRecord], bool] = lambda _: True) -> None:
        self._pages = LogPages(path)
        self._wanted = wanted
        self._newer = ""

    def newest(self, limit: int | None, since: str | None = None) -> list[LogRecord]:
        page = self._pages.page(self._wanted, "", since, limit or 5000)
        self._newer = page.newer
        found = list(page.items)
        while page.older is not None and len(found) < (limit or 5000):
            page = self._pages.page(self._wanted, page.older, since, (limit or 5000) - len(found))
            found = [*page.items, *found]
        return found

    def newer(self) -> list[LogRecord]:
        found: list[LogRecord] = []
        while True:
            page = self._pages.page(self._wanted, self._newer, None, 5000)
            found += page.items
            if page.newer == self._newer:
                return found
            self._newer = page.newer


def line(number: int) -> bytes:
    return b'{"time":"2026-01-01T00:00:%02d","number":%d}\n' % (number % 60, number)


LINE = len(line(10))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "recursor.log"


@pytest.fixture
def log(path: Path) -> LogFile:
    """Full with three lines of two digits, two more files are kept."""
    return LogFile(path, full_bytes=3 * LINE, kept=2)


def numbers(records: object) -> list[int]:
    return [record["number"] for record in records]  # type: ignore[attr-defined]  # of a test's own lines


def test_what_is_full_is_kept_aside_and_what_is_too_much_goes(log: LogFile, path: Path) -> None:
    assert not path.parent.exists()
    for number in range(10, 21):
        log.write(line(number))
    files = {each.name: each.stat().st_size for each in path.parent.iterdir()}
    assert files == {"recursor.log": 2 * LINE, "recursor.log.1": 3 * LINE, "recursor.log.2": 3 * LINE}
    reader = LogReader(path)
    assert numbers(reader.newest(None)) == list(range(13, 21))
    assert numbers(reader.newest(4)) == [17, 18, 19, 20]
    assert path.stat().st_mode & 0o077 == 0


def test_a_line_larger_than_the_file_is_written_all_the_same(log: LogFile, path: Path) -> None:
    log.write(line(10))
    log.write(b"x" * 1000 + b"\n")
    log.write(line(11))
    assert numbered(path, 1).stat().st_size == 1001
    assert path.read_bytes() == line(11)


WRITER = """
import sys
from pathlib import Path
from recursor.runner.log_file import LogFile
log = LogFile(Path(sys.argv[1]), full_bytes=20_000, kept=100)
for number in range(2000):
    log.write(b'{"time":"t","who":"%s","number":%d}\\n' % (sys.argv[2].encode(), number))
print(log.lost)
"""


def test_processes_share_it_and_lose_nothing(path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), who], stdout=subprocess.PIPE)
        for who in "ab"
    ]
    reader = LogReader(path)
    followed = []
    while any(writer.poll() is None for writer in writers):
        followed += reader.newer()
    followed += reader.newer()
    everything = reader.newest(None)
    assert [writer.communicate()[0] for writer in writers] == [b"0\n", b"0\n"]
    assert len(list(path.parent.iterdir())) > 3
    for found in (followed, everything):
        for who in "ab":
            assert numbers(r for r in found if r["who"] == who) == list(range(2000))


@pytest.mark.parametrize("half", [b"", b'{"time":"2026', b'{"time":"x","number":99}'])
def test_what_a_killed_process_left_unfinished_takes_no_other_line_with_it(
    log: LogFile, path: Path, half: bytes
) -> None:
    log.write(line(10))
    log.close()
    with path.open("ab") as file:
        file.write(half)
    again = LogFile(path)
    again.write(line(11))
    reader = LogReader(path)
    assert [n for n in numbers(reader.newest(None)) if n != 99] == [10, 11]


def test_a_log_that_cannot_be_written_stops_nobody_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    log = LogFile(tmp_path / "logs" / "recursor.log")
    log.write(line(10) + line(11))
    assert log.lost == 2
    assert log.problem
    (tmp_path / "logs").unlink()
    log.write(line(12))
    assert (log.lost, log.problem) == (2, None)


class TestFollowing:
    @pytest.fixture
    def follow(self, path: Path) -> LogReader:
        return LogReader(path, lambda record: record["number"] != 13)

    def test_begins_before_there_is_a_log(self, follow: LogReader, log: LogFile) -> None:
        assert follow.newest(10) == []
        assert follow.newer() == []
        log.write(line(10))
        assert numbers(follow.newer()) == [10]
        assert follow.newer() == []

    @pytest.mark.parametrize("between", range(1, 7))
    def test_misses_nothing_however_often_it_was_replaced(
        self, follow: LogReader, log: LogFile, between: int
    ) -> None:
        log.write(line(10))
        assert numbers(follow.newest(1)) == [10]
        seen: list[int] = []
        for number in range(11, 40):
            log.write(line(number))
            if number % between == 0:
                seen += numbers(follow.newer())
        seen += numbers(follow.newer())
        assert seen == [number for number in range(11, 40) if number != 13]

    def test_goes_on_in_what_a_person_put_in_its_place(
        self, follow: LogReader, log: LogFile, path: Path
    ) -> None:
        log.write(line(10) + line(11))
        assert numbers(follow.newest(None)) == [10, 11]
        path.unlink()
        log.write(line(12))
        assert numbers(follow.newer()) == [12]

    def test_waits_for_the_end_of_a_line(self, follow: LogReader, log: LogFile, path: Path) -> None:
        log.write(line(10))
        follow.newest(None)
        with path.open("ab", buffering=0) as file:
            file.write(line(11)[:7])
            assert follow.newer() == []
            file.write(line(11)[7:])
        assert numbers(follow.newer()) == [11]


def test_only_what_is_wanted_since_a_time_is_read(log: LogFile, path: Path) -> None:
    for number in range(10, 18):
        log.write(line(number))
    reader = LogReader(path, lambda record: record["number"] % 2 == 0)
    assert numbers(reader.newest(None, since="2026-01-01T00:00:13")) == [14, 16]
    assert numbers(reader.newest(1, since="2026-01-01T00:00:13")) == [16]
    assert numbers(reader.newest(10, since="2027")) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_log_that_must_not_be_read_is_named(log: LogFile, path: Path) -> None:
    log.write(line(10))
    path.chmod(0)
    with pytest.raises(Exception, match="let this user read it"):
        LogReader(path).newest(1)
