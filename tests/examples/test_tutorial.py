"""The programs of the tutorial run as they stand there, and the practice model takes a team to the end."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples.practice_model import PracticeModel
from tests.model_stub.server import ModelStub
from tests.processes import run_to_end

TUTORIAL = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text()
ARCHIVIST, HOST = re.findall(r"^```python\n(.*?)^```", TUTORIAL, re.MULTILINE | re.DOTALL)


def test_the_role_runs_in_a_team(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "archivist.py").write_text(ARCHIVIST)
    monkeypatch.chdir(tmp_path)
    arguments = ("--team", "archivist:team", "--name", "notes", "--idea", "a page of notes", "--until-done")
    done = run_to_end("run", *arguments, "--port", "0", data=data)
    assert done.code == 0, done.err
    traces = run_to_end("traces", "notes", "--role", "archivist", data=data)
    assert "Recorded: version 1 has" in traces.out


def test_the_host_runs_a_team_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "host.py").write_text(HOST)
    done = subprocess.run(
        [sys.executable, "host.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.splitlines()[-1].startswith("complete")


@pytest.mark.slow
def test_the_practice_model_completes_a_project(data: Path) -> None:
    with ModelStub(PracticeModel(latency=0.0)) as server:
        settings = ("--set", f"model.base_url={server.url}", "--set", "budget.tokens=200000")
        arguments = ("--model", "openai-chat:practice", "--name", "shopping", "--idea", "a shopping list")
        done = run_to_end("run", *arguments, *settings, "--until-done", "--port", "0", data=data)
    assert done.code == 0, done.err
    assert "part-3" in run_to_end("artifact", "shopping", data=data).out
