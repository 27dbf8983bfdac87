"""The process that serves one GGUF file with llama.cpp: started by a runner, and ended with it."""

import os
import sys
from pathlib import Path


def main(path: str, parallel: str) -> None:
    """Serve the model in `path` on a free loopback port, print its address, and end when standard input ends.

    Args:
        path: the file.
        parallel: concurrent calls; they share the model's context.
    """
    import xllamacpp  # type: ignore[import-untyped]  # it has no types

    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.model_alias = {Path(path).stem}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_parallel = int(parallel)
    parameters.ui = False
    # Half of the cores, so that the runner stays responsive; and no spinning threads.
    parameters.cpuparams.n_threads = max(1, (os.cpu_count() or 2) // 2)
    parameters.cpuparams.poll = 0
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
