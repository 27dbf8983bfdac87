"""Names for stacks and files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recursor.domain.new_records import new_idea, new_stack
from recursor.domain.project import Artifact
from recursor.runner.artifacts import slug, write_page
from recursor.runner.idea_names import name_from_idea
from recursor.storage.errors import StorageError
from tests.making import NOW, STACK, make_stack


@pytest.mark.parametrize(
    ("idea", "name"),
    [
        ("a habit tracker", "habit tracker"),
        ("The best  list\nwith more below", "best list"),
        ("an", "an"),
        (
            "a habit tracker with a weekly chart and reminders, and with much more than fits",
            "habit tracker with a weekly chart and reminders, and with…",
        ),
        ("x" * 100, "x" * 59 + "…"),
    ],
)
def test_a_name_is_the_beginning_of_the_idea(idea: str, name: str) -> None:
    assert name_from_idea(idea) == name


@given(st.text(min_size=1, max_size=500))
def test_every_idea_that_is_one_has_a_name(text: str) -> None:
    try:
        idea = new_idea(STACK, text, NOW).idea
    except Exception:  # noqa: BLE001  # not an idea
        return
    assert len(new_stack(name_from_idea(idea), NOW).name) <= 60


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Habit tracker!", "habit-tracker"),
        ("../../etc/passwd", "etc-passwd"),
        ("Übung", "ubung"),
        ("日本", "stack"),
        ("habit tracker with a weekly chart and reminders", "habit-tracker-with-a-weekly-chart-and"),
        ("x" * 100, "x" * 40),
    ],
)
def test_a_slug_is_safe_in_every_shell(name: str, file: str) -> None:
    assert slug(name) == file


def test_a_page_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for content in ("<p>one</p>", "<p>two — \r\n</p>"):
        artifact = Artifact(
            id="1", stack_id=STACK, number=1, content=content, author="builder", created_at=NOW
        )
        path = write_page(tmp_path / "pages", make_stack(), artifact)
        assert path.read_bytes().decode() == content
    assert [file.name for file in (tmp_path / "pages").iterdir()] == [f"garden-{STACK[:8]}.html"]


def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "pages").touch()
    artifact = Artifact(id="1", stack_id=STACK, number=1, content="x", author="builder", created_at=NOW)
    with pytest.raises(StorageError, match="cannot be written"):
        write_page(tmp_path / "pages", make_stack(), artifact)
