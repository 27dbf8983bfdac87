"""Plays stories, and says what each has shown."""

import gc
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from recursor.domain.errors import in_one_line
from tests.simulation.shrinking import shortened
from tests.simulation.story import Story, draw_story
from tests.simulation.violation import Violation
from tests.simulation.world import World

# Stories between two looks for garbage: each leaves some thousands of objects in circles.
_STORIES_PER_COLLECTION = 50
# Of what is told of a story: characters of a line, and lines.
_WIDEST, _LONGEST = 220, 100


@dataclass(frozen=True, slots=True)
class Played:
    """What a story came to."""

    story: Story
    violation: Violation | None
    steps: int = 0
    runs: int = 0
    """Of agents."""
    lives: int = 1
    """Of the process."""
    seconds: float = 0.0
    """Of simulated time."""


def play(story: Story, trace: Callable[[str], None] | None = None) -> Played:
    """Play a story.

    Args:
        story: the story.
        trace: told what happens, line by line.
    """
    world, violation = World(story, trace), None
    try:
        world.play()
    except Violation as found:
        violation = found.with_traceback(None)
    except Exception as error:  # noqa: BLE001  # whatever it is, others are still to be played
        trace = "".join(traceback.format_exception(error)[-3:])
        violation = Violation("exception", f"{in_one_line(error)}\n{trace}")
    played = Played(
        story,
        violation,
        world.steps,
        world.journal.runs,
        world.life + 1,
        world.process.scheduler.elapsed,
    )
    # Its parts know each other: without this they would stay until the next collection.
    vars(world.process).clear()
    vars(world).clear()
    return played


def play_seeds(seeds: Sequence[int], length: int | None = None) -> Iterator[Played]:
    """Play the stories of some seeds.

    Args:
        seeds: which.
        length: how many actions each has; None: drawn, too.
    """
    with _rare_collections():
        for number, seed in enumerate(seeds, start=1):
            yield play(draw_story(seed, length))
            if number % _STORIES_PER_COLLECTION == 0:
                gc.collect()


def shortest(played: Played) -> Played:
    """Return the shortest story that breaks the same invariant."""
    assert played.violation is not None
    invariant = played.violation.invariant

    def fails(story: Story) -> bool:
        violation = play(story).violation
        return violation is not None and violation.invariant == invariant

    with _rare_collections():
        return play(shortened(played.story, fails))


def told(played: Played) -> str:
    """Return what a story shows, and how to see it again."""
    lines: list[str] = []
    play(played.story, lines.append)
    return "\n".join(
        (
            f"seed {played.story.seed}: {played.violation}",
            *(f"    {line[:_WIDEST]}" for line in lines[-_LONGEST:]),
            f"    ({played.story.surroundings})",
            f"repeat it: ./scripts/simulate --from {played.story.seed} --trace{_only(played.story)}",
        )
    )


def chosen(story: Story, only: str) -> Story:
    """Return the part of a story that `told` has named.

    Args:
        story: the whole.
        only: "INDEX:STEPS,INDEX:STEPS".
    """
    pairs = [each.split(":") for each in only.split(",") if each]
    return story.only(tuple(replace(story.actions[int(index)], steps=int(steps)) for index, steps in pairs))


def _only(story: Story) -> str:
    whole = draw_story(story.seed, story.length)
    asked = "" if story.length is None else f" --actions {story.length}"
    if story.actions == whole.actions:
        return asked
    index_of = {(action.kind, action.pick, action.draw): index for index, action in enumerate(whole.actions)}
    kept = [f"{index_of[action.kind, action.pick, action.draw]}:{action.steps}" for action in story.actions]
    return f"{asked} --only {','.join(kept)}"


@contextmanager
def _rare_collections() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    gc.collect()
    # What was imported is not looked through each time.
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()
