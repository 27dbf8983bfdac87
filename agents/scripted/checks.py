"""The checks of a page: each examines one thing and reports its problem, if any."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from tree_sitter import Node

from recursor.agents.scripted.components import COMPONENTS
from recursor.agents.scripted.parsed_page import ParsedPage, nodes, syntax_of, text_of
from recursor.agents.scripted.plan import AddSection, Part, RemoveSection, step_of
from recursor.agents.scripted.wording import one_line
from recursor.domain.todo import TodoStatus

_CONTROLS = ("input", "select", "textarea", "button")
_LOADING = {"src", "srcset", "poster", "background", "action", "formaction", "data", "ping"}
_EXTERNAL = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//|^\s*(?:https?|wss?|ftp):", re.I)
_CSS_REQUEST = re.compile(r"@import\b|url\(\s*['\"]?\s*(?!data:|#|blob:)[^)'\"\s]", re.I)
_JS_REQUESTS = frozenset((
    "fetch", "XMLHttpRequest", "WebSocket", "EventSource", "sendBeacon", "importScripts", "Worker",
    "SharedWorker",
))  # fmt: skip


def _parses(page: ParsedPage) -> Iterator[str]:
    for code in page.errors[:3]:
        yield f"The page is not sound HTML: {code.replace('-', ' ')}."


def _language(page: ParsedPage) -> Iterator[str]:
    if not page.root.attrib.get("lang", "").strip():
        yield "The page does not say which language it is in."


def _title(page: ParsedPage) -> Iterator[str]:
    if not any(text_of(e) for e in page.root.findall("./head/title")):
        yield "The page has no title."


def _charset(page: ParsedPage) -> Iterator[str]:
    if not any(e.attrib.get("charset", "").lower() == "utf-8" for e in page.all("meta")):
        yield "The page does not say that it is written in UTF-8."


def _viewport(page: ParsedPage) -> Iterator[str]:
    contents = [e.attrib.get("content", "") for e in page.all("meta") if e.attrib.get("name") == "viewport"]
    if not any("width=device-width" in content for content in contents):
        yield "The page does not fit a phone: it sets no viewport."
    elif any(re.search(r"user-scalable\s*=\s*no|maximum-scale\s*=\s*1\b", content) for content in contents):
        yield "The page cannot be enlarged: its viewport forbids it."


def _headings(page: ParsedPage) -> Iterator[str]:
    levels = [(int(e.tag[1]), e) for e in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
    firsts = sum(level == 1 for level, _ in levels)
    if firsts != 1:
        yield f"The page has {firsts} main headings; it should have one."
    before = 0
    for level, element in levels:
        if not text_of(element):
            yield "A heading is empty."
        if level > before + 1 and before:
            yield f"The heading “{one_line(text_of(element), 60)}” skips a level."
        before = level


def _landmarks(page: ParsedPage) -> Iterator[str]:
    mains = len(page.all("main"))
    if mains != 1:
        yield f"The page has {mains} main landmarks; it should have one."


def _ids(page: ParsedPage) -> Iterator[str]:
    seen: set[str] = set()
    for name in page.ids:
        if name in seen:
            yield f"Two elements have the id “{one_line(name, 60)}”."
        seen.add(name)


def _labels(page: ParsedPage) -> Iterator[str]:
    labelled = {e.attrib["for"] for e in page.all("label") if "for" in e.attrib and text_of(e)}
    wrapped = {c for label in page.all("label") if text_of(label) for c in label.iter() if c.tag in _CONTROLS}
    ids = set(page.ids)
    for element in page.all(*_CONTROLS):
        if element.attrib.get("type") == "hidden":
            continue
        named = (
            element.attrib.get("aria-label", "").strip()
            or element.attrib.get("aria-labelledby", "") in ids
            or element.attrib.get("title", "").strip()
        )
        if element.tag == "button":
            if not (named or text_of(element) or _alternative(element)):
                yield "A button has no name."
        elif not (named or element in wrapped or element.attrib.get("id") in labelled):
            if element.attrib.get("type") in ("submit", "reset", "button") and element.attrib.get("value"):
                continue
            name = element.attrib.get("id") or element.attrib.get("name") or element.tag
            yield f"The field “{one_line(name, 60)}” has no label."


def _images(page: ParsedPage) -> Iterator[str]:
    for element in page.all("img"):
        if "alt" not in element.attrib:
            yield "An image has no text for those who do not see it."


def _links(page: ParsedPage) -> Iterator[str]:
    ids = set(page.ids)
    for element in page.all("a"):
        target = element.attrib.get("href", "")
        if target.startswith("#") and len(target) > 1 and target[1:] not in ids:
            yield f"The link to “{one_line(target, 60)}” leads nowhere."


def _requests(page: ParsedPage) -> Iterator[str]:
    for element in page.root.iter():
        for name, value in element.attrib.items():
            loads = name in _LOADING or (name in ("href", "xlink:href") and element.tag not in ("a", "area"))
            if loads and _EXTERNAL.search(value):
                yield f"The page asks another computer for “{one_line(value, 80)}”."
            elif (
                name in ("src", "srcset")
                and value.strip()
                and not value.strip().startswith(("data:", "#", "blob:"))
            ):
                yield f"The page needs a file beside it: “{one_line(value, 80)}”."
            elif name == "style" and _CSS_REQUEST.search(value):
                yield "A style asks for a file outside the page."
        if element.tag == "link" and element.attrib.get("rel", "").lower() == "stylesheet":
            yield "The page needs a style sheet beside it."
        if element.tag == "meta" and element.attrib.get("http-equiv", "").lower() == "refresh":
            yield "The page sends its visitor elsewhere."
    for element in page.all("style"):
        if _CSS_REQUEST.search(text_of(element)):
            yield "A style sheet asks for a file outside the page."
    for script in page.scripts:
        for name in sorted(set(_requests_of(script)))[:3]:
            yield f"A script can ask the network: it uses {name}."


def _script_syntax(page: ParsedPage) -> Iterator[str]:
    for number, script in enumerate(page.scripts, 1):
        tree = syntax_of(script)
        if tree.has_error:
            line = next(_errors(tree), 1)
            yield f"Script {number} cannot be read: there is an error in its line {line}."


def _sections(page: ParsedPage) -> Iterator[str]:
    for element in page.all("section"):
        if "data-component" in element.attrib and not any(
            e.tag in (*_CONTROLS, "canvas", "svg") for e in element.iter()
        ):
            name = element.attrib.get("id", "")
            yield f"The section “{one_line(name, 60)}” has nothing in it to use."


def _components(page: ParsedPage) -> Iterator[str]:
    """Each section has the elements of its component, and the script that makes it work."""
    scripts = "\n".join(page.scripts)
    for section in page.sections:
        name = section.attrib["data-component"]
        title = one_line(section.attrib.get("id", name), 60)
        if name not in COMPONENTS:
            # The page was made by others.
            continue
        if f'Recursor.component("{name}"' not in scripts:
            yield f"The section “{title}” does nothing: the script of {name} is missing."
        options = page.options.get(section.attrib.get("id", ""), {})
        named = {e.attrib["name"] for e in section.iter() if "name" in e.attrib}
        parts = {e.attrib["data-el"] for e in section.iter() if "data-el" in e.attrib}
        for field in (*_named_in(options, "fields"), *_named_in(options, "inputs")):
            if field not in named:
                yield f"The section “{title}” lacks its field “{one_line(field, 60)}”."
        for part in (*COMPONENTS[name].needs, *(f"result-{each}" for each in _named_in(options, "results"))):
            if part not in parts:
                yield f"The section “{title}” lacks its part “{one_line(part, 60)}”."


def _named_in(options: Mapping[str, Any], key: str) -> list[str]:
    found = options.get(key)
    return (
        [str(each.get("name")) for each in found if isinstance(each, Mapping)]
        if isinstance(found, list)
        else []
    )


def _promises(page: ParsedPage) -> Iterator[str]:
    told = {e.attrib["data-todo"] for e in page.root.iter() if "data-todo" in e.attrib}
    ids = set(page.ids)
    removed = {
        step.key
        for t in page.todos
        if t.status is TodoStatus.COMPLETED and isinstance(step := step_of(t), RemoveSection)
    }
    for todo in page.todos:
        if todo.status is not TodoStatus.COMPLETED:
            continue
        step = step_of(todo)
        lacking = todo.id not in told
        if isinstance(step, AddSection):
            lacking = lacking or (step.section.key not in ids and step.section.key not in removed)
        if lacking:
            claim = f"“{one_line(todo.content, 120)}” is said to be done, but the page does not have it."
            yield f"{claim} (todo {todo.id})"


def _backup(page: ParsedPage) -> Iterator[str]:
    keeps = bool(page.sections) and "localStorage" in page.source
    if keeps and not _has_part(page, Part.BACKUP):
        yield "What visitors enter is kept in one browser only: add export and import of all of it."


def _navigation(page: ParsedPage) -> Iterator[str]:
    if len(page.sections) >= 3 and not _has_part(page, Part.NAVIGATION):
        yield "The page is long: add links to its sections at the top."


def _guide(page: ParsedPage) -> Iterator[str]:
    if page.sections and not _has_part(page, Part.GUIDE):
        yield "A newcomer is told nothing: add a short guide to every section."


def _alternative(element: Element) -> bool:
    return any(
        e.attrib.get("alt", "").strip() or e.attrib.get("aria-label", "").strip() for e in element.iter()
    )


def _has_part(page: ParsedPage, part: Part) -> bool:
    return any(e.attrib.get("data-part") == part for e in page.root.iter())


def _requests_of(script: str) -> Iterator[str]:
    """Return the names by which a script may reach the network; names in texts and comments do not count."""
    for node in nodes(syntax_of(script)):
        if node.type in ("identifier", "property_identifier") and node.text is not None:
            name = node.text.decode("utf-8", "replace")
            if name in _JS_REQUESTS:
                yield name
        elif node.type == "import_statement" or (node.type == "import" and node.parent is not None):
            yield "import"


def _errors(root: Node) -> Iterator[int]:
    for node in nodes(root):
        if node.is_error or node.is_missing:
            yield node.start_point.row + 1


CHECKS: tuple[tuple[str, Callable[[ParsedPage], Iterable[str]]], ...] = (
    ("html", _parses),
    ("scripts", _script_syntax),
    ("requests", _requests),
    ("promises", _promises),
    ("language", _language),
    ("title", _title),
    ("charset", _charset),
    ("viewport", _viewport),
    ("headings", _headings),
    ("landmarks", _landmarks),
    ("ids", _ids),
    ("labels", _labels),
    ("images", _images),
    ("links", _links),
    ("sections", _sections),
    ("components", _components),
    ("backup", _backup),
    ("navigation", _navigation),
    ("guide", _guide),
)
"""Every check with its name, in the order of the findings: the most severe first."""
