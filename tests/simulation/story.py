"""What happens in a simulation, as data drawn from a seed: it can be printed, shortened and repeated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

USUAL: Mapping[str, int] = {
    "pass_time": 16,
    "settle": 4,
    "visit": 12,
    "add_todo": 7,
    "edit_todo": 3,
    "cancel_todo": 4,
    "set_idea": 3,
    "rename": 2,
    "configure": 3,
    "pause": 6,
    "resume": 7,
    "start": 5,
    "stop": 4,
    "create": 2,
    "delete": 1,
    "write_to_stack": 3,
    "write_to_all": 2,
    "ask_status": 2,
    "ask_work": 2,
    "repeat": 3,
    "prune": 1,
    "prune_broadcasts": 1,
    "pause_all": 1,
    "resume_all": 1,
    "start_all": 1,
    "stop_all": 1,
    "limit_all": 1,
}
"""What people, visitors and other stacks do, and how often."""

FAULTS: Mapping[str, int] = {
    "crash": 3,
    "fill_disk": 4,
    "fail_commits": 2,
    "kill_supervisor": 2,
    "kill_child": 3,
    "jump_clock": 3,
    "write_late": 2,
    "blind": 2,
    "damage": 1,
    "shut_down": 2,
    "end_runner": 2,
}
"""What goes wrong, and how often where it does."""

MOODS: Mapping[str, int] = {
    "raises": 3,
    "gives_up": 2,
    "passes": 2,
    "suspends": 1,
    "exits": 1,
    "hangs": 2,
    "late": 3,
    "lies": 8,
}
"""What agents do instead of their work, in percent of their runs, where they do."""

ACTIONS = tuple(dict.fromkeys([*USUAL, *FAULTS]))


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that happens."""

    kind: str
    steps: int
    """How many steps of the engine are run before it."""
    pick: int
    """Decides which stack it happens to."""
    draw: int
    """Decides the details."""

    def __str__(self) -> str:
        return f"{self.steps} steps later: {self.kind}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stays the same while a story lasts."""

    agents: int
    """How many run at a time."""
    passivate_after: float
    failures_allowed: int
    child_deaths: int
    tokens: int | None
    """What all stacks may spend together."""
    runs_per_hour: int | None
    listens: bool
    """Whether somebody is told of events."""
    moods: Mapping[str, int]
    slow: int
    """Percent of the runs that take time."""
    spends: int
    """Percent of the runs of coroutines that call a model."""
    repositories: int
    """Percent of the stacks that have a repository."""


@dataclass(frozen=True, slots=True)
class Story:
    """All that the seed decides, but for the order of the engine's steps."""

    seed: int
    surroundings: Surroundings
    actions: tuple[Action, ...]
    length: int | None = None
    """How many actions were asked for; None: that was drawn, too."""

    def only(self, actions: tuple[Action, ...]) -> "Story":
        """Return the story with these actions alone."""
        return replace(self, actions=actions)


def draw_story(seed: int, length: int | None = None) -> Story:
    """Draw a story.

    Not every kind of fault is in every story, so that some go far in what others cut short.
    Source: swarm testing, https://users.cs.utah.edu/~regehr/papers/swarm12.pdf

    Args:
        seed: decides everything.
        length: how many actions; None: drawn, too.
    """
    random = Random(f"story {seed}")
    surroundings = Surroundings(
        agents=random.choice((1, 2, 3, 8)),
        passivate_after=random.choice((0.0, 0.5, 10.0)),
        failures_allowed=random.choice((2, 4, 1_000_000)),
        child_deaths=random.choice((1, 3, 1_000_000)),
        tokens=random.choice((None, None, 1500)),
        runs_per_hour=random.choice((None, None, 12)),
        listens=random.random() < 0.3,
        moods={mood: percent for mood, percent in MOODS.items() if random.random() < 0.4},
        slow=random.choice((0, 20, 60)),
        spends=random.choice((0, 0, 40)),
        # Drawn apart, so that the seeds tell of all else what they told before there were repositories.
        repositories=Random(f"repositories {seed}").choice((0, 0, 60)),
    )
    faults = {fault: weight for fault, weight in FAULTS.items() if random.random() < 0.4}
    usual = {kind: weight for kind, weight in USUAL.items() if random.random() < 0.85}
    count = length or int(random.triangular(10, 90, 25))
    return Story(seed, surroundings, tuple(_draw(random, {**usual, **faults}, count)), length)


def _draw(random: Random, weights: Mapping[str, int], count: int) -> Iterator[Action]:
    kinds, chances = list(weights), list(weights.values())
    for index in range(count):
        # There is something to begin with.
        kind = "create" if index < 3 else random.choices(kinds, chances)[0]
        steps = 0 if random.random() < 0.2 else min(int(random.expovariate(0.12)), 60)
        yield Action(kind, steps, random.randrange(1 << 16), random.randrange(1 << 30))
