"""Environments for the other frameworks, whose dependencies get on neither with ours nor with one another."""

import configparser
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]

# No peer may tell anybody of what it does here.
SILENT = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "OTEL_SDK_DISABLED": "true",
    "ANONYMIZED_TELEMETRY": "false",
    "NO_PROXY": "127.0.0.1",
}


def cache() -> Path:
    """Return where environments are kept: outside the repository."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "recursor" / "peers"


def python_with(peer: str) -> Path:
    """Return the interpreter of an environment that has `peer`, made at its first use.

    Args:
        peer: what the names of its packages begin with, among those of the extra `peers` in setup.cfg.

    Raises:
        subprocess.CalledProcessError: it could not be installed; pip has said why.
    """
    folder = cache() / peer
    python = folder / "bin" / "python"
    pins = Path(__file__).parent / f"{peer}-constraints.txt"
    wanted = "\n".join([sys.version, *_requirements(peer), pins.read_text()])
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    sys.stderr.write(f"benchmark: installing {peer} into {folder} (once)\n")
    venv.create(folder, clear=True, with_pip=True)
    pip = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, "--constraint", pins, *_requirements(peer)], check=True)
    stamp.write_text(wanted)
    return python


def environment(home: Path) -> dict[str, str]:
    """Return the variables of a peer's process: it keeps its files in `home`, and is silent."""
    ours = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home)}
    return {**ours, **SILENT, "CREWAI_STORAGE_DIR": "crewai", "PYTHONUNBUFFERED": "1"}


def _requirements(peer: str) -> list[str]:
    described = configparser.ConfigParser()
    described.read(ROOT / "setup.cfg")
    lines = described["options.extras_require"]["peers"].split()
    return [line for line in lines if line.startswith(peer)]
