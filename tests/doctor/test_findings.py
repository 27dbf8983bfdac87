"""What holds for everything the doctor can say."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from recursor.cli.app import app
from recursor.doctor.catalogue import CHECKS
from recursor.doctor.report import Finding
from tests.doctor.cases import CASES, all_findings, findings_of

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "troubleshooting.md"
IDS = [check.id for check in CHECKS]


def test_every_check_can_find_something() -> None:
    assert set(CASES) == set(IDS)


@pytest.mark.parametrize("check", IDS)
def test_a_finding_is_whole(check: str) -> None:
    for finding in findings_of(check):
        for text in (finding.symptom, finding.evidence, finding.cause, finding.fix):
            assert text
            assert "\n" not in text
            assert "None" not in text
        # A reader wants figures, not only words.
        assert finding.figures
        assert len(finding.symptom) <= 100


def ours(finding: Finding) -> list[list[str]]:
    return [words for command in finding.commands if (words := shlex.split(command))[0] == "recursor"]


@pytest.mark.parametrize("check", IDS)
def test_every_command_is_one_that_there_is(check: str) -> None:
    group = get_command(app)
    for finding in findings_of(check):
        for _, *words in ours(finding):
            if words == ["--version"]:
                continue
            context = group.make_context("recursor", list(words))
            name, command, rest = group.resolve_command(context, list(words))  # type: ignore[attr-defined]  # it is a group
            # Parses all options and arguments, and does nothing.
            command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("check", IDS)
def test_nearly_everything_is_put_right_by_a_command(check: str) -> None:
    for finding in findings_of(check):
        assert finding.commands, finding.symptom


def test_commands_name_the_data_directory_if_need_be() -> None:
    for finding in all_findings():
        for words in ours(finding):
            assert "--data" not in words


def section(check: str) -> str:
    found = re.search(rf"^### `{check}`.*?\n(.*?)(?=^##|\Z)", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"docs/how-to/troubleshooting.md has no section for {check}"
    return found[0]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_the_guide_says_what_the_doctor_says(check: object) -> None:
    text = " ".join(section(check.id).split())  # type: ignore[attr-defined]  # pytest's parameters have no type
    assert check.title in text  # type: ignore[attr-defined]  # likewise
    for finding in findings_of(check.id):  # type: ignore[attr-defined]  # likewise
        assert finding.symptom in text
        for words in ours(finding):
            if words[1] != "--version":
                assert f"recursor {words[1]}" in text


def test_the_guide_has_no_section_of_a_check_that_is_gone() -> None:
    sections = re.findall(r"^### `([a-z-]+)`", GUIDE.read_text(), re.MULTILINE)
    assert sections == IDS
