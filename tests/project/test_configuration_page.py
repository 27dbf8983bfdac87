"""docs/reference/configuration.md has every setting, with its default and description."""

from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from recursor.domain.record import described_fields
from recursor.runner.settings_sources import DEFAULTS, SECTIONS
from recursor.runner.settings_variables import OTHERS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "configuration.md").read_text()


def row(key: str, field: FieldInfo, description: str) -> str:
    if isinstance(field.default, tuple):
        default = ", ".join(field.default)
    elif isinstance(field.default, bool):
        default = str(field.default).lower()
    elif isinstance(field.default, float):
        default = f"{field.default:g}"
    else:
        default = "" if field.default is None or field.default_factory else str(field.default)
    return f"| `{key}` | {default} | {' '.join(description.split())} |"


def expected(section: str) -> str:
    kind = type(getattr(DEFAULTS, section))
    rows = [row(key, field, described_fields(kind)[key]) for key, field in kind.model_fields.items()]
    return "\n".join([f"### [{section}]", "", "| key | default | |", "|---|---|---|", *rows, ""])


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_is_there_as_it_is(section: str) -> None:
    assert expected(section) in PAGE, f"put this there:\n\n{expected(section)}"


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_a_variable_that_is_no_setting_is_there(name: str) -> None:
    assert f"`{name}`" in PAGE
