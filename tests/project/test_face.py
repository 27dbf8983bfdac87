"""The face of the package: what `from recursor import ...` offers."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import recursor

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_has_at_most_twenty_names() -> None:
    assert len(recursor.__all__) == len(set(recursor.__all__)) <= 20


@pytest.mark.parametrize("name", recursor.__all__)
def test_each_name_is_there_and_has_an_example(name: str) -> None:
    assert getattr(recursor, name) is not None
    assert name in dir(recursor)
    assert f"| [`{name}`](#" in PAGE
    examples = "".join(re.findall(r"```python\n(.*?)```", PAGE, re.S))
    assert re.search(rf"from recursor import .*\b{name}\b", examples)


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Orchestra'; it has Orchestrator, "):
        recursor.Orchestra  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Orchestra'"):
        from recursor import Orchestra  # type: ignore[attr-defined]  # noqa: F401


def test_importing_it_imports_none_of_its_rooms_and_no_other_package() -> None:
    program = (
        "import sys; before = set(sys.modules); import recursor; recursor.__version__; "
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}"
        " - sys.stdlib_module_names), 'recursor.domain' in sys.modules)"
    )
    done = run(program)
    assert (done.stdout, done.stderr) == ("['recursor'] False\n", "")


def test_the_examples_of_the_page_are_one_program_that_runs() -> None:
    done = run("".join(re.findall(r"```python\n(.*?)```", PAGE, re.S)))
    assert (done.stderr, done.returncode) == ("", 0)
    assert "flashcards running" in done.stdout
    assert "paused lunch" in done.stdout


TYPED = """
from typing import assert_type

from recursor import Orchestrator, messages, standard_team


async def host(stack_id: str) -> None:
    orchestrator = Orchestrator.start(store=None, roles=standard_team())
    assert_type(orchestrator.ask(messages.GetStatus(stack_id)), messages.StackStatus)
    assert_type(await orchestrator.ask(messages.GetStatus(stack_id), block=False), messages.StackStatus)
    assert_type(await orchestrator.ask(messages.Shutdown(), block=False), bool)


import recursor

recursor.Orchestra
"""


@pytest.mark.slow
def test_a_type_checker_knows_the_answers_and_the_names(tmp_path: Path) -> None:
    (tmp_path / "host.py").write_text(TYPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", str(tmp_path / "host.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert [line.partition(": ")[2] for line in done.stdout.splitlines()[:-1]] == [
        'error: Module has no attribute "Orchestra"; maybe "Orchestrator"?  [attr-defined]'
    ]


def test_the_examples_import_nothing_of_ours_but_the_face() -> None:
    for example in ("embedding", "researcher", "librarian"):
        source = (ROOT / "examples" / f"{example}.py").read_text(encoding="utf-8")
        assert not re.search(r"\brecursor\.\w+ import|import recursor\.", source)
