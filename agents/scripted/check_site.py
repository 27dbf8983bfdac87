"""Checks the pages of a site: titles, headings, ids and links. Needs nothing but Python 3.10.

    python3 tests/check_site.py

Prints a line for each problem, and exits with 1 if there is one.
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

HOME = "index.html"
_LOADING = ("src", "srcset", "poster", "data")


class SitePage(HTMLParser):
    """The parts of a page that are checked."""

    def __init__(self, text: str) -> None:
        """Read `text`, the page's source."""
        super().__init__()
        self.title = ""
        self.headings = 0
        self.language = ""
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self._in_title = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the attributes of a tag."""
        found = {name: value or "" for name, value in attrs}
        self.headings += tag == "h1"
        self._in_title = tag == "title" and not self.title
        if tag == "html":
            self.language = found.get("lang", "").strip()
        if found.get("id"):
            self.ids.append(found["id"])
        if tag in ("a", "area") and found.get("href"):
            self.links.append(found["href"])
        self.loaded += [found[name] for name in _LOADING if found.get(name)]
        if tag == "link" and found.get("href"):
            self.loaded.append(found["href"])

    def handle_endtag(self, tag: str) -> None:
        """Note the end of the title."""
        self._in_title = self._in_title and tag != "title"

    def handle_data(self, data: str) -> None:
        """Note the text of the title."""
        if self._in_title:
            self.title += data


def pages_of(root: Path) -> dict[str, SitePage]:
    """Return the pages in the folder of a site, by path."""
    return {
        path.relative_to(root).as_posix(): SitePage(path.read_text(encoding="utf-8", errors="replace"))
        for path in sorted(root.rglob("*.html"))
        if path.is_file() and not path.is_symlink()
    }


def problems_of(root: Path) -> list[str]:
    """Return the problems of the site in a folder, a line each."""
    pages = pages_of(root)
    titles: dict[str, str] = {}
    problems = []
    for name, page in pages.items():
        title = " ".join(page.title.split())
        if not title:
            problems.append(f"{name}: it has no title")
        elif name != HOME and title in titles:
            problems.append(f"{name}: {titles[title]} has the same title, {title!r}")
        if name != HOME:
            # A site may be called as its only page is.
            titles.setdefault(title, name)
        if not page.language:
            problems.append(f"{name}: it does not say which language it is in")
        if page.headings != 1:
            problems.append(f"{name}: it has {page.headings} main headings instead of 1")
        problems += [f"{name}: two elements have the id {each!r}" for each in _repeated(page.ids)]
        problems += [f"{name}: {each}" for each in _broken(root, name, pages)]
    return problems


def _repeated(ids: list[str]) -> list[str]:
    return sorted({each for each in ids if ids.count(each) > 1})


def _broken(root: Path, name: str, pages: dict[str, SitePage]) -> Iterator[str]:
    """Say which addresses in a page lead nowhere, or load something from elsewhere."""
    page = pages[name]
    for address in dict.fromkeys([*page.links, *page.loaded]):
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            if parts.scheme != "data" and address in page.loaded:
                yield f"it loads {address} from elsewhere"
            continue
        target = (root / name).parent / unquote(parts.path) if parts.path else root / name
        resolved = target.resolve()
        if not resolved.is_relative_to(root.resolve()) or not resolved.is_file():
            yield f"the link to {address} leads nowhere"
            continue
        other = pages.get(resolved.relative_to(root.resolve()).as_posix())
        if parts.fragment and other is not None and unquote(parts.fragment) not in other.ids:
            yield f"nothing has the id in the link to {address}"


def main() -> int:
    """Check the site that this file is part of."""
    root = Path(__file__).resolve().parents[1]
    problems = problems_of(root)
    lines = [*problems, f"{len(pages_of(root))} pages, {len(problems)} problems"]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
