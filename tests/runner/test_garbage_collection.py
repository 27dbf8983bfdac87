"""A process that runs stacks looks for garbage less often, and still finds it."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from recursor.runner.garbage_collection import YOUNG, seldom_collected


class Circle:
    """Refers to itself: only a look for garbage frees it."""

    def __init__(self) -> None:
        self.itself = self


def looked_at(thing: object) -> bool:
    return any(each is thing for each in gc.get_objects())


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    assert gc.get_threshold() == thresholds
    assert gc.get_freeze_count() == 0


def test_what_was_there_before_is_left_out_and_what_comes_is_found() -> None:
    old = Circle()
    with seldom_collected():
        assert gc.get_freeze_count() > 0
        assert not looked_at(old)
        young = weakref.ref(Circle())
        gc.collect()
        assert young() is None
    assert looked_at(old)


def test_looks_are_made_as_seldom_as_is_said() -> None:
    looks = []

    def told(phase: str, _about: dict[str, int]) -> None:
        looks.append(phase)

    with seldom_collected():
        gc.collect()
        gc.callbacks.append(told)
        try:
            kept: list[list[int]] = [[] for _ in range(YOUNG // 2)]
            assert looks == []
            kept += [[] for _ in range(YOUNG)]
            assert "stop" in looks
        finally:
            gc.callbacks.remove(told)


def test_it_is_as_before_when_the_runner_could_not_start() -> None:
    with pytest.raises(ValueError, match="no"), seldom_collected():
        raise ValueError("no")
