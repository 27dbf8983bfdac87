"""A runner on a machine without shared memory, as in a container with a tiny /dev/shm."""

from pathlib import Path

import httpx

from tests.processes import TIMEOUT, started_runner

# Python imports it first, in the runner's process and in those that it starts.
NO_SEMAPHORES = """
import _multiprocessing


class SemLock:
    SEM_VALUE_MAX = 1

    def __init__(self, *_):
        raise OSError(28, "No space left on device")

    @staticmethod
    def _rebuild(*_):
        raise OSError(28, "No space left on device")


_multiprocessing.SemLock = SemLock
"""


def test_the_dashboard_and_the_api_are_served_without_shared_memory(tmp_path: Path) -> None:
    patched = tmp_path / "patched"
    patched.mkdir()
    (patched / "sitecustomize.py").write_text(NO_SEMAPHORES)
    env = {"PYTHONPATH": str(patched)}
    with (
        started_runner(data=tmp_path / "data", env=env) as runner,
        httpx.Client(base_url=runner.url, timeout=TIMEOUT) as client,
    ):
        assert client.get("/api/stacks").status_code == 200
        page = client.get("/")
        assert (page.status_code, "Recursor" in page.text) == (200, True)
