"""The files of a small static site: a page for each section of an idea, what all pages share, and a test."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from inspect import getsource

from pydantic import JsonValue, ValidationError

from recursor.agents.scripted import check_site
from recursor.agents.scripted.components import COMPONENTS
from recursor.agents.scripted.page import fragment, icon, shown_section, source, stylesheet, template
from recursor.agents.scripted.plan import PageSection
from recursor.agents.scripted.theme import Theme
from recursor.agents.scripted.wording import one_line, plain, slug
from recursor.domain.record import Record
from recursor.domain.todo import Todo, TodoStatus

HOME = check_site.HOME
SITE_CHECK = "python3 tests/check_site.py"
"""The command that checks a site: for `workspace.checks`."""

NOT_LINKED = "the home page does not link to it"
"""The end of the reviewer's recommendation for such a page."""

# A site with more pages is too large to find one's way from one list.
MAX_PAGES = 12
_NOTED = "site"


class SitePart(StrEnum):
    """A part of a site, which is one todo."""

    TEST = "test"
    STYLE = "style"
    SCRIPT = "script"
    HOME = "home"
    """The first page, with links to all others."""
    PAGE = "page"
    """One page, for one section."""
    REMOVAL = "removal"
    """A page less."""


class SiteStep(Record):
    """The part of a site that a todo is about, kept in its metadata."""

    part: SitePart
    section: PageSection | None = None
    """Of a page."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that it writes or removes."""
        match self.part:
            case SitePart.TEST:
                return ("README.md", "tests/check_site.py")
            case SitePart.STYLE:
                return ("style.css",)
            case SitePart.SCRIPT:
                return ("runtime.js",)
            case SitePart.HOME:
                return (HOME,)
            case SitePart.PAGE:
                return (_page_path(self),)
            case SitePart.REMOVAL:
                return (_page_path(self), HOME)

    @property
    def told(self) -> str:
        """What is to be done: one line for people, and the title of the commit."""
        title = "" if self.section is None else self.section.title
        match self.part:
            case SitePart.TEST:
                return "Add a test of titles, headings, ids and links"
            case SitePart.STYLE:
                return "Add the stylesheet of all pages"
            case SitePart.SCRIPT:
                return "Add the script of all pages"
            case SitePart.HOME:
                return "Update the home page, with links to all pages"
            case SitePart.PAGE:
                return f"Add page: {title}"
            case SitePart.REMOVAL:
                return f"Remove page: {title}"

    def noted(self) -> dict[str, JsonValue]:
        """Return the metadata of a todo with this step."""
        return {_NOTED: self.model_dump(mode="json")}


def _page_path(step: SiteStep) -> str:
    assert step.section is not None
    return f"{step.section.key}.html"


def site_step_of(todo: Todo) -> SiteStep | None:
    """Return the step that is noted on a todo; None without a valid one."""
    try:
        return SiteStep.model_validate(todo.metadata.get(_NOTED))
    except ValidationError:
        return None


def site_sections(todos: Iterable[Todo]) -> tuple[PageSection, ...]:
    """Return the sections that have a page or are to get one, in the order of their todos."""
    found: dict[str, PageSection] = {}
    for todo in todos:
        step = site_step_of(todo)
        if step is None or step.section is None or todo.status is TodoStatus.CANCELLED:
            continue
        if step.part is SitePart.PAGE:
            found[step.section.key] = step.section
        elif step.part is SitePart.REMOVAL:
            found.pop(step.section.key, None)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Site:
    """What the files of a site are made from."""

    space: str
    """The name of the site's stored data in the browser."""
    title: str
    theme: Theme
    missing: tuple[str, ...] = ()
    """The parts of the idea that the team cannot make, as stated on the home page."""

    def files(self, step: SiteStep, pages: Mapping[str, str]) -> dict[str, str | None]:
        """Return the files of a step by path; None for one that is to be removed.

        Args:
            step: the step.
            pages: the titles of the pages of the site as it is, by path, in the order of the links.
        """
        match step.part:
            case SitePart.TEST:
                return {"README.md": self._readme(), "tests/check_site.py": getsource(check_site)}
            case SitePart.STYLE:
                return {"style.css": f"{stylesheet(self.theme).strip()}\n"}
            case SitePart.SCRIPT:
                return {"runtime.js": source("runtime.js")}
            case SitePart.HOME:
                return {HOME: self._home(pages)}
            case SitePart.PAGE:
                assert step.section is not None
                return {_page_path(step): self._page(step.section)}
            case SitePart.REMOVAL:
                gone = _page_path(step)
                left = {path: title for path, title in pages.items() if path != gone}
                return {gone: None, HOME: self._home(left)}

    def _page(self, section: PageSection) -> str:
        data = {
            "space": self.space,
            "title": self.title,
            "file": slug(self.title) or "site",
            "hue": self.theme.hue,
            "radius": self.theme.radius,
            "sections": {
                section.key: {"title": section.title, "options": section.settled.model_dump(mode="json")}
            },
        }
        page = template("site_page.html.j2").render(
            theme=self.theme,
            section=shown_section(section, wide=True),
            lead=COMPONENTS[section.component].tagline,
            icon=icon(section.title, self.theme),
            fragment=fragment(section.component),
            data=data,
        )
        return f"{plain(page)}\n"

    def _home(self, pages: Mapping[str, str]) -> str:
        page = template("site_home.html.j2").render(
            theme=self.theme,
            title=self.title,
            missing=self.missing,
            icon=icon(self.title, self.theme),
            pages=[{"address": path, "title": title} for path, title in pages.items()],
        )
        return f"{plain(page)}\n"

    def _readme(self) -> str:
        title = one_line(self.title, 80)
        return (
            f"# {title}\n\nA static site. Open `{HOME}` in a browser.\n\n"
            f"`{SITE_CHECK}` checks titles, headings, ids and links; it needs nothing but Python.\n"
        )


def in_order(pages: Mapping[str, str], sections: Sequence[PageSection]) -> dict[str, str]:
    """Return the titles of pages by path: those of the planned sections in their order, then all others."""
    planned = [f"{section.key}.html" for section in sections]
    first = [path for path in planned if path in pages]
    return {path: pages[path] for path in (*first, *sorted(set(pages) - set(first)))}
