"""What a browser has in place of the token, and for how long."""

from pathlib import Path

import pytest

from recursor.web.sessions import SESSION_SECONDS, Sessions

TOKEN, OTHER = "a secret of some length", "another secret of some length"


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_session_runs_out(tmp_path: Path) -> None:
    clock = Clock()
    sessions = Sessions(TOKEN, now=clock)
    cookie = sessions.begin()
    clock.now += SESSION_SECONDS - 1
    assert sessions.is_open(cookie)
    clock.now += 1
    assert not sessions.is_open(cookie)


def test_a_session_outlives_the_process_and_not_its_end_or_the_token(tmp_path: Path) -> None:
    kept = tmp_path / "ended.json"
    sessions = Sessions(TOKEN, kept)
    one, two = sessions.begin(), sessions.begin()
    sessions.end(one)
    again = Sessions(TOKEN, kept)
    assert [again.is_open(each) for each in (one, two)] == [False, True]
    assert not Sessions(OTHER, kept).is_open(two)
    assert TOKEN not in kept.read_text()
    assert not any(part in kept.read_text() for part in (one, two))


def test_what_ran_out_is_remembered_no_longer(tmp_path: Path) -> None:
    clock, kept = Clock(), tmp_path / "ended.json"
    sessions = Sessions(TOKEN, kept, clock)
    sessions.end(sessions.begin())
    first = kept.read_text()
    clock.now += SESSION_SECONDS
    sessions.end(sessions.begin())
    assert len(kept.read_text()) == len(first)


def test_nothing_else_is_a_session() -> None:
    sessions = Sessions(TOKEN)
    cookie = sessions.begin()
    expires, number, signature = cookie.split(".")
    later = f"{int(expires) + 1}.{number}.{signature}"
    for forged in ("", "..", "x", TOKEN, later, f"{expires}.{number}", cookie + "0", "9.é.\udcff"):
        assert not sessions.is_open(forged)
        sessions.end(forged)
    assert sessions.is_open(cookie)


@pytest.mark.parametrize("damaged", ["half a", "[]", '{"x": Infinity}', "[" * 100_000])
def test_a_file_that_cannot_be_read_lets_nobody_be_kept_out(tmp_path: Path, damaged: str) -> None:
    kept = tmp_path / "ended.json"
    kept.write_text(damaged)
    sessions = Sessions(TOKEN, kept)
    cookie = sessions.begin()
    sessions.end(cookie)
    assert not Sessions(TOKEN, kept).is_open(cookie)
