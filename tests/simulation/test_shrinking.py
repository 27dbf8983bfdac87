"""A story that fails is shortened to what it fails of, and can be played again from what is printed."""

from tests.simulation.playing import Played, chosen, told
from tests.simulation.shrinking import shortened
from tests.simulation.story import Story, draw_story
from tests.simulation.violation import Violation


def _needs(*kinds: str) -> object:
    def fails(story: Story) -> bool:
        left = [action.kind for action in story.actions]
        return all(kind in left for kind in kinds)

    return fails


def test_what_is_not_needed_is_left_out() -> None:
    story = draw_story(1, 120)
    kinds = sorted({action.kind for action in story.actions})[:3]

    short = shortened(story, _needs(*kinds))  # type: ignore[arg-type]  # it is what is asked for

    assert sorted(action.kind for action in short.actions) == kinds
    assert [action.steps for action in short.actions] == [0, 0, 0]


def test_steps_that_are_needed_stay() -> None:
    story = draw_story(1, 40)

    short = shortened(story, lambda tried: sum(action.steps for action in tried.actions) >= 30)

    assert 30 <= sum(action.steps for action in short.actions) < sum(action.steps for action in story.actions)


def test_trying_ends() -> None:
    tried: list[Story] = []

    def fails(story: Story) -> bool:
        tried.append(story)
        return False

    shortened(draw_story(1, 100), fails, most=10)

    assert len(tried) == 10


def test_a_shortened_story_is_played_again_from_what_is_printed() -> None:
    story = draw_story(5)
    short = shortened(story, _needs(story.actions[-1].kind))  # type: ignore[arg-type]  # it is what is asked for
    printed = told(Played(short, Violation("1 durable", "something is lost")))

    assert "seed 5: 1 durable: something is lost" in printed
    assert chosen(story, printed.rpartition("--only ")[2]) == short
