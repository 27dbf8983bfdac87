"""Kill -9 at random moments of a runner under load: the invariants of the design hold."""

import secrets
from pathlib import Path

import pytest

from tests.crash.lives import kill_many

# The simulation crashes far more often; these are for what it leaves out: threads, disks and the kernel.
FEW, MORE = 2, 4


@pytest.mark.crash
@pytest.mark.parametrize("kills", [FEW, pytest.param(MORE, marks=pytest.mark.slow)])
def test_the_invariants_hold_whatever_is_killed_when(tmp_path: Path, kills: int) -> None:
    # A failure names the seed: `scripts/crash KILLS --seed N` makes the same choices again.
    kill_many(tmp_path, kills, seed=secrets.randbelow(10**9))
