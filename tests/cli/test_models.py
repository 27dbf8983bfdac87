"""What a person is told of the models that they name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import Done, run_to_end, started_runner

CHAIN = ("--set", "model.name=openai:gpt-5-mini", "--set", 'model.fallback=["anthropic:claude-sonnet-5-5"]')


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(variable, raising=False)


def test_a_slip_of_the_pen_is_doubted(recursor: Callable[..., Done]) -> None:
    done = recursor("create", "one", "--model", "openai:gpt5-mini")
    assert done.code == 0
    assert "openai:gpt5-mini is unknown: did you mean openai:gpt-5-mini?" in done.err


def test_models_that_there_is_no_key_for_are_named(data: Path) -> None:
    done = run_to_end("create", "one", *CHAIN, data=data, env={"OPENAI_API_KEY": "sk-of-the-test"})
    assert done.code == 0
    (line,) = done.err.splitlines()
    assert line.startswith("recursor: model.fallback: no key for anthropic:claude-sonnet-5-5: set ANTHR")


def test_it_is_the_runner_that_needs_them(data: Path, recursor: Callable[..., Done]) -> None:
    keys = {"OPENAI_API_KEY": "sk-of-the-test", "ANTHROPIC_API_KEY": "sk-of-the-test"}
    with started_runner(data=data, env=keys):
        assert recursor("create", "one", *CHAIN).err == ""
        assert recursor("doctor").code == 0
