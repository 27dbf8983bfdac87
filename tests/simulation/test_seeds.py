"""The invariants hold in whatever story a seed draws: see `scripts/simulate` for more of them."""

import pytest

from tests.simulation.playing import play_seeds, shortest, told

SEEDS, ALWAYS, AT_A_TIME = 2000, 500, 50

FIRSTS = [
    pytest.param(first, marks=[] if first < ALWAYS else pytest.mark.slow)
    for first in range(0, SEEDS, AT_A_TIME)
]


@pytest.mark.parametrize("first", FIRSTS)
def test_all_invariants_hold(first: int) -> None:
    for played in play_seeds(range(first, first + AT_A_TIME)):
        if played.violation is not None:
            pytest.fail(told(shortest(played)), pytrace=False)
