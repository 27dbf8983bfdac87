"""How fast do several builders solve ten small repositories, and what does that cost Recursor?

.venv/bin/python -m benchmarks.task_set [--builders 1,2,4,8] [--tasks slugifier,matrix] [--rounds N]
RECURSOR_TRY_MODEL=openai:gpt-5-mini .venv/bin/python -m benchmarks.task_set --tasks slugifier

Each repository has failing tests and four to eight todos that say which others they need and which files they
are about; in two of them, todos change the same lines and do not say so. The standard builder and integrator
do them, one repository after the other: LMDB on this disk, git, the sandbox, the builder that gives a model
tools. The model is `benchmarks.task_set.rule_model`, in a process of its own, which takes `--latency` seconds
for each answer.

- `seconds`: until all todos are merged and all checks pass, with the clone, summed over the repositories.
- `critical_path_seconds`: the longest chain of todos that need each other, each with its model's answers and
  its two checks (the builder's and that of the merge), after the clone's check. `least_seconds`: that, or, if
  more, all answers and builders' checks shared out among the builders. Checks count as long as they take here
  when nothing else runs, `check_seconds` at the top; beside the other figures it is the mean of the checks of
  merges, which is longer when the machine is busy.
- `merged`, `refused`, `repeated`: commits that became part of the tip, that were returned because they
  conflict or fail, and that were made for a todo which had one before.
- `processor_ms_per_run`: of this process, for a run of a builder or the integrator, without the sandbox and
  the checks in it.

JSON goes to standard output, a table to standard error. With RECURSOR_TRY_MODEL=PROVIDER:MODEL and its key,
the same set is done by that model, with the largest number of builders, and its cost is reported.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks.idle_team import report
from benchmarks.model_stacks import fetch
from benchmarks.task_set.rule_model import answers
from benchmarks.task_set.solving import Solved, TaskTeam, check_seconds, task_team
from benchmarks.task_set.task_repository import TaskRepository, task_set
from recursor.domain.settings import Overrides

# Seconds for one repository: with the fake model something is wrong by then, a real one may be slow.
PATIENCE, PATIENCE_WITH_A_MODEL = 600.0, 3_600.0
# The most that a real model may use for one repository.
MOST_TOKENS = 1_000_000
TRY_MODEL = "RECURSOR_TRY_MODEL"


@contextmanager
def rule_model(latency: float) -> Iterator[str]:
    """Serve the fake model in a process of its own; yield its URL."""
    command = [sys.executable, "-m", "benchmarks.task_set.rule_model", "--latency", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            yield url
            assert fetch(url)["problems"] == []
        finally:
            process.stdin.close()


def by_rules(url: str) -> Overrides:
    """Return the settings of a team that asks the fake model."""
    return {"model": {"name": "openai:builder", "base_url": url, "context_tokens": 100_000}}


def solved_by(
    team: TaskTeam, tasks: Sequence[TaskRepository], builders: int, settings: Overrides, patience: float
) -> list[Solved]:
    """Have repositories solved, one after the other, each by so many builders."""
    solved = []
    for each in tasks:
        solved.append(team.solve(each, builders, settings, patience))
        _say(f"{builders} builders, {each.name}: {solved[-1].seconds:.1f} s {solved[-1].problem}".rstrip())
    return solved


def solved_by_rules(tasks: Sequence[TaskRepository], builders: int, url: str) -> list[Solved]:
    """Have repositories solved with the fake model at `url`."""
    with task_team(builders) as team:
        # The first run of an agent imports what all others use.
        team.solve(tasks[0].only([tasks[0].todos[0].name]), 1, by_rules(url), PATIENCE)
        return solved_by(team, tasks, builders, by_rules(url), PATIENCE)


def critical_path(tasks: TaskRepository, latency: float, check: float) -> float:
    """Return the seconds that no number of builders can save: the clone's check, and the longest chain."""
    return check + tasks.longest_chain(
        {todo.name: answers(todo) * latency + 2 * check for todo in tasks.todos}
    )


def least(tasks: TaskRepository, builders: int, latency: float, check: float) -> float:
    """Return the fewest seconds that so many builders need."""
    work = sum(answers(todo) * latency + check for todo in tasks.todos)
    return max(critical_path(tasks, latency, check), check + work / builders)


def figures(rounds: Sequence[Sequence[Solved]]) -> dict[str, Any]:
    """Return the figures of the same repositories, solved once or several times."""
    solved = [each for one in rounds for each in one]
    runs = max(sum(each.runs for each in solved), 1)
    checks = [seconds for each in solved for seconds in each.check_seconds]
    return {
        "seconds": round(statistics.median(sum(each.seconds for each in one) for one in rounds), 1),
        "succeeded": sum(each.succeeded for each in solved),
        "of": len(solved),
        "merged": sum(each.merged for each in solved),
        "refused": sum(each.refused for each in solved),
        "repeated": sum(each.repeated for each in solved),
        "cycles": sum(each.cycles for each in solved),
        "runs": sum(each.runs for each in solved),
        "check_seconds": round(statistics.mean(checks), 3) if checks else None,
        "processor_ms_per_run": round(1000 * sum(each.own_seconds for each in solved) / runs, 1),
        "problems": [each.problem for each in solved if each.problem],
    }


def measure(tasks: Sequence[TaskRepository], chosen: argparse.Namespace) -> dict[str, Any]:
    """Return the figures with the fake model, by number of builders."""
    checks = {each.name: check_seconds(each) for each in tasks}
    found: dict[str, Any] = {}
    for builders in chosen.builders:
        with rule_model(chosen.latency) as url:
            rounds = [solved_by_rules(tasks, builders, url) for _ in range(chosen.rounds)]
        paths = [critical_path(each, chosen.latency, checks[each.name]) for each in tasks]
        bounds = [least(each, builders, chosen.latency, checks[each.name]) for each in tasks]
        found[str(builders)] = {
            **figures(rounds),
            "critical_path_seconds": round(sum(paths), 1),
            "least_seconds": round(sum(bounds), 1),
            "repositories": {
                each.name: {
                    "seconds": round(statistics.median(one[number].seconds for one in rounds), 1),
                    "critical_path_seconds": round(paths[number], 1),
                    "least_seconds": round(bounds[number], 1),
                    "refused": sum(one[number].refused for one in rounds),
                }
                for number, each in enumerate(tasks)
            },
        }
    return {
        "todos": sum(len(each.todos) for each in tasks),
        "check_seconds": round(statistics.mean(checks.values()), 3),
        "builders": found,
    }


def tried(tasks: Sequence[TaskRepository], builders: int) -> dict[str, Any] | str:
    """Return the figures with a real model, or that it was not asked."""
    name = os.environ.get(TRY_MODEL)
    if not name:
        return f"skipped: {TRY_MODEL} names no model"
    settings: Overrides = {"model": {"name": name}, "budget": {"tokens": MOST_TOKENS}}
    with task_team(builders) as team:
        solved = solved_by(team, tasks, builders, settings, PATIENCE_WITH_A_MODEL)
    return {
        "model": name,
        "builders": builders,
        **figures([solved]),
        "tokens": sum(each.tokens for each in solved),
        "dollars": str(sum(each.cost for each in solved)),
        "repositories": {
            each.name: {
                "succeeded": found.succeeded,
                "seconds": round(found.seconds, 1),
                "refused": found.refused,
                "dollars": str(found.cost),
            }
            for each, found in zip(tasks, solved, strict=True)
        },
    }


def table(found: dict[str, Any]) -> str:
    """Return the main figures as a table."""
    columns = {
        "seconds": "seconds",
        "critical path": "critical_path_seconds",
        "least": "least_seconds",
        "solved": "succeeded",
        "of": "of",
        "merged": "merged",
        "refused": "refused",
        "repeated": "repeated",
        "runs": "runs",
        "processor ms/run": "processor_ms_per_run",
    }
    lines = [["builders", *columns]]
    lines += [[builders, *(str(row[key]) for key in columns.values())] for builders, row in found.items()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, and print the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--builders", default="1,2,4,8", type=lambda text: [int(n) for n in text.split(",")])
    options.add_argument("--tasks", default="", help="names of repositories; all, if not given")
    options.add_argument("--rounds", type=int, default=1, help="how often; the median time is taken")
    options.add_argument("--latency", type=float, default=0.3, help="seconds of every answer")
    chosen = options.parse_args()
    try:
        tasks = task_set([name for name in chosen.tasks.split(",") if name])
    except ValueError as error:
        options.error(str(error))
    found = measure(tasks, chosen)
    real = tried(tasks, max(chosen.builders))
    report(
        {
            "answer_seconds": chosen.latency,
            "rounds": chosen.rounds,
            "load_of_the_machine": os.getloadavg()[0],
            **found,
            "real_model": real,
        }
    )
    _say(table(found["builders"]))
    _say(f"With a real model: {real}")


if __name__ == "__main__":
    main()
