"""The prompts: files with a version, of which a stack may have its own."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from recursor.agents.model.prompt_directory import prompt_directory
from recursor.domain.errors import InvalidInputError, in_one_line
from recursor.domain.settings import ModelSettings
from recursor.domain.spending import AgentFailedError

BUILT_IN: Traversable = files("recursor.agents.model") / "prompts"
# Said after every prompt, also after a person's own: which part of a question is not to be obeyed.
ABOUT_DATA = "about-data"
# A prompt larger than this is some other file.
LARGEST = 200_000

_HEAD = re.compile(r"\A---\r?\n(?P<head>.*?)\r?\n---\r?\n", re.S)
_VERSION = re.compile(r"^version:\s*[\"']?(?P<version>[\w.+-]{1,40})[\"']?\s*$", re.M)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is told that it is, filled in, and where that is from."""

    name: str
    version: str
    """As the file says."""
    hash: str
    """Of the file, and of what is said after it."""
    own: bool
    """Whether it is one of `model.prompts`."""
    text: str


def prompt_named(
    name: str, settings: ModelSettings, values: dict[str, Any], among: Traversable = BUILT_IN
) -> Prompt:
    """Return a prompt, filled in.

    Args:
        name: of the file, without `.md`.
        settings: the stack's: a file of the same name in `model.prompts` takes its place.
        values: what it may say.
        among: where it is found else.

    Raises:
        AgentFailedError: it cannot be read, has no version, or is not a template that can be filled in.
    """
    file = _source(name, settings.prompts, among)
    source = _read(file)
    if (head := _HEAD.match(source)) is None or (version := _VERSION.search(head["head"])) is None:
        raise file.unusable("it does not begin with `---`, `version: 1`, `---`, a line each")
    about_data = _built_in(ABOUT_DATA)
    try:
        text = _template(source[head.end() :]).render(values)
    except Exception as error:  # noqa: BLE001  # a template is a program: it can divide by zero
        raise file.unusable(in_one_line(error)) from None
    digest = hashlib.sha256(f"{source}\0{about_data}".encode()).hexdigest()
    return Prompt(name, version["version"], digest[:12], file.own, f"{text.strip()}\n\n{about_data.strip()}")


@dataclass(frozen=True, slots=True)
class _Source:
    file: Traversable
    where: str
    own: bool

    def unusable(self, problem: str, remedy: str = "put it right") -> AgentFailedError:
        """Return the error that the file cannot be used."""
        other = ", or take it out of model.prompts" if self.own else ""
        return AgentFailedError(f"prompt {self.where}: {problem}: {remedy}{other}", suspend=True)


def _source(name: str, directory: str | None, among: Traversable) -> _Source:
    if directory is not None:
        try:
            path = prompt_directory(directory) / f"{name}.md"
        except InvalidInputError as error:
            raise AgentFailedError(str(error), suspend=True) from None
        if path.exists():
            return _Source(path, str(path), own=True)
    file = among / f"{name}.md"
    return _Source(file, file.name if among is BUILT_IN else str(file), own=False)


def _read(source: _Source) -> str:
    try:
        with source.file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise source.unusable(f"it has more than {LARGEST:,} bytes")
        return content.decode("utf-8")
    except FileNotFoundError:
        raise source.unusable("there is no such file", "write it, or have the role name another") from None
    except (OSError, UnicodeDecodeError) as error:
        raise source.unusable(in_one_line(error)) from None


@cache
def _built_in(name: str) -> str:
    return _read(_source(name, None, BUILT_IN))


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    # They are plain text: nothing is to be escaped.
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


@lru_cache(maxsize=128)
def _template(source: str) -> Template:
    # Compiling one takes milliseconds, which every run of an agent would wait for.
    return _environment().from_string(source)
