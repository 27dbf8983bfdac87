"""A note on a name that another team already has. Duplicates are allowed, but rarely intended."""

from recursor.storage.stack_names import is_called
from recursor.web.engine import Engine


def duplicate_name_note(engine: Engine, name: str, besides: str | None = None) -> str:
    """Return the note for a name, or "" if no other team has it.

    Args:
        engine: knows all teams.
        name: the name.
        besides: the id of the team to be named, if it exists.
    """
    with engine.read() as reader:
        taken = is_called(reader, name, besides)
    return "Another team has this name. Only their ids will differ." if taken else ""
