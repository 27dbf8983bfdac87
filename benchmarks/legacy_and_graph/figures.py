"""What a journal comes to: the figures of the guide's table, and a few more."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from benchmarks.legacy_and_graph.week import Happening
from benchmarks.legacy_and_graph.work import Journal, Run


@dataclass(frozen=True, slots=True)
class Figures:
    """One way to run agents, over a week."""

    runs: int
    idle_percent: float
    """Runs for which the role's detector gave no reason."""
    idle_at_work_percent: float
    """Of the runs that began while their team had an unfinished idea."""
    fruitless_percent: float
    """Runs that proposed nothing, reason or not: a periodic look may find that all is well."""
    response_median: float
    """Seconds from a visitor's message to the beginning of the run that answers it."""
    response_99th: float
    unanswered: int
    parallel_percent: float
    """Of the time in which a team has an agent at work: that in which it has two or more."""
    projects: int
    """Ideas that were finished."""
    runs_per_project: float
    done_median: float
    """Seconds from an idea to its end."""
    done_beside_critical: float
    """That time, as a multiple of what the planner's and builder's calls took alone; the median."""
    model_hours: float
    """Hours of calls."""


def figures(journal: Journal, happenings: Sequence[Happening]) -> Figures:
    """Return the figures of a week.

    Args:
        journal: what was noted.
        happenings: what people did.
    """
    visits = {each.text: each.at for each in happenings if each.kind == "visit"}
    waited = sorted(journal.answers[text] - at for text, at in visits.items() if text in journal.answers)
    by_stack: dict[int, list[Run]] = defaultdict(list)
    for run in journal.runs:
        by_stack[run.stack].append(run)
    done: list[float] = []
    ratios: list[float] = []
    at_work: list[Run] = []
    for each in happenings:
        if each.kind == "idea" and each.text in journal.finished:
            end = journal.finished[each.text]
            within = [run for run in by_stack[each.stack] if each.at <= run.began <= end]
            critical = _critical(within, end)
            at_work += within
            done.append(end - each.at)
            ratios.append((end - each.at) / critical)
    runs = journal.runs
    busy, parallel = map(sum, zip(*(_busy(of_stack) for of_stack in by_stack.values()), strict=True))
    return Figures(
        runs=len(runs),
        idle_percent=100 * _share(run.idle for run in runs),
        idle_at_work_percent=100 * _share(run.idle for run in at_work),
        fruitless_percent=100 * _share(run.fruitless for run in runs),
        response_median=statistics.median(waited),
        response_99th=waited[int(0.99 * (len(waited) - 1))],
        unanswered=len(visits) - len(waited),
        parallel_percent=100 * parallel / busy,
        projects=len(done),
        runs_per_project=len(runs) / len(done),
        done_median=statistics.median(done),
        done_beside_critical=statistics.median(ratios),
        model_hours=sum(run.ended - run.began for run in runs) / 3600,
    )


def as_json(found: Figures) -> dict[str, float]:
    """Return figures as plain data, to three digits after the point."""
    return {name: round(value, 3) for name, value in asdict(found).items()}


def _share(flags: Iterable[bool]) -> float:
    counted = list(flags)
    return sum(counted) / len(counted)


def _critical(runs: Iterable[Run], end: float) -> float:
    """Return the seconds of the calls that had to follow each other: of the planner and the builder."""
    return sum(
        run.ended - run.began
        for run in runs
        if run.role in ("planner", "builder") and not run.fruitless and run.ended <= end
    )


def _busy(runs: Iterable[Run]) -> tuple[float, float]:
    """Return the seconds with one agent or more at work, and with two or more."""
    moments = sorted([(run.began, 1) for run in runs] + [(run.ended, -1) for run in runs])
    busy = parallel = last = 0.0
    at_work = 0
    for moment, change in moments:
        busy += (moment - last) * (at_work >= 1)
        parallel += (moment - last) * (at_work >= 2)
        at_work, last = at_work + change, moment
    return busy, parallel
