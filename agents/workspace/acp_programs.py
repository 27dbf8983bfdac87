"""Coding agents as programs: how each is started, installed and told of its model, and what it needs."""

import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic_core import to_json

from recursor.domain.spending import AgentFailedError

_SYSTEM = tuple(map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")))
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"

# Of a script, the bytes in which its interpreter is named.
_FIRST_LINE = 256

# Of links to a program, how many are followed.
_MOST_LINKS = 40

ModelFormat = Literal["openai", "anthropic"]


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """How an agent asks the run's model, by way of the gateway."""

    address: str
    """Of the gateway, without a path."""
    token: str
    model: str
    """The provider's name for it."""
    format: ModelFormat

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that most clients of models heed."""
        if self.format == "anthropic":
            return {
                "ANTHROPIC_BASE_URL": self.address,
                "ANTHROPIC_API_KEY": self.token,
                "ANTHROPIC_MODEL": self.model,
            }
        return {
            "OPENAI_BASE_URL": f"{self.address}/v1",
            "OPENAI_API_KEY": self.token,
            "OPENAI_MODEL": self.model,
        }


@dataclass(frozen=True, slots=True)
class _KnownAgent:
    command: tuple[str, ...]
    install: str
    configured: Callable[[ModelAccess], Mapping[str, str]]
    """Returns the variables that point it to its model, in addition to the usual ones."""
    asking: Mapping[str, str]
    """Variables that have it ask for permission where it would not; the rules of the stack decide."""
    formats: tuple[ModelFormat, ...]
    """Those in which it can ask its model by way of the gateway; empty: it needs its own way."""


def _opencode(access: ModelAccess) -> Mapping[str, str]:
    package = "@ai-sdk/anthropic" if access.format == "anthropic" else "@ai-sdk/openai-compatible"
    provider = {
        "npm": package,
        "name": "Recursor",
        "options": {"baseURL": f"{access.address}/v1", "apiKey": access.token},
        "models": {access.model: {"name": access.model}},
    }
    configuration = {
        "provider": {"recursor": provider},
        "model": f"recursor/{access.model}",
        "small_model": f"recursor/{access.model}",
        "share": "disabled",
        "autoupdate": False,
    }
    return {
        "OPENCODE_CONFIG_CONTENT": to_json(configuration).decode(),
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
    }


def _claude(access: ModelAccess) -> Mapping[str, str]:
    return {
        "ANTHROPIC_SMALL_FAST_MODEL": access.model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def _codex(access: ModelAccess) -> Mapping[str, str]:
    provider = {
        "name": "Recursor",
        "base_url": f"{access.address}/v1",
        "env_key": "OPENAI_API_KEY",
        "wire_api": "responses",
    }
    configuration = {
        "model": access.model,
        "model_provider": "recursor",
        "model_providers": {"recursor": provider},
        # The provider would run it, at a cost that no answer says.
        "web_search": "disabled",
    }
    return {"CODEX_CONFIG": to_json(configuration).decode(), "MODEL_PROVIDER": "recursor", "NO_BROWSER": "1"}


_OPENCODE_ASKS = {"edit": "ask", "bash": "ask", "webfetch": "ask", "external_directory": "ask"}

_AGENTS: Mapping[str, _KnownAgent] = {
    "opencode": _KnownAgent(
        ("opencode", "acp"),
        "npm install -g opencode-ai",
        _opencode,
        {"OPENCODE_PERMISSION": to_json(_OPENCODE_ASKS).decode()},
        ("openai", "anthropic"),
    ),
    "claude": _KnownAgent(
        ("claude-agent-acp",),
        "npm install -g @agentclientprotocol/claude-agent-acp",
        _claude,
        {},
        ("anthropic",),
    ),
    "codex": _KnownAgent(
        ("codex-acp",), "npm install -g @agentclientprotocol/codex-acp", _codex, {}, ("openai",)
    ),
    "gemini": _KnownAgent(("gemini", "--acp"), "npm install -g @google/gemini-cli", lambda _: {}, {}, ()),
}


@dataclass(frozen=True, slots=True)
class AgentProgram:
    """A coding agent's program, as it is found on this machine."""

    name: str
    """As people call it."""
    words: tuple[str, ...]
    """Its file and its arguments."""
    readable: tuple[Path, ...]
    """What it needs of the machine besides the system's own programs and libraries."""
    path: str
    """The value of PATH for it in the sandbox."""
    known: _KnownAgent | None

    @property
    def asking(self) -> Mapping[str, str]:
        """The variables that have it ask for permission."""
        return {} if self.known is None else self.known.asking

    def environment(self, access: ModelAccess) -> Mapping[str, str]:
        """Return the variables that point it to its model.

        Raises:
            AgentFailedError: it cannot ask this model.
        """
        if self.known is None:
            return access.environment
        if not self.known.formats:
            raise AgentFailedError(
                f"acp:{self.name} asks in a format that the gateway does not serve: set "
                "workspace.sandbox=off and model.name=scripted, and it uses its own account, or choose "
                "another agent",
                suspend=True,
            )
        if access.format not in self.known.formats:
            wanted = "anthropic" if self.known.formats == ("anthropic",) else "openai"
            raise AgentFailedError(
                f"acp:{self.name} cannot ask {access.model}: set a model of {wanted}, such as model.name="
                f"{wanted}:NAME, or choose another agent",
                suspend=True,
            )
        return {**access.environment, **self.known.configured(access)}


def found_program(command: str, private: Path) -> AgentProgram:
    """Find the program of an agent. It reads files, so it may block.

    Args:
        command: the name of a known agent, or a program with its arguments.
        private: a directory that no program in a sandbox may see as a whole.

    Raises:
        AgentFailedError: it is not installed, or needs another program that is not.
    """
    known = _AGENTS.get(command)
    try:
        words = known.command if known is not None else tuple(shlex.split(command))
    except ValueError as error:
        raise AgentFailedError(f"acp:{command}: {error}: mend the quotes", suspend=True) from None
    if not words:
        raise AgentFailedError("acp: names no agent: set agent.name, such as acp:opencode", suspend=True)
    known = known or next((each for each in _AGENTS.values() if each.command[0] == Path(words[0]).name), None)
    file = shutil.which(words[0])
    if file is None:
        names = ", ".join(_AGENTS)
        remedy = f"install it ({known.install})" if known else f"install it, or choose one of {names}"
        raise AgentFailedError(
            f"acp:{command}: there is no program {words[0]} on this machine: {remedy}, then resume",
            suspend=True,
        )
    search = _Search(private)
    start = search.add(Path(os.path.abspath(file)))
    for word in words[1:]:
        if word.startswith("/") and Path(word).is_file():
            search.add_file(Path(word))
    return AgentProgram(
        name=next((name for name, each in _AGENTS.items() if each is known), Path(words[0]).name),
        words=(str(start), *words[1:]),
        readable=tuple(search.readable),
        path=":".join((*search.directories, _SYSTEM_PATH)),
        known=known,
    )


class _Search:
    """Collects what a program needs: its installation, and that of its interpreter."""

    def __init__(self, private: Path) -> None:
        home = Path.home()
        # No installation is so large: these hold what is no program's business.
        self._too_much = {home / ".local", *_with_parents(home), *_with_parents(private)}
        self.readable: dict[Path, None] = {}
        self.directories: dict[str, None] = {}

    def add(self, file: Path) -> Path:
        """Add a program; return the path by which it is started."""
        real = file.resolve()
        for link in _links(file):
            self._add_installation(link)
        self._add_installation(real)
        if not _of_system(real):
            self.directories[str(file.parent)] = None
        if (interpreter := _interpreter(real)) is not None:
            path = shutil.which(interpreter)
            if path is None:
                raise AgentFailedError(
                    f"{file} needs the program {interpreter}, which is not on this machine: install it, then "
                    "resume",
                    suspend=True,
                )
            self.add(Path(os.path.abspath(path)))
        # An environment of Python is known by the path of its link; node looks beside the real file.
        return file if (file.parent.parent / "pyvenv.cfg").is_file() else real

    def add_file(self, file: Path) -> None:
        """Add a file, and nothing beside it."""
        if not _of_system(file):
            self.readable[file] = None

    def _add_installation(self, file: Path) -> None:
        root = _installation(file)
        self.add_file(file if root is None or root in self._too_much else root)


def _installation(file: Path) -> Path | None:
    """Return the directory of an installation that a program belongs to, if it is one."""
    parts = file.parts
    if "node_modules" in parts:
        return Path(*parts[: parts.index("node_modules") + 1])
    prefix = file.parent.parent
    if file.parent.name == "bin" and (
        (prefix / "pyvenv.cfg").is_file()
        or (prefix / "lib" / "node_modules").is_dir()
        or any(prefix.glob("lib/python3.*"))
    ):
        return prefix
    return None


def _links(file: Path) -> Iterator[Path]:
    """Yield a path and the links that it leads to, one after another."""
    for _ in range(_MOST_LINKS):
        yield file
        if not file.is_symlink():
            return
        file = Path(os.path.normpath(file.parent / file.readlink()))


def _interpreter(file: Path) -> str | None:
    """Return the program that runs a script, by its name or path, or None for other files."""
    with file.open("rb") as opened:
        first = opened.read(_FIRST_LINE).partition(b"\n")[0]
    if not first.startswith(b"#!"):
        return None
    words = os.fsdecode(first[2:]).split()
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-")]
    return words[0] if words else None


def _of_system(file: Path) -> bool:
    return any(file.is_relative_to(directory) for directory in _SYSTEM)


def _with_parents(directory: Path) -> Iterator[Path]:
    yield directory
    yield from directory.parents
