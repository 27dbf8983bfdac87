"""How the program of a coding agent is found, and what of the machine it may see."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recursor.agents.workspace.acp_programs import AgentProgram, ModelAccess, ModelFormat, found_program
from recursor.domain.spending import AgentFailedError

MakeProgram = Callable[..., Path]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory, whose bin directory is searched."""
    made = tmp_path / "home"
    monkeypatch.setenv("HOME", str(made))
    monkeypatch.setenv("PATH", f"{made / 'bin'}:/usr/bin:/bin")
    return made


@pytest.fixture
def make(home: Path) -> MakeProgram:
    """Makes a program in the home directory."""

    def make(path: str, content: str = "\x7fELF") -> Path:
        file = home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(0o755)
        return file

    return make


@pytest.fixture
def find(tmp_path: Path) -> Callable[[str], AgentProgram]:
    """Finds a program."""
    return lambda command: found_program(command, tmp_path / "data" / "stack")


Find = Callable[[str], AgentProgram]


def test_a_program_alone_is_all_that_it_may_see(home: Path, make: MakeProgram, find: Find) -> None:
    file = make("bin/opencode")
    (home / "lib" / "python3.12").mkdir(parents=True)
    found = find("opencode")
    assert (found.name, found.words) == ("opencode", (str(file), "acp"))
    assert found.readable == (file,)
    assert found.path == f"{home / 'bin'}:/usr/local/bin:/usr/bin:/bin"


def test_a_program_of_npm_sees_its_packages_and_its_node(home: Path, make: MakeProgram, find: Find) -> None:
    script = make("npm/lib/node_modules/@google/gemini-cli/gemini.js", "#!/usr/bin/env node\n")
    (home / "bin").mkdir()
    (home / "bin" / "gemini").symlink_to(script)
    node = make("node-22/bin/node")
    (home / "node-22" / "lib" / "node_modules").mkdir(parents=True)
    (home / "bin" / "node").symlink_to(node)
    found = find("gemini")
    assert found.words == (str(script), "--acp")
    assert set(found.readable) == {
        home / "bin" / "gemini",
        home / "npm/lib/node_modules",
        home / "bin" / "node",
        home / "node-22",
    }
    assert found.path.startswith(f"{home / 'bin'}:")


def test_a_program_of_python_sees_its_environment(home: Path, make: MakeProgram, find: Find) -> None:
    python = make("python-3.12/bin/python3.12")
    (home / "python-3.12" / "lib" / "python3.12").mkdir(parents=True)
    tool = make(".local/share/tools/agent/bin/agent", f"#!{home}/.local/share/tools/agent/bin/python\n")
    environment = home / ".local/share/tools/agent"
    (environment / "bin" / "python").symlink_to(python)
    (environment / "pyvenv.cfg").touch()
    (home / ".local" / "bin").mkdir()
    (home / ".local" / "bin" / "agent").symlink_to(tool)
    settings = make("settings.toml")
    found = find(f"{home}/.local/bin/agent --acp --settings {settings} --directory {home}")
    assert found.words[0] == str(tool)
    assert set(found.readable) == {
        home / ".local" / "bin" / "agent",
        environment,
        home / "python-3.12",
        settings,
    }


def test_a_program_of_the_system_needs_nothing_more(find: Find, home: Path) -> None:
    found = find("sh -c 'exit 3'")
    assert (found.words[1:], found.readable, found.path) == (
        ("-c", "exit 3"),
        (),
        "/usr/local/bin:/usr/bin:/bin",
    )


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (
            "opencode",
            "no program opencode on this machine: install it (npm install -g opencode-ai), then resume",
        ),
        (
            "nonesuch --acp",
            "no program nonesuch on this machine: install it, or choose one of opencode, claude",
        ),
        ("a 'b", "No closing quotation: mend the quotes"),
        (" ", "names no agent: set agent.name, such as acp:opencode"),
        ("agent", "needs the program nonesuch, which is not on this machine"),
    ],
)
def test_what_is_missing_is_named(make: MakeProgram, find: Find, command: str, problem: str) -> None:
    make("bin/agent", "#!/usr/bin/env nonesuch\n")
    with pytest.raises(AgentFailedError) as failed:
        find(command)
    assert problem in str(failed.value)
    assert failed.value.suspend


def _access(format_: ModelFormat) -> ModelAccess:
    return ModelAccess("http://127.0.0.1:8377", "the-token", "a-model", format_)


@pytest.mark.parametrize("format_", ["openai", "anthropic"])
def test_opencode_is_pointed_to_the_gateway(make: MakeProgram, find: Find, format_: ModelFormat) -> None:
    make("bin/opencode")
    found = find("opencode")
    settings = json.loads(found.environment(_access(format_))["OPENCODE_CONFIG_CONTENT"])
    assert settings["model"] == "recursor/a-model"
    assert settings["provider"]["recursor"]["options"] == {
        "baseURL": "http://127.0.0.1:8377/v1",
        "apiKey": "the-token",
    }
    assert set(json.loads(found.asking["OPENCODE_PERMISSION"]).values()) == {"ask"}


def test_codex_is_pointed_to_the_gateway_and_does_without_what_cannot_be_counted(
    make: MakeProgram, find: Find
) -> None:
    make("bin/codex-acp")
    variables = find("codex").environment(_access("openai"))
    settings = json.loads(variables["CODEX_CONFIG"])
    assert settings["model_providers"][settings["model_provider"]]["base_url"] == "http://127.0.0.1:8377/v1"
    assert settings["web_search"] == "disabled"
    assert variables["OPENAI_API_KEY"] == "the-token"


def test_other_agents_get_the_usual_variables(find: Find, home: Path) -> None:
    assert dict(find("sh").environment(_access("openai"))) == {
        "OPENAI_BASE_URL": "http://127.0.0.1:8377/v1",
        "OPENAI_API_KEY": "the-token",
        "OPENAI_MODEL": "a-model",
    }
    assert find("sh").environment(_access("anthropic"))["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:8377"


@pytest.mark.parametrize(
    ("program", "format_", "problem"),
    [
        ("claude-agent-acp", "openai", "acp:claude cannot ask a-model: set a model of anthropic"),
        ("codex-acp", "anthropic", "acp:codex cannot ask a-model: set a model of openai"),
        ("gemini", "openai", "acp:gemini asks in a format that the gateway does not serve"),
    ],
)
def test_an_agent_that_cannot_ask_the_model_says_so(
    make: MakeProgram, find: Find, program: str, format_: ModelFormat, problem: str
) -> None:
    make(f"bin/{program}")
    with pytest.raises(AgentFailedError, match=problem):
        find(program).environment(_access(format_))
