"""docs/reference/api.md is what the OpenAPI document says."""

from scripts.api_reference import PAGE, document, reference


def test_the_page_is_up_to_date() -> None:
    said = reference(document())
    assert PAGE.read_text(encoding="utf-8") == said, "run .venv/bin/python -m scripts.api_reference"
