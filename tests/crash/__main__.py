"""Kills a runner any number of times: see `scripts/crash`."""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.crash.lives import Lives, kill_many
from tests.crash.process import BrokenInvariantError

# One directory sees so many: checking all of its history after every kill takes longer and longer.
KILLS_PER_DIRECTORY = 40


def main() -> int:
    """Kill, print how far it is, and the verdict."""
    parser = argparse.ArgumentParser(prog="scripts/crash", description=__doc__)
    parser.add_argument("kills", type=int, help="how many times")
    parser.add_argument("--seed", type=int, help="repeat a run's choices (not its timing)")
    options = parser.parse_args()
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    kinds: Counter[str] = Counter()
    killed, begun = 0, time.monotonic()

    def told(lives: Lives) -> None:
        print(f"\r{killed + lives.kills} of {options.kills} kills", end="", flush=True)  # noqa: T201

    while killed < options.kills:
        directory = Path(tempfile.mkdtemp(prefix=f"recursor-crash-{seed}-"))
        try:
            lives = kill_many(directory, min(KILLS_PER_DIRECTORY, options.kills - killed), seed, told)
        except BrokenInvariantError as broken:
            print(f"\nBROKEN: {broken}", file=sys.stderr)  # noqa: T201
            return 1
        killed, seed = killed + lives.kills, seed + 1
        kinds.update(lives.kinds)
        shutil.rmtree(directory)
    seconds = time.monotonic() - begun
    print(f"\nall invariants hold: {killed} kills in {seconds:.0f} s ({_shown(kinds)})")  # noqa: T201
    return 0


def _shown(kinds: Counter[str]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())


if __name__ == "__main__":
    sys.exit(main())
