"""The programs in docs/how-to/client.md do what the page says."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from recursor.client import Client
from recursor.runner.process import Runner

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "client.md"
NOTEBOOK, SERVICE = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(NOTEBOOK, str(PAGE), "exec"), {})
    assert capsys.readouterr().out.splitlines() == [
        "habits idle None", "['larger buttons']", "(('habits', 'idle'),)",
    ]  # fmt: skip


def test_the_service(tmp_path: Path) -> None:
    service: dict[str, Any] = {}
    exec(compile(SERVICE, str(PAGE), "exec"), service)
    with Runner(tmp_path / "data", port=0) as runner, Client(tmp_path / "data") as client:
        client.create("habits", idea="a habit tracker", start=True)
        assert asyncio.run(service["answer"](runner.url, None, "habits", "Could you add a search?"))
        refused = asyncio.run(service["answer"](runner.url, None, "nope", "Hello?"))
    assert refused.startswith("Sorry: no stack named 'nope'")
