"""Composes a plan into one HTML file: the frame, a fragment per section, and their initial data."""

from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from recursor.agents.scripted.components import COMPONENTS, Options
from recursor.agents.scripted.ornament import ornament
from recursor.agents.scripted.plan import PagePlan, PageSection
from recursor.agents.scripted.theme import FACES, Theme
from recursor.agents.scripted.wording import plain, slug


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section's data for the templates of the frame."""

    key: str
    title: str
    component: str
    wide: bool
    how: str
    body: Markup


def render(plan: PagePlan) -> str:
    """Return the page that `plan` describes. The same plan gives the same page.

    People's texts reach the page as escaped text or escaped JSON, never as markup or code.
    """
    spread = _spread(plan)
    sections = [shown_section(section, section.key in spread) for section in plan.sections]
    used = [name for name in COMPONENTS if any(s.component == name for s in sections)]
    page = template("page.html.j2").render(
        plan=plan,
        sections=sections,
        keys={section.key for section in sections},
        fragments=[fragment(name) for name in used],
        style=Markup(stylesheet(plan.theme)),
        runtime=Markup(source("runtime.js")),
        ornament=Markup(ornament(plan.theme)),
        icon=icon(plan.title, plan.theme),
        data={
            "space": plan.space,
            "title": plan.title,
            "file": slug(plan.title) or "page",
            "hue": plan.theme.hue,
            "radius": plan.theme.radius,
            "sections": {
                section.key: {"title": section.title, "options": section.settled.model_dump(mode="json")}
                for section in plan.sections
            },
        },
    )
    return plain(page)


def _spread(plan: PagePlan) -> set[str]:
    """Return the keys of the sections that take the whole width, so that two columns leave no gap."""
    spread: set[str] = set()
    alone: str | None = None
    for section in plan.sections:
        leads = plan.theme.layout == "spotlight" and section is plan.sections[0]
        if leads or COMPONENTS[section.component].wide:
            spread |= {section.key} | ({alone} if alone else set())
            alone = None
        else:
            alone = None if alone else section.key
    return spread | ({alone} if alone else set())


def shown_section(section: PageSection, wide: bool) -> ShownSection:
    """Return a section's data for a template.

    Args:
        section: the section.
        wide: whether it takes the whole width.
    """
    component = COMPONENTS[section.component]
    body = Markup(fragment(component.name).body(section.key, section.settled))
    return ShownSection(section.key, section.title, component.name, wide, component.how, body)


def stylesheet(theme: Theme) -> str:
    """Return the style of every page with this theme."""
    return template("style.css.j2").render(
        theme=theme, heading_face=Markup(FACES[theme.heading_face]), body_face=Markup(FACES[theme.body_face])
    )


def icon(title: str, theme: Theme) -> str:
    """Return the address of a picture with the first letter of a title; the picture is in the address."""
    letter = escape(next((c for c in title if c.isalnum()), "•").upper())
    corner, colour = min(theme.radius, 10), f"hsl({theme.hue} 60% 38%)"
    drawing = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>"
        f"<rect width='32' height='32' rx='{corner}' fill='{colour}'/>"
        "<text x='16' y='23' font-family='sans-serif' font-size='20' font-weight='700' fill='white' "
        f"text-anchor='middle'>{letter}</text></svg>"
    )
    return "data:image/svg+xml," + quote(plain(drawing), safe="/:=' ")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("recursor.agents.scripted", "frame"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _component_environment() -> Environment:
    return _environment().overlay(loader=PackageLoader("recursor.agents.scripted.components", "."))


@cache
def template(name: str) -> Template:
    """Return a template of the frame."""
    return _environment().get_template(name)


@cache
def source(name: str) -> str:
    """Return the text of a file of the frame."""
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), name)[0]


class Fragment(Protocol):
    """A component's macros."""

    def style(self) -> str: ...
    def body(self, id: str, options: Options) -> str: ...  # as the templates call it
    def script(self) -> str: ...


@cache
def fragment(name: str) -> Fragment:
    """Return the macros of a component."""
    return cast(Fragment, _component_environment().get_template(f"{name}.html.j2").module)
