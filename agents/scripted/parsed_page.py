"""A page for review: its elements, its scripts, and its promises."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

from recursor.domain.todo import Todo

_SCRIPT_TYPES = ("", "text/javascript", "application/javascript", "module")


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """A parsed page and its promises."""

    source: str
    root: Element
    errors: tuple[str, ...]
    """The parse errors of the HTML specification, by code."""
    todos: tuple[Todo, ...]

    def all(self, *tags: str) -> list[Element]:
        """Return the elements with one of these tags, in document order."""
        return [element for element in self.root.iter() if element.tag in tags]

    @property
    def ids(self) -> list[str]:
        """Every id, as often as it is given."""
        return [element.attrib["id"] for element in self.root.iter() if "id" in element.attrib]

    @property
    def sections(self) -> list[Element]:
        """The sections that hold a component."""
        return [section for section in self.all("section") if "data-component" in section.attrib]

    @property
    def options(self) -> Mapping[str, Mapping[str, Any]]:
        """Each section's options by its id, from the page's data; empty if it has none."""
        for script in self.all("script"):
            if script.attrib.get("id") == "page-data":
                try:
                    sections = json.loads("".join(script.itertext()))["sections"]
                    return {key: dict(section["options"]) for key, section in sections.items()}
                except (ValueError, LookupError, TypeError, AttributeError):
                    return {}
        return {}

    @property
    def scripts(self) -> list[str]:
        """The text of each script that a browser would run."""
        return [
            "".join(script.itertext())
            for script in self.all("script")
            if script.attrib.get("type", "").lower() in _SCRIPT_TYPES and "src" not in script.attrib
        ]


def parse(source: str, todos: tuple[Todo, ...]) -> ParsedPage:
    """Return the page that a browser would make of `source`."""
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False)
    root = parser.parse(source)
    return ParsedPage(source, root, tuple(code for _, code, _ in parser.errors), todos)


def text_of(element: Element) -> str:
    """Return the text inside `element`, its white space collapsed."""
    return " ".join("".join(element.itertext()).split())


def syntax_of(script: str) -> Node:
    """Return the syntax tree of a JavaScript text."""
    # A separate parser for each script: agents of many stacks run at the same time.
    return Parser(_javascript()).parse(script.encode("utf-8", "replace")).root_node


def nodes(root: Node) -> Iterator[Node]:
    """Return `root` and everything below it, in text order."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


@cache
def _javascript() -> Language:
    return Language(tree_sitter_javascript.language())
