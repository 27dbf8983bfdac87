"""Models in files: a server for each, beside the runner, for the runner's lifetime."""

import importlib.util
import subprocess
import sys
import threading
from pathlib import Path
from select import select

from recursor.domain.extras import ExtraMissingError
from recursor.domain.spending import AgentFailedError

# A large file on a slow disk.
LOAD_SECONDS = 300.0
STOP_SECONDS = 30.0


class LocalServers:
    """Starts their servers at the first call, and shares them: a model takes as much memory as its file is
    large."""

    def __init__(self, parallel: int) -> None:
        """Let each serve `parallel` calls at a time."""
        self._parallel = parallel
        self._starting = threading.Lock()
        self._servers: dict[Path, tuple[subprocess.Popen[str], str]] = {}
        self._processes: list[subprocess.Popen[str]] = []
        self._closed = False

    def check(self, name: str) -> None:
        """Refuse a model that cannot be served.

        Raises:
            AgentFailedError: the file or the extra is missing.
        """
        path = _path(name)
        if not path.is_file():
            raise AgentFailedError(f"{name}: there is no file {path}: correct model.name", suspend=True)
        if importlib.util.find_spec("xllamacpp") is None:
            raise AgentFailedError(str(ExtraMissingError(name, "local")), suspend=True)

    def url(self, name: str) -> str:
        """Return the address of the model named `name`, `local:PATH`, starting its server if necessary.

        It blocks until the file is loaded.

        Raises:
            AgentFailedError: the file or the extra is missing, or the file cannot be loaded.
        """
        path = _path(name)
        with self._starting:
            known = self._servers.get(path)
            if known is not None and known[0].poll() is None:
                return known[1]
            self.check(name)
            process = self._start(path)
            url = self._said(process)
            if not url:
                process.kill()
                problem = "was not loaded in time" if url is None else "cannot be loaded"
                raise AgentFailedError(
                    f"{name}: {path} {problem}: is it a complete GGUF file, and is there enough memory?",
                    suspend=True,
                )
            self._servers[path] = (process, f"{url}/v1")
            return self._servers[path][1]

    def close(self) -> None:
        """End all servers."""
        self._closed = True
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait(STOP_SECONDS)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _start(self, path: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "recursor.agents.model.local_server", str(path), str(self._parallel)],
            # When this process ends, its end of the pipe closes, and the server ends, too.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._processes.append(process)
        if self._closed:
            process.kill()
        return process

    def _said(self, process: subprocess.Popen[str]) -> str | None:
        """Return a server's ready message: empty if it ended instead, None if it timed out."""
        assert process.stdout is not None
        ready, _, _ = select([process.stdout], [], [], LOAD_SECONDS)
        return process.stdout.readline().strip() if ready else None


def _path(name: str) -> Path:
    return Path(name.partition(":")[2]).expanduser().resolve()
