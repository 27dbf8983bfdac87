from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.crash.lives import Lives


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[Lives]:
    """A directory with some stacks, whose runner has ended."""
    lives = Lives(tmp_path / "data", Random(tmp_path.name), witnesses=tmp_path)
    lives.begin()
    yield lives
    lives.leave_nobody()
