"""What a component is: a template fragment, and a record of what it is called, recognised by and told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, JsonValue

from recursor.domain.record import Record


class Options(Record):
    """What a component can be told. A component without options takes these, which hold nothing."""


class InputField(Record):
    """One field of a form or a table."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    label: str = Field(min_length=1, max_length=60)
    type: Literal["text", "longtext", "number", "date", "time", "email", "tel", "url", "rating", "choice"] = (
        "text"
    )
    choices: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """One way in which a component is asked for: the words, the heading they lead to, the options."""

    title: str
    keywords: tuple[str, ...]
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    weak: tuple[str, ...] = ()
    """Words that count only where a clause holds no better ones: "list" in "a list of recipes"."""
    keeps_title: bool = False
    """Whether the heading stays `title`, whatever words stand before the keyword."""


@dataclass(frozen=True, slots=True)
class Component:
    """Something a page can do. Its fragment is the template `<name>.html.j2` beside this file."""

    name: str
    variants: tuple[Variant, ...]
    """The first is the default."""
    does: str
    """What it does, as the end of "a section to ..."."""
    how: str
    """How a visitor uses it, in one or two sentences."""
    options: type[Options] = Options
    companion: str | None = None
    """The component that goes well with it on a page that would otherwise have this one only."""
    wide: bool = False
    """Whether it wants the whole width of the page."""
