"""Search-and-replace edits of a text: applied exactly, or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import Indel

# Characters of a quotation.
QUOTED = 80
# Characters of a page searched for similar text, and edits for which it is searched: it takes a while.
SEARCHED = 50_000
HINTS = 3
# The least similarity of a line worth showing.
ALIKE = 0.6


@dataclass(frozen=True, slots=True)
class Edit:
    """One block: the text to find, and its replacement."""

    search: str
    replace: str


class EditError(ValueError):
    """Edits that cannot be applied; `problems` names each with its reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Return `text` with all edits applied, one after another.

    Args:
        text: the text to edit.
        edits: each `search` must occur exactly once in the text as changed by the earlier edits.

    Raises:
        EditError: one or more cannot be applied.
    """
    problems: list[str] = []
    for number, edit in enumerate(edits, 1):
        if problem := problem_with(text, edit, "page", hint=len(problems) < HINTS):
            problems.append(f"Edit {number} ({_quoted(edit.search)}): {problem}")
        else:
            before, _, after = text.partition(edit.search)
            text = before + edit.replace + after
    if problems:
        raise EditError(problems)
    return text


def problem_with(text: str, edit: Edit, what: str, *, hint: bool = True) -> str | None:
    """Return why an edit cannot be applied, or None.

    Args:
        text: the text to edit.
        edit: its `search` must occur exactly once.
        what: the noun for the text.
        hint: whether to look for the line that is most similar, which takes a while.
    """
    if not edit.search:
        return "its search is empty: give the text that is to be replaced"
    first = text.find(edit.search)
    if first < 0:
        near = _hint(text, edit, what) if hint else ""
        return f"its search does not occur in the {what}: copy it exactly, white space included{near}"
    if text.find(edit.search, first + 1) >= 0:
        # Also if they overlap: it would be unclear which one is meant.
        return "its search occurs more than once: take in more of the lines around it"
    if edit.search == edit.replace:
        return "it changes nothing"
    return None


def _hint(text: str, edit: Edit, what: str) -> str:
    """Quote the text most similar to the first line of the search."""
    line = next((line.strip() for line in edit.search.splitlines() if line.strip()), "")
    lines = {each.strip() for each in text[:SEARCHED].splitlines()}
    near = process.extractOne(
        line[:500], sorted(lines), scorer=Indel.normalized_similarity, score_cutoff=ALIKE
    )
    return f"; the {what} has {_quoted(near[0])}" if line and near and near[0] != line else ""


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f"“{line}”" if len(line) <= QUOTED else f"“{line[:QUOTED]}…”"
