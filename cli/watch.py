"""The command `watch`: the current activity of all stacks, or one of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recursor.cli.access import open_place
from recursor.cli.following import PERIOD_SECONDS, follow
from recursor.cli.options import HERE, Json, Place
from recursor.cli.output import complain, one_line, print_json_line, say
from recursor.cli.stacks import live_status
from recursor.cli.wording import run_name
from recursor.domain.record import iso
from recursor.runner.directory_lock import runner_of
from recursor.runner.errors import RunnerSilentError
from recursor.storage.stack_listing import MAX_PAGE, StackListed

if TYPE_CHECKING:
    from rich.console import Group

    from recursor.cli.partial_answers import PartialAnswers

# The shortest time between two requests to a remote runner, in seconds.
_ASK_SECONDS = 1.0
_CYCLES_SHOWN = 8


def watch(
    stack: Annotated[
        str | None,
        typer.Argument(metavar="STACK", help="One stack in detail: its id, first digits or name."),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Watch one stack or all stacks live, until q or Ctrl-C.

    Without a terminal, or with --json, prints a line per change.
    """
    with _Sight(place) as sight:
        stack_id = None if stack is None else sight.client.stack(stack).stack.id
        if json or not sys.stdout.isatty():
            changes = _Changes(sight, stack_id, json)
            if not sight.client.endpoint.has_runner():
                complain("no runner is up to send events: `recursor run` starts one")
            follow(changes.look, PERIOD_SECONDS if place.url is None else _ASK_SECONDS)
            return
        from recursor.cli import live_screen

        if stack_id is not None:
            sight.hear(stack_id)
        picture = sight.all_stacks if stack_id is None else lambda lines: sight.one_stack(stack_id, lines)
        period = live_screen.PERIOD_SECONDS if place.url is None else _ASK_SECONDS
        live_screen.show_live(_waiting(picture), period)


def _waiting(picture: Callable[[int], Group]) -> Callable[[int], Group]:
    """Return a wrapper that, while a remote runner is silent, shows the last picture and the reason."""
    shown: list[Group] = []

    def latest(lines: int) -> Group:
        try:
            shown[:] = [picture(lines)]
        except RunnerSilentError as error:
            if not shown:
                raise
            from rich.console import Group
            from rich.text import Text

            return Group(Text(one_line(f"{error}; trying again"), "yellow"), *shown)
        return shown[0]

    return latest


class _Sight:
    """The view of a data directory, even without a store, or of a remote runner."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.client = open_place(place)
        self._live: tuple[float, dict[str, Any] | None] = (float("-inf"), None)
        self._hearing: PartialAnswers | None = None

    def runner(self) -> str | None:
        """Return the runner in words; None if there is none."""
        if self._place.url is not None:
            return f"the runner at {self._place.url}"
        found = runner_of(self._place.data)
        return None if found is None else f"process {found.pid}, {found.details.get('url') or 'starting'}"

    def all_stacks(self, lines: int) -> Group:
        """Return the picture of all stacks, the most recently active first."""
        from recursor.cli.watch_tables import MARGIN_LINES, all_stacks

        room = min(max(lines - MARGIN_LINES, 1), MAX_PAGE)
        page = self.client.stacks_page(limit=room)
        return all_stacks(page, self.runner(), time.time())

    def one_stack(self, stack_id: str, lines: int) -> Group:
        """Return the picture of one stack."""
        from recursor.cli.watch_tables import one_stack

        found = self.client.stack(stack_id)
        cycles = self.client.executions(stack_id, limit=_CYCLES_SHOWN)
        listed = self.client.stacks_page(limit=1, search=stack_id).items
        waits = listed[0].waits if listed else None
        said = {} if self._hearing is None else self._hearing.said
        live = self.live(stack_id)
        unserved = live is None and self.client.endpoint.has_runner()
        return one_stack(found, live, waits, cycles, said, time.time(), lines, unserved=unserved)

    def hear(self, stack_id: str) -> None:
        """Follow the stack's unfinished answers, from now on."""
        # It imports HTTP, which nothing else needs before the first picture.
        from recursor.cli.partial_answers import PartialAnswers

        self._hearing = PartialAnswers(self._place, stack_id)

    def live(self, stack_id: str) -> dict[str, Any] | None:
        """Return the runner's status of a stack, or None if no runner answers."""
        at, told = self._live
        if time.monotonic() - at >= _ASK_SECONDS:
            told = live_status(self.client, stack_id)
            self._live = time.monotonic(), told
        return told

    def __enter__(self) -> _Sight:
        return self

    def __exit__(self, *_: object) -> None:
        if self._hearing is not None:
            self._hearing.end()
        self.client.close()


class _Changes:
    """Prints a line for every stack that has changed since the last check."""

    def __init__(self, sight: _Sight, stack_id: str | None, json: bool) -> None:
        self._sight = sight
        self._stack_id = stack_id
        self._json = json
        self._seen: dict[str, StackListed] = {}
        self._heard = self._silent = False

    def look(self) -> None:
        """Print changes, or, once, why none can be read for now."""
        try:
            # The 500 most recently active ones: changed stacks are among them.
            page = self._sight.client.stacks_page(limit=MAX_PAGE, search=self._stack_id or "")
        except RunnerSilentError as error:
            if not self._heard:
                raise
            if not self._silent:
                complain(f"{error}; trying again")
            self._silent = True
            return
        self._heard, self._silent = True, False
        now = {each.id: each for each in page.items if self._stack_id in (None, each.id)}
        for stack_id, stack in sorted(now.items(), key=lambda item: item[1].last_activity_at or 0.0):
            before = self._seen.get(stack_id)
            if before is None or _told(before) != _told(stack):
                self._tell(stack)
        if page.total <= MAX_PAGE:
            for gone in self._seen.keys() - now.keys():
                self._tell_gone(self._seen[gone])
        self._seen = now

    def _tell(self, stack: StackListed) -> None:
        if self._json:
            print_json_line({"at": iso(time.time()), **stack.model_dump(mode="json")})
            return
        doing = (
            ", ".join(
                f"{run_name(each.role, each.todo_id)} {'runs' if each.since else 'waits for a slot'}"
                for each in stack.running
            )
            or stack.waits
            or ""
        )
        cycles = f"cycle {stack.last_cycle}"
        parts = (stack.name or stack.id, stack.problem or f"{stack.state}, {stack.phase}", cycles, doing)
        say(one_line(": ".join(part for part in parts if part)))

    def _tell_gone(self, stack: StackListed) -> None:
        if self._json:
            print_json_line({"at": iso(time.time()), "id": stack.id, "name": stack.name, "deleted": True})
        else:
            say(one_line(f"{stack.name or stack.id}: deleted"))


def _told(stack: StackListed) -> StackListed:
    """Leave out fields that change just with time."""
    return stack.but(cycles_last_day=0, success_rate=None, next_look_at=None)
