"""The style sheets and the script that runs before the first paint, made one file and one line of HTML."""

from hashlib import sha256
from importlib.resources import files

# In this order: what comes later may refine what came before.
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
    "traces",
    "settings",
)


def style_sheet() -> str:
    """Return all style sheets as one."""
    return "\n".join(_read(f"{name}.css") for name in _SHEETS)


def style_path(sheet: str) -> str:
    """Return where a style sheet is served: another one has another name, so that browsers may keep it."""
    return f"/assets/dashboard-{sha256(sheet.encode()).hexdigest()[:12]}.css"


def first_script() -> str:
    """Return the script that runs before anything is painted."""
    return _read("theme.js")


def _read(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
