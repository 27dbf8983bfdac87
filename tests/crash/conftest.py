from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.crash.lives import Lives


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Lives:
    """A directory with some stacks, whose runner has ended."""
    place = tmp_path_factory.mktemp("begun")
    lives = Lives(place / "data", Random(place.name), witnesses=place)
    try:
        lives.begin()
    finally:
        lives.leave_nobody()
    return lives


@pytest.fixture
def lives(begun: Lives, tmp_path: Path) -> Iterator[Lives]:
    """A copy of it."""
    lives = begun.copied(tmp_path, tmp_path / "data", Random(tmp_path.name))
    yield lives
    lives.leave_nobody()
