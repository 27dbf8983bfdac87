"""`scripts/setup` sets up once, and keeps to the Python that it was set up with."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[2]


def program(path: Path, special: str) -> None:
    """A Python that does one thing otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\ncase "$*" in\n{special}\nesac\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)


def set_up(home: Path, python: Path) -> str:
    env = {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [home / "scripts" / "setup"], env=env, capture_output=True, text=True, check=True, timeout=180
    )
    return done.stderr


def test_another_python_on_the_path_changes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "checkout"
    (home / "scripts").mkdir(parents=True)
    for name in ("setup.cfg", "pyproject.toml", "constraints.txt", "scripts/setup"):
        shutil.copy(HOME / name, home / name)
    program(home / ".venv" / "bin" / "python", "*-m*pip*) exit 0;;")
    one, other = tmp_path / "one" / "python3", tmp_path / "other" / "python3"
    program(one, "none) ;;")
    program(other, "*sys.version*) echo 3.99; exit 0;;")
    assert "setting up" in set_up(home, one)
    assert set_up(home, one) == ""
    assert set_up(home, other) == ""
