"""Messages to a stack on a terminal."""

from collections.abc import Iterable, Iterator

from rich.table import Table
from rich.text import Text

from recursor.cli.output import neutral
from recursor.cli.wording import clock_time
from recursor.domain.message import Message, UserMessage


def message_lines(said: Iterable[UserMessage | Message]) -> Iterator[Table]:
    """Yield one table with a row for each message, and a row for its answer below it."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bright_black", no_wrap=True)
    table.add_column(overflow="ellipsis", no_wrap=True, max_width=24)
    table.add_column(overflow="fold")
    for each in said:
        if isinstance(each, Message):
            whom = "to all" if each.to_stack_id is None else "to this stack"
            sender = Text.assemble((neutral(each.from_name), "magenta"), (f", {whom}", "bright_black"))
            table.add_row(clock_time(each.created_at), sender, neutral(each.content))
            continue
        table.add_row(clock_time(each.created_at), Text(neutral(each.sender), "cyan"), neutral(each.content))
        if each.answered_at is None:
            table.add_row("", "", Text("waits for an answer", "yellow"))
        else:
            table.add_row(clock_time(each.answered_at), Text("answer", "green"), neutral(each.answer or ""))
    yield table
