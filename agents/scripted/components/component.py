"""What a component is: a template, and a record of what it is called, recognised by and told."""

from collections.abc import Mapping

from pydantic import Field, JsonValue

from recursor.agents.scripted.components.options import Options
from recursor.domain.record import Record


class Variant(Record):
    """One way in which a component is asked for: the words, the heading they lead to, the options."""

    title: str
    keywords: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    """Words that count only where a clause holds no better ones: "list" in "a list of recipes"."""
    covers: tuple[str, ...] = ()
    """Words of an idea that it fulfils besides."""
    options: Mapping[str, JsonValue] = Field(default_factory=dict)


class Component(Record):
    """Something a page can do."""

    name: str
    tagline: str
    """What a page says below its title when this is its first section."""
    does: str
    """What it does, as the end of "a section to ..."."""
    how: str
    """How a visitor uses it, in one or two sentences."""
    covers: tuple[str, ...] = ()
    """Words of an idea that every variant fulfils besides: "streaks" of habits."""
    variants: tuple[Variant, ...] = Field(min_length=1)
    """The first is the default."""
    companion: str | None = None
    """The component that goes well with it on a page that would otherwise have this one only."""
    own_name: bool = False
    """Whether a section always goes by its own name: "snake game" would promise more than a game of pairs."""
    needs: tuple[str, ...] = ()
    """The parts (`data-el`) without which it does not do what it is for; a review looks for them."""
    only_itself: bool = False
    """Whether a word before its name makes something else of it: "currency converter"."""
    wide: bool = False
    """Whether it wants the whole width of the page."""
    options: type[Options] = Options
