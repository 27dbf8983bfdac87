"""The invariants hold in whatever story a seed draws: see `scripts/simulate` for more of them."""

import pytest

from tests.simulation.playing import play_seeds, shortest, told

SEEDS, AT_A_TIME = 2000, 100


@pytest.mark.parametrize("first", range(0, SEEDS, AT_A_TIME))
def test_all_invariants_hold(first: int) -> None:
    for played in play_seeds(range(first, first + AT_A_TIME)):
        if played.violation is not None:
            pytest.fail(told(shortest(played)), pytrace=False)
