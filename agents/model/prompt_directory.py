"""The directory that `model.prompts` names: whether it is there, and what in it is no prompt."""

from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from recursor.domain.errors import InvalidInputError
from recursor.orchestration.role_names import STANDARD

# Files that are told of: somebody who named the directory of something else need not hear of all.
_MOST_TOLD = 5
# "plan" is as near to "planner" as 0.73, "researcher", a role of one's own, to "reviewer" as 0.67.
_ALIKE = 0.7


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


def doubted_files(named: str) -> Iterator[str]:
    """Yield a line for each file that takes the place of no standard role's prompt.

    Args:
        named: the directory, which need not be on this machine: then nothing can be told.
    """
    with suppress(InvalidInputError, OSError):
        directory = prompt_directory(named)
        files = sorted(path.stem for path in directory.glob("*.md") if path.stem.casefold() != "readme")
        for stem in [stem for stem in files if stem not in STANDARD][:_MOST_TOLD]:
            near = get_close_matches(stem, STANDARD, n=1, cutoff=_ALIKE)
            meant = f"did you mean {near[0]}.md?" if near else f"those are {', '.join(STANDARD)}"
            yield f"model.prompts: {directory / stem}.md is no prompt of a standard role: {meant}"
