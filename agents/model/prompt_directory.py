"""The directory that `model.prompts` names: whether it is there."""

from difflib import get_close_matches
from pathlib import Path

from recursor.domain.errors import InvalidInputError


def prompt_directory(named: str) -> Path:
    """Return the directory of prompts that is called `named`; `~` is one's home.

    Raises:
        InvalidInputError: there is no such directory; the nearest beside it is suggested.
    """
    try:
        path = Path(named).expanduser()
        if path.is_dir():
            return path
        beside = [each.name for each in path.parent.iterdir() if each.is_dir()]
        near = get_close_matches(path.name, beside, n=1)
    except (OSError, RuntimeError):
        near = []
    remedy = f"did you mean {path.parent / near[0]}?" if near else "make it, or unset the setting"
    raise InvalidInputError(f"model.prompts: there is no directory {named}: {remedy}")
