"""docs/reference/cli.md is what the command tree says."""

from scripts.cli_reference import PAGE, reference


def test_the_page_is_up_to_date() -> None:
    said = reference()
    assert PAGE.read_text(encoding="utf-8") == said, "run .venv/bin/python -m scripts.cli_reference"
