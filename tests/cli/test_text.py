"""Whatever people write comes back as they wrote it, and does nothing to their terminal."""

import json
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from unicodedata import category

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recursor.cli.app import run_command
from recursor.cli.output import as_json, neutral, print_json
from recursor.cli.wording import ago, parse_span, span
from recursor.domain.errors import InvalidInputError
from tests.making import NOW, make_stack

NASTY = "\x1b]0;owned\x07\x9b31m\r\u202eevil [bold]x[/] :smile:"


def run(data: Path, *arguments: str) -> str:
    out = StringIO()
    with redirect_stdout(out):
        assert run_command([*arguments, "--data", str(data)]) == 0
    return out.getvalue()


@settings(max_examples=15, deadline=None)
@given(
    name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=200),
    idea=st.text(st.characters(codec="utf-8"), min_size=1, max_size=300),
)
def test_text_goes_round(name: str, idea: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        code = run_command(["create", "--idea", idea, "--data", str(data), "--", name])
        if code:
            assert code == 2
            assert not data.exists()
            return
        (listed,) = json.loads(run(data, "list", "--json"))
        assert listed["name"] == name.strip()
        shown = json.loads(run(data, "show", listed["id"], "--json"))
        assert shown["idea"]["idea"].strip() == idea.strip()
        for seen in (run(data, "list"), run(data, "show", listed["id"])):
            assert all(category(c) != "Cc" or c == "\n" for c in seen)


def test_nothing_reaches_the_terminal_that_it_would_obey(tmp_path: Path) -> None:
    stack = run(tmp_path, "create", "one", "--idea", f"idea {NASTY}").strip()
    run(tmp_path, "todos", stack, "--add", f"todo {NASTY}")
    for command in ("list", "show", "todos", "work"):
        seen = run(tmp_path, command, *([stack] if command != "list" else []))
        assert not set(seen) & set("\x1b\x07\x9b\r\u202e")
    assert "[bold]x[/] :smile:" in run(tmp_path, "todos", stack)


def test_json_is_the_same_value_and_as_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"a": NASTY, "b": [make_stack(name="x")], "c": "çé漢"}
    print_json(value)
    printed = capsys.readouterr().out
    assert json.loads(printed) == as_json(value)
    assert not set(printed) & set("\x1b\x07\x9b\r\u202e")
    assert "çé漢" in printed


@given(st.text())
def test_neutral_text_is_still_there(text: str) -> None:
    safe = neutral(text)
    assert len(safe) >= len(text)
    assert neutral(safe) == safe


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("15m", 900),
        ("24h", 86_400),
        ("7d", 604_800),
        ("1h30m", 5_400),
        ("0.5s", 0.5),
    ],
)
def test_a_span_is_read(text: str, seconds: float) -> None:
    assert parse_span(text, "--since") == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "1x", "1 h", "-1h", "1e5", "nan", "inf", "1h30", "\uff11h", "999999999w"]
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="--since"):
        parse_span(text, "--since")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.04, "40 ms"),
        (1.25, "1.2 s"),
        (42, "42 s"),
        (185, "3 min 5 s"),
        (7_620, "2 h 7 min"),
        (86_400, "1 d"),
    ],
)
def test_a_span_is_said(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_an_age_is_said() -> None:
    assert [ago(at, NOW) for at in (None, NOW, NOW - 5, NOW - 119, NOW - 7_200, NOW + 5)] == [
        "-", "just now", "5 s ago", "1 min ago", "2 h ago", "just now",
    ]  # fmt: skip
