"""Texts that are read from stdin: `-` in their place."""

import json
from collections.abc import Callable
from io import BytesIO, StringIO, TextIOWrapper

import pytest


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (("message", "garden", "-"), "content"),
        (("messages", "garden", "--send", "-"), "content"),
        (("todos", "garden", "--add", "-"), "content"),
        (("idea", "garden", "--set", "-"), "idea"),
    ],
)
def test_a_text_is_read_from_stdin(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], field: str
) -> None:
    run("create", "garden")
    run("create", "other")
    monkeypatch.setattr("sys.stdin", StringIO("two\nlines\n"))
    assert json.loads(run(*command, "--json"))[field] == "two\nlines"


def test_the_idea_of_a_new_stack_is_read_from_stdin(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("a todo list\n"))
    run("create", "garden", "--idea", "-")
    assert json.loads(run("idea", "garden", "--json"))["idea"] == "a todo list"


def test_stdin_that_is_no_text_is_refused(run: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"\xff"), encoding="utf-8"))
    assert run("create", "garden", "--idea", "-", code=2) == (
        "--idea: stdin is not text (invalid start byte): give UTF-8"
    )
