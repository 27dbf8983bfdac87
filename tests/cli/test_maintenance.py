"""Backups are taken beside a runner, and restored where none is."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.processes import run_process, run_to_end

Recursor = Callable[..., Any]


@pytest.fixture
def backup(recursor: Recursor, tmp_path: Path) -> Path:
    """A backup of a data directory with the stack "one"."""
    recursor("create", "one")
    assert recursor("backup", str(tmp_path / "backup")).code == 0
    return tmp_path / "backup"


def names(data: Path) -> list[str]:
    return sorted(stack["name"] for stack in run_to_end("list", "--json", data=data).json)


class TestBackup:
    def test_is_a_data_directory_of_its_own(self, recursor: Recursor, data: Path, backup: Path) -> None:
        recursor("create", "two")
        assert names(data) == ["one", "two"]
        assert names(backup) == ["one"]

    def test_is_taken_beside_a_runner(
        self, recursor: Recursor, start_runner: Recursor, tmp_path: Path
    ) -> None:
        with start_runner():
            recursor("create", "one")
            target = tmp_path / "deep" / "backup"
            done = recursor("backup", str(target), "--json").json
            written = (target / "store" / "data.mdb").stat().st_size
            assert done == {"path": str(target), "bytes": written}
            assert names(target) == ["one"]

    def test_says_where_it_is_and_how_large(self, recursor: Recursor, tmp_path: Path) -> None:
        recursor("create", "one")
        assert recursor("backup", str(tmp_path / "b")).out.endswith(f" KB in {tmp_path / 'b'}\n")

    def test_goes_to_a_new_place_only(self, recursor: Recursor, backup: Path) -> None:
        before = (backup / "store" / "data.mdb").read_bytes()
        assert "not an empty directory" in recursor("backup", str(backup)).complaint
        assert (backup / "store" / "data.mdb").read_bytes() == before

    def test_of_nothing_is_refused(self, recursor: Recursor, data: Path, tmp_path: Path) -> None:
        assert recursor("backup", str(tmp_path / "b")).complaint.startswith(f"{data}: no stacks here")
        assert list(tmp_path.iterdir()) == []


class TestRestore:
    def test_fills_a_new_data_directory(self, backup: Path, tmp_path: Path) -> None:
        new = tmp_path / "new"
        done = run_to_end("restore", str(backup), "--json", data=new).json
        assert done["path"] == str(new)
        assert names(new) == ["one"]
        run_to_end("create", "two", data=new)
        assert names(new) == ["one", "two"]
        # A store's own directory will do, too.
        assert run_to_end("restore", str(backup / "store"), data=tmp_path / "newer").code == 0

    def test_replaces_a_store_only_if_told_to(self, recursor: Recursor, backup: Path, data: Path) -> None:
        recursor("create", "two")
        refused = recursor("restore", str(backup))
        assert refused.code == 1
        assert refused.complaint.startswith(f"{data / 'store'}: a store exists already: give --force")
        assert names(data) == ["one", "two"]
        assert recursor("restore", str(backup), "--force").out.startswith(f"{data} restored from {backup}")
        assert names(data) == ["one"]

    @pytest.mark.slow
    def test_is_refused_by_name_of_the_runner(
        self, recursor: Recursor, start_runner: Recursor, data: Path, backup: Path
    ) -> None:
        with start_runner() as runner:
            recursor("create", "two")
            refused = recursor("restore", str(backup), "--force")
            assert refused.code == 1
            assert f"in use by process {runner.process.pid}" in refused.complaint
            assert names(data) == ["one", "two"]
            # One that is killed leaves the process that serves behind, for a moment.
            assert runner.end(signal.SIGTERM) == 0
        assert recursor("restore", str(backup), "--force").code == 0

    @pytest.mark.parametrize(
        ("source", "code", "says"),
        [
            ("nothing", 2, "no store here: name a directory that `recursor backup` wrote"),
            ("file", 2, "no store here"),
            ("x" * 5000, 2, "no store here"),
            ("data", 2, "is the store to be replaced"),
            ("data/store", 2, "is the store to be replaced"),
            ("damaged", 1, "damaged"),
        ],
    )
    def test_of_what_is_no_backup_touches_nothing(
        self, recursor: Recursor, data: Path, tmp_path: Path, source: str, code: int, says: str
    ) -> None:
        recursor("create", "one")
        (tmp_path / "file").touch()
        (tmp_path / "damaged" / "store").mkdir(parents=True)
        (tmp_path / "damaged" / "store" / "data.mdb").write_bytes(b"x" * 10_000)
        refused = recursor("restore", str(tmp_path / source), "--force")
        assert refused.code == code
        assert says in refused.complaint
        assert names(data) == ["one"]
        other = run_to_end("restore", str(tmp_path / source), data=tmp_path / "other")
        assert (tmp_path / "other").exists() == (other.code == 0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data directory with a stack that has made its page, and the stack's id."""
    data = tmp_path_factory.mktemp("finished") / "data"
    idea = ("--idea", "a habit tracker")
    summary = run_process("run", *idea, "--until-done", "--port", "0", "--json", data=data).json
    return data, str(summary["stacks"][0]["id"])


@pytest.fixture
def habits(data: Path, finished: tuple[Path, str]) -> str:
    """The id of a stack that has made its page."""
    directory, stack_id = finished
    shutil.copytree(directory, data, ignore=shutil.ignore_patterns("*.sock"))
    return stack_id


class TestPrune:
    def test_removes_what_is_more_than_is_to_be_kept(self, recursor: Recursor, habits: str) -> None:
        stats = recursor("stats", habits, "--json").json
        before = len(recursor("executions", habits, "--json").json)
        foreseen = recursor("prune", habits, "--keep", "2", "--dry-run", "--json").json
        assert foreseen["dry_run"] is True
        assert len(recursor("executions", habits, "--json").json) == before > 2
        done = recursor("prune", habits, "--keep", "2", "--json").json
        assert {**done, "dry_run": True} == foreseen
        assert done["removed"]["executions"] == before - 2
        assert done["bytes"] > 1000
        assert [stack["id"] for stack in done["stacks"]] == [habits]
        assert len(recursor("executions", habits, "--json").json) == 2
        assert len(recursor("graphs", habits, "--json").json) == 2
        assert "no longer has version 1" in recursor("artifact", habits, "--version", "1").complaint
        assert recursor("stats", habits, "--json").json["cycles"] == stats["cycles"]
        assert recursor("prune", "--all", "--keep", "2").out == "nothing to remove\n"

    def test_goes_by_the_settings(self, recursor: Recursor, habits: str) -> None:
        assert recursor("prune", "--all").out == "nothing to remove\n"
        recursor("configure", habits, "--set", "retention.traces=3")
        told = recursor("prune", "--all").out.splitlines()
        assert told[0].startswith(f"habit tracker ({habits[:8]}): ")
        assert told[0].endswith(" traces")
        assert told[1].startswith("removed ")
        assert len(told) == 3
        assert len(recursor("traces", habits, "--json").json) == 3

    def test_works_beside_a_runner(self, recursor: Recursor, start_runner: Recursor, habits: str) -> None:
        with start_runner():
            assert "removed" in recursor("prune", "--all", "--older-than", "0s").out
            assert recursor("executions", habits, "--json").json == []
            answer = recursor("message", habits, "What is your name?", "--wait", "--json").json
            assert answer["answered_at"] is not None

    def test_tells_of_those_it_could_not_prune(self, recursor: Recursor, habits: str) -> None:
        done = recursor("prune", "nobody", habits, "--keep", "1", "--json")
        assert done.code == 1
        assert "no stack named 'nobody'" in done.complaint
        assert done.json["removed"]["executions"] > 0

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ((), "prune: name stacks, or give --all"),
            (("one", "--all"), "prune: name stacks, or give --all"),
            (("--all", "--keep", "0"), "--keep"),
            (("--all", "--older-than", "old"), "--older-than: 'old' is not a span of time"),
        ],
    )
    def test_is_refused(self, recursor: Recursor, data: Path, arguments: tuple[str, ...], says: str) -> None:
        refused = recursor("prune", *arguments)
        assert refused.code == 2
        assert says in refused.complaint
        assert not data.exists()
