"""Reading a log a page at a time, while it is written and replaced."""

from collections.abc import Callable, Sequence
from pathlib import Path

import orjson
import pytest

from recursor.domain.log import LogRecord
from recursor.runner import log_pages
from recursor.runner.log_file import LogFile
from recursor.runner.log_pages import LogPages

TIME = "2026-01-31T12:00:{:02d}.000000Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "recursor.log"


@pytest.fixture
def write(path: Path) -> Callable[..., None]:
    log = LogFile(path, full_bytes=400, kept=3)

    def write(*numbers: int) -> None:
        for number in numbers:
            log.write(orjson.dumps({"time": TIME.format(number), "number": number}) + b"\n")

    return write


def everything(_: LogRecord) -> bool:
    return True


def numbers(records: Sequence[LogRecord]) -> list[int]:
    return [record["number"] for record in records]


def all_before(pages: LogPages, limit: int) -> list[int]:
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = pages.page(everything, cursor, limit=limit)
        assert len(page.items) <= limit
        found = numbers(page.items) + found
        cursor = page.older
    return found


@pytest.mark.parametrize("limit", [1, 3, 7, 500])
def test_all_that_is_there_is_read_back_page_by_page(
    path: Path, write: Callable[..., None], limit: int
) -> None:
    write(*range(20))
    assert path.with_name("recursor.log.1").exists()
    assert all_before(LogPages(path), limit) == list(range(20))


@pytest.mark.parametrize("limit", [1, 4, 500])
def test_what_comes_is_read_once_each_though_the_log_is_replaced(
    path: Path, write: Callable[..., None], limit: int
) -> None:
    pages = LogPages(path)
    cursor = pages.page(everything).newer
    found: list[int] = []
    for number in range(0, 30, 5):
        write(*range(number, number + 5))
        while (page := pages.page(everything, cursor, limit=limit)).newer != cursor:
            found += numbers(page.items)
            cursor = page.newer
    assert found == list(range(30))


def test_who_comes_back_after_all_was_replaced_begins_with_what_there_is(
    path: Path, write: Callable[..., None]
) -> None:
    write(1)
    cursor = LogPages(path).page(everything).newer
    # A file that is there keeps its inode from being another's.
    kept = path.open()
    write(*range(2, 50))
    kept.close()
    page = LogPages(path).page(everything, cursor)
    assert numbers(page.items)[-1] == 49
    assert numbers(page.items) == list(range(numbers(page.items)[0], 50))


def test_only_what_is_wanted_and_new_enough(path: Path, write: Callable[..., None]) -> None:
    write(*range(20))
    pages = LogPages(path)
    page = pages.page(lambda record: record["number"] % 2 == 0, since=TIME.format(11))
    assert (numbers(page.items), page.older) == ([12, 14, 16, 18], None)


def test_one_page_looks_through_so_much_and_no_more(
    path: Path, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(*range(20))
    monkeypatch.setattr(log_pages, "LOOKED_THROUGH", 500)
    page = LogPages(path).page(lambda record: record["number"] == 0)
    assert page.items == ()
    tries = 0
    while not page.items:
        assert page.older is not None
        page = LogPages(path).page(lambda record: record["number"] == 0, page.older)
        tries += 1
    assert (numbers(page.items), tries > 0) == ([0], True)


def test_half_a_line_waits_for_its_end_and_nonsense_is_passed_over(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'nonsense\n[1]\n{"time": "x", "number": 1}\n{"time": "y", "nu')
    pages = LogPages(path)
    page = pages.page(everything)
    assert numbers(page.items) == [1]
    with path.open("ab") as file:
        file.write(b'mber": 2}\n')
    assert numbers(pages.page(everything, page.newer).items) == [2]


@pytest.mark.parametrize("cursor", ["o-0-0", "n-0-0", "o-ffff-12", "n-ffff-999999999999999", ""])
def test_where_there_is_no_log_there_is_nothing(path: Path, cursor: str) -> None:
    page = LogPages(path).page(everything, cursor)
    assert (page.items, page.older, page.newer) == ((), None, "n-0-0")


def test_a_secret_that_stands_there_all_the_same_is_not_told(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"time": "x", "event": "it is sk-1234567890"}\n')
    page = LogPages(path, ["sk-1234567890"]).page(everything)
    assert page.items[0]["event"] == "it is [redacted]"
