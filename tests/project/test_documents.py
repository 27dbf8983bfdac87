"""What the documents tell people to type is what the command line takes; what they link to is there."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from recursor.cli.app import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCED = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(recursor [^`]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")

# What stands for something that the reader fills in, or is the shell's.
_PLACEHOLDER = re.compile(r"\b[A-Z][A-Z-]*\b|…|\.\.\.|\[|\$\(|<|\|")


def typed(page: Path) -> list[str]:
    """Every whole `recursor` command that a page shows to be typed, without what a shell does with it."""
    lines = [line.strip() for block in _FENCED.findall(page.read_text()) for line in block.splitlines()]
    ours = [line for line in lines if re.match(r"(recursor|\./scripts/run) ", line)]
    whole = [re.split(r"\s(?:\||>|&&|&|#)(?:\s|$)", line)[0].strip() for line in ours]
    return [
        line.replace("./scripts/run", "recursor run")
        for line in whole
        if not _PLACEHOLDER.search(line) and line.count('"') % 2 == 0
    ]


TYPED = [(page.name, command) for page in DOCUMENTS for command in typed(page)]
NAMED = sorted(
    {
        (page.name, found[1].split()[1])
        for page in DOCUMENTS
        for found in _INLINE.finditer(page.read_text())
        if re.fullmatch(r"[a-z]+", found[1].split()[1])
    }
)


@pytest.mark.parametrize(("page", "command"), TYPED, ids=lambda each: str(each)[:60])
def test_a_command_can_be_typed_as_it_stands(page: str, command: str) -> None:
    words = shlex.split(command)[1:]
    group = get_command(app)
    context = group.make_context("recursor", list(words))
    name, found, rest = group.resolve_command(context, list(words))  # type: ignore[attr-defined]  # it is a group
    # Parses all options and arguments, and does nothing.
    found.make_context(name, rest, parent=context)


@pytest.mark.parametrize(("page", "name"), NAMED)
def test_a_command_that_is_named_is_there(page: str, name: str) -> None:
    assert name in get_command(app).commands  # type: ignore[attr-defined]  # it is a group


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_what_is_linked_to_is_there(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text()) if not link.startswith(("http:", "https:"))]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_commands_are_found() -> None:
    assert {"README.md", "runbook.md", "command-line.md"} <= {page for page, _ in TYPED}
    assert len(NAMED) > 20
