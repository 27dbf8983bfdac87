"""The commands on approvals: list them, approve and reject."""

import time
from typing import Annotated

import typer

from recursor.cli.access import open_place
from recursor.cli.options import HERE, Json, Place, given_text
from recursor.cli.output import draw, print_json, say
from recursor.domain.approval import Approval
from recursor.domain.errors import InvalidInputError

_Named = Annotated[str, typer.Argument(metavar="ID", help="The approval: its id, or the last digits of it.")]
_Note = Annotated[
    str | None,
    typer.Option(
        "--note", metavar="TEXT", help="A note for the agents; - reads it from stdin.", callback=given_text
    ),
]


def approvals(
    stack: Annotated[
        str | None, typer.Argument(metavar="[STACK]", help="Only of this stack: its name or id.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="With STACK: also those that were answered or used.")
    ] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """List what agents ask people for."""
    if every and stack is None:
        raise InvalidInputError("approvals: --all goes with a stack: recursor approvals STACK --all")
    with open_place(place) as client:
        if every and stack is not None:
            asked = [(stack, approval) for approval in client.approvals(stack)]
        else:
            asked = [(each.stack, each.approval) for each in client.open_approvals(stack)]
    if json:
        print_json([{"stack": name, "approval": each.model_dump(mode="json")} for name, each in asked])
    elif asked:
        from recursor.cli.approval_tables import approvals_view

        draw(approvals_view(asked, time.time()))
    else:
        say("nothing waits for approval")


def approve(approval: _Named, note: _Note = None, place: Place = HERE, json: Json = False) -> None:
    """Approve what an agent asks for: it does that once."""
    _answer(approval, note, place, json, approved=True)


def reject(approval: _Named, note: _Note = None, place: Place = HERE, json: Json = False) -> None:
    """Reject what an agent asks for; it sees the note in its next run."""
    _answer(approval, note, place, json, approved=False)


def _answer(named: str, note: str | None, place: Place, json: bool, *, approved: bool) -> None:
    with open_place(place) as client:
        answered: Approval = client.answer_approval(named, approved=approved, note=note)
    if json:
        print_json(answered)
    else:
        say(f"{'approved' if approved else 'rejected'}: {answered.subject}")
