"""The style sheets as one file, and the script before the first paint as one line of HTML."""

from hashlib import sha256
from importlib.resources import files

# In this order: later ones may refine earlier ones.
_SHEETS = (
    "tokens",
    "base",
    "frame",
    "parts",
    "rows",
    "home",
    "team",
    "orchestration",
    "examination",
    "todos",
    "project",
    "messages",
    "artifacts",
    "approvals",
    "files",
    "traces",
    "settings",
)


def style_sheet() -> str:
    """Return all style sheets as one."""
    return "\n".join(_read(f"{name}.css") for name in _SHEETS)


def style_path(sheet: str) -> str:
    """Return the address of the style sheet: a new one gets a new name, so that browsers may cache it."""
    return f"/assets/dashboard-{sha256(sheet.encode()).hexdigest()[:12]}.css"


def first_script() -> str:
    """Return the script that runs before the first paint."""
    return _read("theme.js")


def _read(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
