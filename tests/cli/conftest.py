from collections.abc import Callable
from pathlib import Path

import pytest

from recursor.cli.app import run_command


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs a command in an empty current directory; returns its output, or its one complaint."""
    monkeypatch.chdir(tmp_path)
    # Wide tables are drawn in full.
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: str, code: int = 0) -> str:
        found = run_command(arguments)
        told = capsys.readouterr()
        assert found == code, told.err
        if code == 0:
            assert told.err == ""
            return told.out
        assert told.out == ""
        (line,) = told.err.splitlines()
        return line.removeprefix("recursor: ")

    return run
