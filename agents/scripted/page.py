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
from recursor.agents.scripted.theme import FACES
from recursor.agents.scripted.wording import plain, slug


@dataclass(frozen=True, slots=True)
class _Shown:
    """A section's data for the frame's template."""

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
    sections = [_shown(section, section.key in spread) for section in plan.sections]
    used = [name for name in COMPONENTS if any(s.component == name for s in sections)]
    page = _template("page.html.j2").render(
        plan=plan,
        sections=sections,
        keys={section.key for section in sections},
        fragments=[_fragment(name) for name in used],
        style=Markup(_style(plan)),
        runtime=Markup(_source("runtime.js")),
        ornament=Markup(ornament(plan.theme)),
        icon=_icon(plan),
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


def _shown(section: PageSection, wide: bool) -> _Shown:
    component = COMPONENTS[section.component]
    body = Markup(_fragment(component.name).body(section.key, section.settled))
    return _Shown(section.key, section.title, component.name, wide, component.how, body)


def _style(plan: PagePlan) -> str:
    theme = plan.theme
    return _template("style.css.j2").render(
        theme=theme, heading_face=Markup(FACES[theme.heading_face]), body_face=Markup(FACES[theme.body_face])
    )


def _icon(plan: PagePlan) -> str:
    letter = escape(next((c for c in plan.title if c.isalnum()), "•").upper())
    corner, colour = min(plan.theme.radius, 10), f"hsl({plan.theme.hue} 60% 38%)"
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
def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _source(name: str) -> str:
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), name)[0]


class _Fragment(Protocol):
    """A component's macros."""

    def style(self) -> str: ...
    def body(self, id: str, options: Options) -> str: ...  # as the templates call it
    def script(self) -> str: ...


@cache
def _fragment(name: str) -> _Fragment:
    return cast(_Fragment, _component_environment().get_template(f"{name}.html.j2").module)
