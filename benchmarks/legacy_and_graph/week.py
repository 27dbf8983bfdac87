"""What people do in a week, drawn from a seed: the same for both ways to run agents."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

DAY, HOUR = 86_400.0, 3_600.0

# Per stack. A team has an idea to work on about half of the time, and visitors at any time.
IDEAS_PER_DAY = 1.0
TODOS_PER_DAY = 2.0
VISITS_PER_DAY = 24.0
WISHES = 0.2
"""Share of the visitors who want something changed."""

# What a call of a model takes, in seconds: 95 % are within these bounds, and none is beyond.
SHORTEST, LONGEST = 2.0, 20.0
_MEAN = (math.log(SHORTEST) + math.log(LONGEST)) / 2
_DEVIATION = (math.log(LONGEST) - math.log(SHORTEST)) / 4


@dataclass(frozen=True, slots=True)
class Happening:
    """What a person does."""

    at: float
    """Seconds since the beginning."""
    stack: int
    kind: str
    """idea, todo or visit"""
    text: str


def week(seed: int, stacks: int, days: float) -> list[Happening]:
    """Return what happens, in order of time.

    Args:
        seed: decides all of it.
        stacks: how many teams there are.
        days: how long.
    """
    random = Random(f"week {seed}")
    happenings: list[Happening] = []
    for stack in range(stacks):
        happenings.append(Happening(random.uniform(0, HOUR), stack, "idea", f"idea 0 of {stack}"))
        for kind, per_day in (("idea", IDEAS_PER_DAY), ("todo", TODOS_PER_DAY), ("visit", VISITS_PER_DAY)):
            for number, at in enumerate(_moments(random, per_day, days), start=1):
                happenings.append(Happening(at, stack, kind, _text(random, kind, number, stack)))
    return sorted(happenings, key=lambda happening: happening.at)


def latency(seed: int, what: str) -> float:
    """Return how many seconds a model takes for some work: log-normal, the same whoever asks for it.

    Args:
        seed: decides it.
        what: the work.
    """
    drawn = Random(f"latency {seed} {what}").lognormvariate(_MEAN, _DEVIATION)
    return min(max(drawn, SHORTEST), LONGEST)


def _moments(random: Random, per_day: float, days: float) -> Iterator[float]:
    at = HOUR
    while True:
        at += random.expovariate(per_day / DAY)
        if at >= days * DAY:
            return
        yield at


def _text(random: Random, kind: str, number: int, stack: int) -> str:
    if kind == "visit":
        return f"{'please add this' if random.random() < WISHES else 'hello'}: {number} to {stack}"
    return f"{kind} {number} of {stack}"
