"""Pykka's own test-suite passes on dispatched actors: they are what Pykka's users expect of an actor."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

VERSION = importlib.metadata.version("pykka")
SDIST = Path(sys.prefix) / "sdists" / f"pykka-{VERSION}.tar.gz"

NOT_OURS = [
    # About a thread per actor, which is what a dispatched actor has not; they start `pykka.ThreadingActor`
    # itself.
    "tests/test_threading_actor.py::test_actor_thread_is_named_after_pykka_actor_class",
    "tests/test_threading_actor.py::test_actor_thread_is_not_daemonic_by_default",
    "tests/test_threading_actor.py::test_actor_thread_is_daemonic_if_use_daemon_thread_flag_is_set",
]


@pytest.mark.skipif(
    not SDIST.exists(),
    reason=f"no {SDIST}: {sys.executable} -m pip download --no-deps --no-binary pykka "
    f"--dest {SDIST.parent} pykka=={VERSION}",
)
@pytest.mark.parametrize("threads", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_pykkas_own_tests_pass(threads: int, tmp_path: Path) -> None:
    # Not in this process: which warnings and which arguments extracting takes depends on Python's patch
    # release.
    subprocess.run([sys.executable, "-m", "tarfile", "-e", SDIST, tmp_path], check=True)
    report = tmp_path / "report.xml"

    suite = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "pykka_runtime", "-q", f"--junitxml={report}", "tests"),
            *(f"--deselect={test}" for test in NOT_OURS),
        ],
        cwd=tmp_path / f"pykka-{VERSION}",
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent),
            "RECURSOR_DISPATCHER_THREADS": str(threads),
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert suite.returncode == 0, suite.stdout + suite.stderr
    (counts,) = ElementTree.parse(report).getroot()
    assert int(counts.attrib["tests"]) > 100
    assert int(counts.attrib["skipped"]) == 0
