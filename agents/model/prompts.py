"""Prompts: versioned files, which a stack may replace with its own."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recursor.domain.errors import InvalidInputError, in_one_line
from recursor.domain.settings import ModelSettings
from recursor.domain.spending import AgentFailedError
from recursor.orchestration.role_names import STANDARD

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import ImmutableSandboxedEnvironment

BUILT_IN: Traversable = files("recursor.agents.model") / "prompts"
# The prompts of the standard roles: on a page, and on a repository.
PROMPTS = (*STANDARD, "workspace-planner", "workspace-builder", "workspace-reviewer")
# Added to every prompt, including a person's own: which part of a question is not to be obeyed.
ABOUT_DATA = "about-data"
# A larger prompt must be some other file.
LARGEST = 200_000
# Files kept in memory as long as they do not change.
MOST_KEPT = 128
# Files reported: a wrong directory should not produce a long list.
_MOST_TOLD = 5
# Ratios: "plan" to "planner" has 0.73, "researcher", a custom role, to "reviewer" 0.67.
_ALIKE = 0.7

_HEAD = re.compile(r"\A---\r?\n(?P<head>.*?)\r?\n---\r?\n", re.S)
_VERSION = re.compile(r"^version:\s*[\"']?(?P<version>[\w.+-]{1,40})[\"']?\s*$", re.M)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A model's instructions, filled in, with their source."""

    name: str
    version: str
    """From the file."""
    hash: str
    """Hash of the file and of the added text."""
    own: bool
    """Whether it is from `model.prompts`."""
    text: str


def prompt_named(
    name: str, settings: ModelSettings, values: dict[str, Any], among: Traversable = BUILT_IN
) -> Prompt:
    """Return a prompt, filled in.

    Args:
        name: the name of the file, without `.md`.
        settings: the stack's: a file of the same name in `model.prompts` takes precedence.
        values: the template's variables.
        among: the directory to use otherwise.

    Raises:
        AgentFailedError: it cannot be read, has no version, or is not a valid template.
    """
    file = _file(name, settings.prompts, among)
    source = _usable(file)
    try:
        text = _template(source.body).render(values)
    except Exception as error:  # noqa: BLE001  # a template is a program: it can divide by zero
        raise file.unusable(in_one_line(error)) from None
    text = f"{text.strip()}\n\n{_about_data().strip()}"
    return Prompt(name, source.version, source.hash, file.own, text)


def prompt_directory(named: str) -> Path:
    """Return the prompt directory called `named`; `~` is the home directory.

    Raises:
        InvalidInputError: there is no such directory; the nearest name is suggested.
    """
    try:
        path = Path(named).expanduser()
        if path.is_dir():
            return path
        beside = [each.name for each in path.parent.iterdir() if each.is_dir()]
        near = get_close_matches(path.name, beside, n=1)
    except (OSError, RuntimeError):
        near = []
    remedy = f"did you mean {path.parent / near[0]}?" if near else "make it, or unset the setting"
    raise InvalidInputError(f"model.prompts: there is no directory {named}: {remedy}")


def check_prompts(named: str) -> None:
    """Refuse a prompt directory with an unusable prompt.

    Args:
        named: the directory; `~` is the home directory.

    Raises:
        InvalidInputError: there is no such directory, or the prompt of a standard role cannot be read, has no
            version, or is not a template.
    """
    directory = prompt_directory(named)
    for name in PROMPTS:
        path = directory / f"{name}.md"
        file = _File(path, str(path), own=True)
        try:
            if path.exists():
                source = _usable(file)
                _template(source.body)
        except AgentFailedError as error:
            raise InvalidInputError(f"model.prompts: {error}") from None
        except Exception as error:  # noqa: BLE001  # the template compiler raises whatever Python's raises
            raise InvalidInputError(f"model.prompts: {file.unusable(in_one_line(error))}") from None


def prompt_warnings(named: str) -> Iterator[str]:
    """Yield a line for each file that replaces no standard role's prompt.

    Args:
        named: the directory; if it is not on this machine, nothing is reported.
    """
    with suppress(InvalidInputError, OSError):
        directory = prompt_directory(named)
        files = sorted(path.stem for path in directory.glob("*.md") if path.stem.casefold() != "readme")
        for stem in [stem for stem in files if stem not in PROMPTS][:_MOST_TOLD]:
            near = get_close_matches(stem, PROMPTS, n=1, cutoff=_ALIKE)
            meant = f"did you mean {near[0]}.md?" if near else f"those are {', '.join(PROMPTS)}"
            yield f"model.prompts: {directory / stem}.md is not the prompt of a standard role: {meant}"


@dataclass(frozen=True, slots=True)
class _File:
    file: Traversable
    where: str
    own: bool

    def unusable(self, problem: str, remedy: str = "put it right") -> AgentFailedError:
        """Return the error for an unusable file."""
        other = ", or take it out of model.prompts" if self.own else ""
        return AgentFailedError(f"prompt {self.where}: {problem}: {remedy}{other}", suspend=True)


@dataclass(frozen=True, slots=True)
class _Source:
    version: str
    hash: str
    body: str


def _file(name: str, directory: str | None, among: Traversable) -> _File:
    if directory is not None:
        try:
            path = prompt_directory(directory) / f"{name}.md"
        except InvalidInputError as error:
            raise AgentFailedError(str(error), suspend=True) from None
        if path.exists():
            return _File(path, str(path), own=True)
    file = among / f"{name}.md"
    return _File(file, file.name if among is BUILT_IN else str(file), own=False)


def _usable(file: _File) -> _Source:
    source = _source(_read(file))
    if source is None:
        raise file.unusable("it does not begin with `---`, `version: 1`, `---`, a line each")
    return source


def _read(source: _File) -> str:
    try:
        if isinstance(source.file, Path):
            status = source.file.stat()
            content = _content(source.file, status.st_mtime_ns, status.st_size)
        else:
            content = _bytes(source.file)
        if len(content) > LARGEST:
            raise source.unusable(f"it has more than {LARGEST:,} bytes")
        return content.decode("utf-8")
    except FileNotFoundError:
        raise source.unusable("there is no such file", "write it, or have the role name another") from None
    except (OSError, UnicodeDecodeError) as error:
        raise source.unusable(in_one_line(error)) from None


@lru_cache(maxsize=MOST_KEPT)
def _content(file: Path, _modified: int, _size: int) -> bytes:
    return _bytes(file)


def _bytes(file: Traversable) -> bytes:
    with file.open("rb") as opened:
        return opened.read(LARGEST + 1)


@lru_cache(maxsize=MOST_KEPT)
def _source(text: str) -> _Source | None:
    if (head := _HEAD.match(text)) is None or (version := _VERSION.search(head["head"])) is None:
        return None
    digest = hashlib.sha256(f"{text}\0{_about_data()}".encode()).hexdigest()
    return _Source(version["version"], digest[:12], text[head.end() :])


@cache
def _about_data() -> str:
    return _read(_file(ABOUT_DATA, None, BUILT_IN))


@cache
def _environment() -> "ImmutableSandboxedEnvironment":
    # Imported here, because commands that only check settings use no prompt.
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # Prompts are plain text: nothing is escaped.
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


@lru_cache(maxsize=MOST_KEPT)
def _template(source: str) -> "Template":
    # Compiling one takes milliseconds, which would delay every run of an agent.
    return _environment().from_string(source)
