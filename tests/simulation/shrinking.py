"""The shortest story that still shows what a longer one has shown.

Source: delta debugging, https://www.st.cs.uni-saarland.de/papers/tse2002/
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.simulation.story import Action, Story

Fails = Callable[[Story], bool]
"""Whether a story shows it."""

MOST_TRIES = 600


class _Tries:
    """Counts the stories that were tried, so that shortening one ends."""

    def __init__(self, story: Story, fails: Fails, most: int) -> None:
        self._story = story
        self._fails = fails
        self.left = most

    def fail(self, actions: Sequence[Action]) -> bool:
        """Whether a story of these actions shows it; not, if there were too many tries."""
        if self.left <= 0:
            return False
        self.left -= 1
        return self._fails(self._story.only(tuple(actions)))


def shortened(story: Story, fails: Fails, most: int = MOST_TRIES) -> Story:
    """Return a story with fewer actions, and fewer steps before them, that fails like this one.

    Args:
        story: one that fails.
        fails: plays a story.
        most: how many stories to try.
    """
    tries = _Tries(story, fails, most)
    actions = _without_needless(list(story.actions), tries)
    return story.only(tuple(_with_fewer_steps(actions, tries)))


def _without_needless(actions: list[Action], tries: _Tries) -> list[Action]:
    size = max(len(actions) // 2, 1)
    while True:
        kept, start = actions, 0
        while start < len(kept):
            without = kept[:start] + kept[start + size :]
            if tries.fail(without):
                kept = without
            else:
                start += size
        if size == 1 and len(kept) == len(actions):
            return kept
        actions, size = kept, max(size // 2, 1)
        if tries.left <= 0:
            return kept


def _with_fewer_steps(actions: list[Action], tries: _Tries) -> list[Action]:
    for index, action in enumerate(actions):
        for steps in (0, action.steps // 4, action.steps // 2):
            if steps >= action.steps:
                break
            fewer = [*actions]
            fewer[index] = replace(action, steps=steps)
            if tries.fail(fewer):
                actions = fewer
                break
    return actions
