"""The tools of a model in a working tree: what they return, and what they refuse."""

import json
import os
import re
from contextlib import suppress
from pathlib import Path

import pytest

from recursor.agents.workspace import tools
from recursor.agents.workspace.tools import Toolbox
from recursor.agents.workspace.working_tree import working_tree
from recursor.domain.spending import AgentFailedError
from tests.agents.model.loop import agent_loop
from tests.agents.model.workspace.conftest import Shop, answer, call, needs_sandbox
from tests.making import make_todo
from tests.model_stub.answers import Answer

END = answer(result="not_needed", why="Only looking.")


def told(shop: Shop, *calls: Answer, **sections: object) -> list[str]:
    """What the model is told after each call."""
    shop.build(*calls, END, **sections)  # type: ignore[arg-type]  # of settings
    return [shop.result(number) for number in range(1, len(calls) + 1)]


class TestReading:
    def test_lists_files(self, shop: Shop) -> None:
        (listed,) = told(shop, call("list_files"))
        lines = listed.split("\n")
        assert lines[0] == "README.md (7 bytes)"
        assert "src/" in lines
        assert any(line.startswith("src/sums.py (") for line in lines)
        assert ".git" not in listed

    def test_lists_a_directory_by_the_path_that_commands_see(self, shop: Shop) -> None:
        (listed,) = told(shop, call("list_files", path="/workspace/src"))
        assert re.fullmatch(r"src/sums\.py \(\d+ bytes\)", listed)

    def test_reads_a_file(self, shop: Shop) -> None:
        assert told(shop, call("read_file", path="./src/sums.py")) == ["def total(prices):\n    return 0"]

    def test_reads_a_part_of_a_long_file(self, shop: Shop) -> None:
        content = "".join(f"line {number}\n" for number in range(1, 10_001))
        write = call("write_file", path="long.txt", content=content)
        _, first, part, beyond = told(
            shop,
            write,
            call("read_file", path="long.txt"),
            call("read_file", path="long.txt", start_line=9_999, lines=10),
            call("read_file", path="long.txt", start_line=20_000),
        )
        assert first.startswith("[lines 1 to 500 of 10,000]\nline 1\n")
        assert part == "[lines 9,999 to 10,000 of 10,000]\nline 9999\nline 10000"
        assert beyond == "Error: the file has only 10,000 lines"

    def test_shows_no_binary_and_no_huge_file(self, shop: Shop, tmp_path: Path) -> None:
        shop.commit({"logo.png": b"\x89PNG\0\0", "dump.sql": "x" * 3_000}, tmp_path / "binary")
        binary, huge, line = told(
            shop,
            call("read_file", path="logo.png"),
            call("read_file", path="dump.sql"),
            call("write_file", path="big", content="y" * 5_000),
            workspace={"file_bytes": 2_048},
        )
        assert binary == "logo.png: 6 bytes that are no text"
        assert huge == "Error: dump.sql: 3,000 bytes, more than 2,048"
        assert line == "Error: big: 5,000 bytes, more than 2,048"

    def test_cuts_lines_and_results_that_are_too_long(self, shop: Shop, tmp_path: Path) -> None:
        shop.commit({"min.js": "x" * 100_000, "wide.txt": ("y" * 1_900 + "\n") * 50}, tmp_path / "wide")
        line, lines = told(shop, call("read_file", path="min.js"), call("read_file", path="wide.txt"))
        assert line.endswith("[... 100,000 characters]")
        assert len(line) < 2_100
        assert lines.startswith("[lines 1 to 10 of 50]")

    @needs_sandbox
    def test_finds_lines(self, shop: Shop) -> None:
        found, none, filtered, wrong, hostile = told(
            shop,
            call("search_files", pattern="def [a-z]+"),
            call("search_files", pattern="nowhere"),
            call("search_files", pattern="sum", include="*.sh"),
            call("search_files", pattern="(", path="src"),
            call("search_files", pattern="x", path="../.."),
        )
        assert found == "src/sums.py:1:def total(prices):"
        assert none == "Nothing found."
        assert filtered.startswith("tests/check.sh:1:")
        assert "Unmatched" in wrong
        assert hostile.startswith("Error: ../..: has ..")


class TestChanging:
    def test_an_edit_must_occur_exactly_once(self, shop: Shop) -> None:
        missing, twice, nothing = told(
            shop,
            call("edit_file", path="src/sums.py", search="return  0", replace="x"),
            call("edit_file", path="src/sums.py", search="r", replace="x"),
            call("edit_file", path="src/sums.py", search="return 0", replace="return 0"),
        )
        assert "does not occur in the file" in missing
        assert "the file has “return 0”" in missing
        assert "more than once" in twice
        assert "changes nothing" in nothing

    def test_an_edit_keeps_line_ends_and_permissions(self, shop: Shop, tmp_path: Path) -> None:
        def change(tree: Path) -> None:
            (tree / "run.sh").write_bytes(b"a\r\nb\r\nc\r\n")
            (tree / "run.sh").chmod(0o755)

        shop.change(tmp_path / "person", change)
        edit = call("edit_file", path="run.sh", search="a\nb", replace="a\nB")
        outcome = shop.build(edit, answer(result="done", title="Change"))
        assert shop.file(outcome, "run.sh") == "a\r\nB\r\nc\r\n"
        (listed,) = [
            each for each in shop.repository.tree(outcome.effects[0].commit).entries if each.path == "run.sh"
        ]
        assert listed.kind == "executable"

    def test_writes_moves_and_deletes(self, shop: Shop) -> None:
        outcome = shop.build(
            call("write_file", path="docs/new/page.md", content="Hello\n"),
            call("move_file", source="README.md", target="docs/README.md"),
            call("move_file", source="src", target="docs/README.md"),
            call("delete_file", path="tests"),
            call("delete_file", path="nowhere"),
            answer(result="done", title="Tidy up"),
        )
        assert shop.result(3) == "Error: docs/README.md: exists already: remove it first"
        assert shop.result(5) == "Error: nowhere: no such file or directory"
        assert outcome.effects[0].paths == (  # type: ignore[union-attr]  # it proposes
            "docs/README.md",
            "docs/new/page.md",
            "tests/check.sh",
        )


class TestConfinement:
    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("../../secret", "has .. in it"),
            ("src/../../secret", "has .. in it"),
            ("/etc/passwd", "outside the tree"),
            (".git/config", "git's own directory"),
            ("src/.GIT/hooks/post-commit", "git's own directory"),
            ("", "the tree itself"),
            ("src", "a directory"),
            ("a\0b", "no file can be named so"),
            ("x/" * 300, "too long"),
        ],
    )
    def test_no_path_leads_out(self, shop: Shop, path: str, reason: str) -> None:
        for refused in told(
            shop, call("read_file", path=path), call("write_file", path=path, content="mine")
        ):
            assert refused.startswith("Error: ")
            assert reason in refused

    def test_no_link_pipe_or_second_name_leads_out(self, shop: Shop, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("the key")
        make = f"ln -s {secret} link; ln -s {tmp_path} out; ln {secret} second; mkfifo pipe; ln -s src inner"
        paths = ("link", "out/secret", "second", "pipe", "inner/sums.py")
        reads = [call("read_file", path=path) for path in paths]
        writes = [call("write_file", path=path, content="mine") for path in paths]
        results = told(
            shop,
            call("run_command", command=make),
            *reads,
            *writes,
            call("delete_file", path="out"),
            call("delete_file", path="link"),
            workspace={"sandbox": "off"},
        )
        assert "the key" not in "".join(results)
        assert [each.startswith("Error: ") for each in results[1:6]] == [True] * 5
        assert results[-2:] == ["Deleted out.", "Deleted link."]
        assert secret.read_text() == "the key"
        assert os.listdir(tmp_path / "workspaces")


class TestCommands:
    @needs_sandbox
    def test_run_in_the_sandbox(self, shop: Shop) -> None:
        ok, failed = told(
            shop,
            call("run_command", command="pwd; cat src/sums.py; env | grep -c OPENAI"),
            call("run_command", command="echo wrong >&2; exit 3"),
        )
        assert re.match(r"Exit status 1 after [\d.]+ s\.\n/workspace\ndef total", ok)
        assert ok.endswith("\n0\n")
        assert re.match(r"Exit status 3 after [\d.]+ s\.\nwrong\n", failed)

    @needs_sandbox
    def test_that_never_end_are_stopped(self, shop: Shop) -> None:
        endless, printing = told(
            shop,
            call("run_command", command="trap '' TERM; sleep 1000", seconds=1),
            call("run_command", command="yes", seconds=1),
        )
        assert "stopped: it ran longer than" in endless
        assert len(printing) < 21_000

    @needs_sandbox
    def test_the_checks_can_be_tried(self, shop: Shop) -> None:
        fix = call("edit_file", path="src/sums.py", search="return 0", replace="return sum(prices)")
        failed, _, passed = told(
            shop, call("run_checks"), fix, call("run_checks"), workspace={"checks": ["sh tests/check.sh"]}
        )
        assert failed.startswith("`sh tests/check.sh`: failed with exit status 1")
        assert passed.startswith("`sh tests/check.sh`: passed")

    def test_are_not_begun_when_the_time_is_over(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tools, "SPARE_SECONDS", 1_000_000.0)
        (refused,) = told(shop, call("run_command", command="true"))
        assert refused == "Error: there is no time left for this: give your answer now"


async def _call(shop: Shop, times: int) -> tuple[Toolbox, str]:
    """Have one tool called so often; returns what the last call returned before the run was given up."""
    todo = make_todo(1)
    run = shop.run_of("builder", todo, workspace={"turns": 40})
    result = ""
    async with working_tree(shop.snapshot(todo), run, shop.tip) as tree:
        box = Toolbox(tree)
        with suppress(AgentFailedError):
            for _ in range(times):
                result = await box.call("list_files", {"path": "x" * 10_000}, lambda: box.list_files("."))
    return box, result


def test_ten_thousand_calls_cost_what_a_few_hundred_do(shop: Shop) -> None:
    box, result = agent_loop().run(_call(shop, 10_000))
    assert result == "Error: 200 calls were made, and no more are allowed: give your answer now"
    assert (box.calls, box.refused, box.is_exhausted) == (200, 201, True)
    assert box.metadata()["tool_calls"] == 200
    assert len(json.dumps(box.metadata())) < 100_000
