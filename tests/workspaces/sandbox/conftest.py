"""Sandboxes, and what runs in them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recursor.workspaces.sandbox import ProgramResult, Sandbox, SandboxLimits
from recursor.workspaces.sandbox.control_groups import ControlGroup

LIMITS = SandboxLimits(seconds=60, grace_seconds=0.2)

Run = Callable[..., ProgramResult]


@pytest.fixture(scope="session")
def why_no_sandbox() -> str | None:
    """Why bubblewrap cannot be used on this machine, if so."""
    return Sandbox("bwrap").unavailable()


@pytest.fixture
def bwrap(why_no_sandbox: str | None) -> Sandbox:
    """A sandbox of bubblewrap; without it, the test is skipped."""
    if why_no_sandbox is not None:
        pytest.skip(why_no_sandbox)
    return Sandbox("bwrap")


@pytest.fixture(params=["bwrap", "off"])
def either(request: pytest.FixtureRequest, why_no_sandbox: str | None) -> Sandbox:
    """Each kind of sandbox."""
    if request.param == "bwrap" and why_no_sandbox is not None:
        pytest.skip(why_no_sandbox)
    return Sandbox(request.param)


@pytest.fixture
def control_groups() -> None:
    """Skips the test where this process may make no control groups."""
    if (group := ControlGroup.make(2**20, 10)) is None:
        pytest.skip("this process may make no control groups")
    group.remove()


@pytest.fixture(params=["group", "no group", "off"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Each way in which the limits of memory and processes are held."""
    if request.param == "no group":
        monkeypatch.setattr(ControlGroup, "make", lambda *_: None)
    elif request.param == "group":
        request.getfixturevalue("control_groups")
    return Sandbox("off") if request.param == "off" else request.getfixturevalue("bwrap")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The tree of a program."""
    made = tmp_path / "tree"
    made.mkdir()
    return made


@pytest.fixture
def run(tree: Path) -> Run:
    """Runs a program in a sandbox to its end."""

    def run(sandbox: Sandbox, command: Any, **more: Any) -> ProgramResult:
        return asyncio.run(sandbox.run(command, tree, **{"limits": LIMITS, **more}))

    return run
