"""A component: a template, and a record of its name, its keywords and its options."""

from collections.abc import Mapping

from pydantic import Field, JsonValue

from recursor.agents.scripted.components.options import Options
from recursor.domain.record import Record


class Variant(Record):
    """One way to ask for a component: the words, the resulting heading, the options."""

    title: str
    keywords: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    """Words that count only if a clause has no better ones: "list" in "a list of recipes"."""
    covers: tuple[str, ...] = ()
    """Further words of an idea that it fulfils."""
    options: Mapping[str, JsonValue] = Field(default_factory=dict)


class Component(Record):
    """A feature of a page."""

    name: str
    tagline: str
    """The page's subtitle if this is its first section."""
    does: str
    """Its purpose, as the end of "a section to ..."."""
    how: str
    """Instructions for a visitor, in one or two sentences."""
    covers: tuple[str, ...] = ()
    """Further words of an idea that every variant fulfils: "streaks" of habits."""
    variants: tuple[Variant, ...] = Field(min_length=1)
    """The first is the default."""
    own_name: bool = False
    """Whether a section always has the component's name: "snake game" would promise more than a game of
    pairs."""
    needs: tuple[str, ...] = ()
    """The parts (`data-el`) that it needs to work; a review checks for them."""
    only_itself: bool = False
    """Whether a word before its name changes its meaning: "currency converter"."""
    wide: bool = False
    """Whether it needs the whole width of the page."""
    options: type[Options] = Options
