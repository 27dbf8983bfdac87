"""Notes that a name is another team's already: that is allowed, and hardly ever meant."""

from recursor.storage.stack_names import is_called
from recursor.web.engine import Engine


def remark_on_name(engine: Engine, name: str, besides: str | None = None) -> str:
    """Return what there is to note about a name that a person types; "" when there is nothing.

    Args:
        engine: knows all teams.
        name: the name.
        besides: the id of the team that is to be called so, if it is there already.
    """
    with engine.read() as reader:
        taken = is_called(reader, name, besides)
    return "Another team is called so, too: they will differ by their ids only." if taken else ""
