"""The command that reports problems, causes and remedies."""

import os
from typing import Annotated

import typer

from recursor.cli.access import check_data, open_place
from recursor.cli.local_only_commands import as_remote_command
from recursor.cli.options import DEFAULT_DATA, HERE, Json, Place
from recursor.cli.output import draw, print_json
from recursor.doctor.report import Report

WRONG = 1


def doctor(
    stack: Annotated[
        str | None,
        typer.Argument(
            metavar="[STACK]",
            help="A stack's id, its first digits or its name. [default: all stacks]",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Also exit with 1 for warnings.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Find problems, their causes and their remedies. Exits with 1 if there is a problem.

    Checks the data directory, its lock, the store, the disk, the clock, the runner, and every stack or the
    named one. Changes nothing. With --url, the remote runner reports its findings.
    """
    report = _examine_here(place, stack) if place.url is None else _examine_elsewhere(place, place.url, stack)
    if json:
        print_json(report)
    else:
        from recursor.cli.doctor_page import doctor_page

        draw(*doctor_page(report, place.url or str(place.data.absolute())))
    if report.problems or (strict and report.warnings):
        raise typer.Exit(WRONG)


def _examine_here(place: Place, stack: str | None) -> Report:
    from recursor.client.checkup import examine

    # Only the path is checked here; the doctor judges the contents.
    check_data(place.data)
    return examine(
        place.data,
        stack,
        in_commands=None if place.data == DEFAULT_DATA else os.fspath(place.data),
        configuration=place.configuration,
    )


def _examine_elsewhere(place: Place, url: str, stack: str | None) -> Report:
    """Return the report of a runner on itself and its stacks, with commands as typed here."""
    with open_place(place) as client:
        report = client.diagnosis(stack)
    findings = (
        each.but(commands=tuple(as_remote_command(command, url) for command in each.commands))
        for each in report.findings
    )
    return report.but(findings=tuple(findings))
