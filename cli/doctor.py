"""The command that says what is wrong, why, and what puts it right."""

import os
from typing import Annotated

import typer

from recursor.cli.access import open_data
from recursor.cli.configured import configuration
from recursor.cli.options import DEFAULT_DATA, Data, Json
from recursor.cli.output import draw, print_json

WRONG = 1


def doctor(
    context: typer.Context,
    stack: Annotated[
        str | None,
        typer.Argument(
            metavar="[STACK]",
            help="A stack's id, the first digits of it, or its name; by default all stacks.",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings, too.")] = False,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Say what is wrong, why, and what puts it right. Exits with 1 if there is a problem.

    Looks at everything: the data directory, its lock, the store, the disk, the clock, the runner, and every
    stack or the one that is named. Changes nothing.
    """
    from recursor.runner.checkup import examine

    # Checks the path; what is there is for the doctor to judge.
    open_data(data).close()
    found = configuration(context)
    report = examine(
        data,
        stack,
        in_commands=None if data == DEFAULT_DATA else os.fspath(data),
        settings=found.settings,
        poll_seconds=found.runner.poll_seconds,
        token=found.token,
    )
    if json:
        print_json(report)
    else:
        from recursor.cli.doctor_page import doctor_page

        draw(*doctor_page(report, str(data.absolute())))
    if report.problems or (strict and report.warnings):
        raise typer.Exit(WRONG)
