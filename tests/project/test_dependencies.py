"""What an installation depends on is pinned, and explained."""

from configparser import ConfigParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg")
EXTRAS = SETUP["options.extras_require"]
# What `benchmarks.calls_per_project` installs into environments of its own.
UNPINNED = {"peers"}


def requirements(lines: str) -> list[Requirement]:
    return [Requirement(line) for line in lines.splitlines() if line.strip()]


def test_every_requirement_is_pinned_to_a_version_that_it_allows() -> None:
    pins = {
        canonicalize_name(name): version
        for name, _, version in (
            line.partition("==") for line in (ROOT / "constraints.txt").read_text().split("\n") if line
        )
    }
    lists = [SETUP["options"]["install_requires"], *(EXTRAS[name] for name in EXTRAS if name not in UNPINNED)]
    for requirement in (each for lines in lists for each in requirements(lines)):
        name = canonicalize_name(requirement.name)
        assert name == "recursor" or requirement.specifier.contains(pins[name]), requirement


def test_all_extras_but_those_of_developers_are_documented_and_in_all() -> None:
    (everything,) = requirements(EXTRAS["all"])
    offered = set(EXTRAS) - {"all", "docs", "peers", "test"}
    assert everything.extras == offered
    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    assert [extra for extra in (*offered, "all") if f"| `recursor[{extra}]` |" not in page] == []
