"""The package as others install it: a wheel, outside the checkout, with all, some or none of its extras."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Iterable
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import recursor

ROOT = Path(__file__).parents[2]
ROOMS = sorted(link.name for link in (ROOT / "src" / "recursor").iterdir() if link.is_symlink())
WAIT = 120


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources and without a network."""
    sources, built = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    for name in ("src", *ROOMS):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, sources / name, symlinks=True, ignore=ignored)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    building = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation")
    done = subprocess.run(
        [*building, "-w", str(built), str(sources)], capture_output=True, text=True, timeout=WAIT, check=False
    )
    assert done.returncode == 0, done.stderr
    (made,) = built.glob("recursor-*.whl")
    return made


class Installation:
    """An environment that has the wheel, and of the test environment's packages what some extras need."""

    def __init__(self, place: Path, wheel: Path, extras: Iterable[str]) -> None:
        venv.create(place, with_pip=False, symlinks=True)
        (self._packages,) = place.glob("lib/python*/site-packages")
        self._python = place / "bin" / "python"
        self._place = place
        self._environment = {"PATH": os.defpath, "HOME": str(place)}
        for name in _needed(_metadata(wheel), frozenset(extras)):
            self._link(distribution(name))
        pip = (sys.executable, "-m", "pip", "--python", str(self._python))
        done = subprocess.run(
            [*pip, "install", "-q", "--no-deps", "--no-index", str(wheel)],
            capture_output=True,
            text=True,
            timeout=WAIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def _link(self, package: Distribution) -> None:
        for entry in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            # Several distributions may share a namespace.
            if not (self._packages / entry).exists():
                (self._packages / entry).symlink_to(str(package.locate_file(entry)))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in a directory that has nothing of the checkout."""
        return self._run(str(self._python), *arguments)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the installed command."""
        return self._run(str(self._place / "bin" / "recursor"), *arguments)

    def begun(self, *arguments: str) -> "subprocess.Popen[str]":
        """Begin to run the installed command."""
        return subprocess.Popen(
            [self._place / "bin" / "recursor", *arguments],
            cwd=self._place,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self._place,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=WAIT,
            check=False,
        )


def _metadata(wheel: Path) -> Distribution:
    name = "-".join(wheel.name.split("-")[:2])
    return PathDistribution(zipfile.Path(wheel, f"{name}.dist-info/"))  # type: ignore[arg-type]  # as good as one


def _needed(wheel: Distribution, extras: frozenset[str]) -> set[str]:
    """The names of all distributions that the wheel needs with its extras, without itself."""
    known: set[tuple[str, frozenset[str]]] = set()
    asked = [("recursor", extras)]
    while asked:
        name, wanted = asked.pop()
        if (name, wanted) in known:
            continue
        known.add((name, wanted))
        package = wheel if name == "recursor" else distribution(name)
        for requirement in map(Requirement, package.requires or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
                asked.append((requirement.name, frozenset(requirement.extras)))
    return {name for name, _ in known} - {"recursor"}


@pytest.fixture(scope="module")
def install(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Installation]:
    """Makes an installation with some extras."""

    def installed(*extras: str) -> Installation:
        return Installation(tmp_path_factory.mktemp("-".join(("with", *extras))), wheel, extras)

    return installed


@pytest.fixture(scope="module")
def core(install: Callable[..., Installation]) -> Installation:
    """An installation without extras."""
    return install()


@pytest.fixture(scope="module")
def with_command(install: Callable[..., Installation]) -> Installation:
    """An installation with the command, and no more."""
    return install("cli")


def test_it_holds_every_file_of_the_rooms(wheel: Path) -> None:
    files = {
        f"recursor/{path.relative_to(ROOT)}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    held = set(zipfile.ZipFile(wheel).namelist())
    assert files - held == set()
    own = {"recursor/__init__.py", "recursor/py.typed"}
    assert {name for name in held - files if ".dist-info/" not in name} == own


@pytest.mark.slow
def test_the_core_has_the_face_and_runs_the_embedding_example(core: Installation) -> None:
    told = core.run("-c", "import recursor; print(recursor.__version__, recursor.__file__)").stdout
    assert told.startswith(f"{recursor.__version__} ")
    assert str(ROOT) not in told
    done = core.run("-W", "error", str(ROOT / "examples" / "embedding.py"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Recursor has stopped, in time" in done.stdout


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "from recursor import models",
            'recursor.models needs recursor[models]: pip install "recursor[models]"',
        ),
        (
            "from recursor.agents.team import model_agents; model_agents()",
            'a team that asks a model needs recursor[models]: pip install "recursor[models]"',
        ),
        (
            "import asyncio; from pathlib import Path; from recursor.storage.sql.process import ask; "
            "from recursor.domain.process_settings import SqlSettings; "
            "asyncio.run(ask(Path('none'), 'SELECT 1', SqlSettings()))",
            'SQL needs recursor[sql]: pip install "recursor[sql]"',
        ),
    ],
)
def test_what_the_core_lacks_is_named_with_its_extra(core: Installation, program: str, said: str) -> None:
    done = core.run("-c", program)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f"Error: {said}")


def test_the_command_of_the_core_names_its_extra(core: Installation) -> None:
    done = core.command("list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'recursor: the command recursor needs recursor[cli]: pip install "recursor[cli]"\n'


@pytest.mark.slow
def test_the_command_runs_teams_without_the_web(with_command: Installation) -> None:
    command = with_command.command
    made = command("run", "--idea", "a habit tracker", "--until-done", "--port", "0", "--data", "data")
    assert made.returncode == 0, made.stderr
    assert command("list", "--data", "data").returncode == 0
    asked = command("sql", "SELECT 1", "--data", "data")
    assert asked.stderr == 'recursor: SQL needs recursor[sql]: pip install "recursor[sql]"\n'


@pytest.mark.slow
def test_a_runner_without_the_web_names_its_extra(with_command: Installation) -> None:
    with with_command.begun("run", "--port", "0", "--data", "data") as runner:
        assert runner.stderr is not None
        said = next(line for line in runner.stderr if "needs recursor" in line)
        runner.terminate()
    assert "serving the API and the dashboard needs recursor[web]: pip install" in said


@pytest.mark.slow
def test_all_of_it_runs_outside_the_checkout(install: Callable[..., Installation]) -> None:
    everything = install("all")
    assert everything.command("--version").stdout == f"recursor {recursor.__version__}\n"
    beside = f"import sys; sys.path.insert(0, {str(ROOT / 'examples')!r}); import researcher, librarian"
    done = everything.run("-c", beside)
    assert done.returncode == 0, done.stderr
    assert everything.command("sql", "--tables", "--data", "data").returncode == 0
    served = everything.run("-c", "import recursor.runner.web_main, recursor.runner.telemetry_export")
    assert served.returncode == 0, served.stderr
