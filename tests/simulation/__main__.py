"""Plays stories drawn from seeds, and shortens the first that breaks an invariant: see `scripts/simulate`."""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.simulation.playing import Played, chosen, play, play_seeds, shortest, told
from tests.simulation.story import draw_story

_CHUNK = 100


def main() -> int:
    """Play, print how far it is, and the verdict."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many stories to play")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the seed of the first")
    parser.add_argument("--actions", type=int, help="how many things happen in each, if not drawn, too")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes play")
    parser.add_argument("--all", action="store_true", help="go on after the first that fails")
    parser.add_argument("--trace", action="store_true", help="print what happens, for one seed")
    parser.add_argument("--only", help="play these actions alone, as a failure has printed them")
    options = parser.parse_args()
    if options.trace or options.only is not None:
        return _show(options)
    begun, count, steps, runs, lives, failed = time.monotonic(), 0, 0, 0, 0, 0
    for played in _played(options):
        count += 1
        steps, runs, lives = steps + played.steps, runs + played.runs, lives + played.lives
        if played.violation is not None:
            failed += 1
            _print(f"\n{told(shortest(played))}", error=True)
            if not options.all:
                return 1
        if count % _CHUNK == 0:
            _print(f"\r{count:,} of {options.seeds:,} seeds", end="")
    seconds = time.monotonic() - begun
    _print(
        f"\n{count:,} seeds, {failed} failed: {steps:,} steps, {runs:,} runs of agents, {lives:,} lives of "
        f"processes, in {seconds:,.0f} s ({count / seconds:,.1f} seeds/s)"
    )
    return 1 if failed else 0


def _played(options: argparse.Namespace) -> Iterator[Played]:
    seeds = range(options.first, options.first + options.seeds)
    if options.jobs == 1:
        yield from play_seeds(seeds, options.actions)
        return
    with ProcessPoolExecutor(options.jobs) as pool:
        chunks = [
            pool.submit(_play_all, seeds[start : start + _CHUNK], options.actions)
            for start in range(0, len(seeds), _CHUNK)
        ]
        for chunk in as_completed(chunks):
            yield from chunk.result()


def _play_all(seeds: range, length: int | None) -> list[Played]:
    return list(play_seeds(seeds, length))


def _show(options: argparse.Namespace) -> int:
    story = draw_story(options.first, options.actions)
    if options.only is not None:
        story = chosen(story, options.only)
    played = play(story, _print if options.trace else None)
    _print(f"seed {options.first}: {played.violation or 'all invariants hold'}")
    return 0 if played.violation is None else 1


def _print(line: str, *, end: str = "\n", error: bool = False) -> None:
    print(line, end=end, flush=True, file=sys.stderr if error else sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
