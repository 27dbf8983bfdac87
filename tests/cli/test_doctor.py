"""What people and scripts rely on of `recursor doctor`, in real processes."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from recursor.doctor.catalogue import CHECKS
from recursor.domain.new_records import new_stack
from recursor.domain.stack import ExecutionState
from recursor.storage.commit import Commit
from recursor.storage.data_directory import store_directory
from recursor.storage.opening import open_store
from recursor.storage.tables import ACCOUNTS, HOURS, IDEAS, STACKS, TODOS, TRACES
from tests.processes import wait_for
from tests.storage.writing import damage
from tests.storing import put_stack

Recursor = Callable[..., Any]


def paused(data: Path, *names: str) -> list[str]:
    """Stacks that were paused after failures."""
    now = time.time()
    fields = {"state": ExecutionState.PAUSED, "paused_at": now - 60, "failures_in_a_row": 5}
    made = [new_stack(name, now).but(**fields, state_reason="\x1b[31mout of bricks") for name in names]
    commit = Commit()
    for stack in made:
        put_stack(commit, stack)
    with closing(open_store(store_directory(data))) as store:
        store.write(commit)
    return [stack.id for stack in made]


def test_health_is_a_list_of_what_was_checked(recursor: Recursor, start_runner: Recursor) -> None:
    recursor("create", "one")
    with start_runner():
        wait_for(lambda: "up for" in details(recursor("doctor", "--json").json)["runner"])
        done = recursor("doctor")
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("Healthy\n")
        for check in CHECKS:
            assert (check.title in done.out) == (check.id not in ("not-running", "trouble"))
        report = recursor("doctor", "--json").json
        assert report["healthy"] is True
        assert {check["outcome"] for check in report["checks"]} == {"ok"}


def test_a_problem_is_exit_code_1_and_the_way_out_of_it(recursor: Recursor, data: Path) -> None:
    (stack_id,) = paused(data, "garden")
    done = recursor("doctor")
    assert (done.code, done.err) == (1, "")
    assert done.out.startswith("1 problem\n")
    assert r"because  \x1b[31mout of bricks" in done.out
    command = f"recursor resume {stack_id} --data {data}"
    assert f"$ {command}\n" in done.out
    (finding,) = recursor("doctor", "garden", "--json").json["findings"]
    assert (finding["id"], finding["stack_id"], finding["stack"]) == ("paused", stack_id, "garden")
    assert finding["commands"][-1] == command
    # It does put it right: what is left is that nobody runs it.
    assert recursor(*command.split()[1:3]).code == 0
    assert [f["id"] for f in recursor("doctor", "--json").json["findings"]] == ["runner"]


def test_warnings_count_only_if_they_are_to(recursor: Recursor) -> None:
    recursor("create", "one")
    assert recursor("doctor", "one").code == 0
    strict = recursor("doctor", "one", "--strict")
    assert strict.code == 1
    assert strict.out.startswith("1 warning\n")
    assert recursor("doctor", "--strict").code == 0


def test_a_damaged_record_is_a_finding_whose_cure_cures_it(recursor: Recursor, data: Path) -> None:
    (healthy, hurt) = (recursor("create", name).out.strip() for name in ("healthy", "hurt"))
    recursor("todos", hurt, "--add", "plant trees")
    with closing(open_store(store_directory(data))) as store:
        damage(store, IDEAS.name, hurt)
        damage(store, HOURS, f"{hurt}/{5:012}")
        damage(store, TRACES.name, f"{hurt}/1")
    assert recursor("repair", healthy).out == f"healthy ({healthy[:8]}): all its records can be read\n"

    shown = recursor("show", hurt)
    assert shown.code == 0
    assert f"unreadable  project_ideas {hurt}" in shown.out
    assert recursor("show", hurt, "--json").json["todos"] == {"pending": 1}

    found = recursor("doctor")
    assert found.code == 1
    assert "delete" not in found.out
    assert f"recursor repair {hurt}" in found.out
    foreseen = recursor("repair", hurt, "--dry-run", "--json").json
    assert [record["table"] for record in foreseen["records"]] == [IDEAS.name, TRACES.name, HOURS]
    assert {record["value"] for record in foreseen["records"]} == {"wQ=="}
    done = recursor("repair", hurt)
    assert done.out.endswith(f"hurt ({hurt[:8]}): removed 3 records\n")

    assert recursor("doctor", hurt).code == 0
    assert [todo["content"] for todo in recursor("todos", hurt, "--json").json] == ["plant trees"]


def test_the_account_of_a_budget_is_not_removed(recursor: Recursor, data: Path) -> None:
    hurt = recursor("create", "hurt").out.strip()
    with closing(open_store(store_directory(data))) as store:
        damage(store, ACCOUNTS.name, f"{hurt}/total")
    done = recursor("repair", hurt)
    assert (done.code, done.out) == (1, "")
    assert "not removed, because nobody would know what was spent: budget_accounts" in done.err
    assert "recursor repair" not in recursor("doctor", hurt).out


def test_only_what_has_the_same_cure_is_told_together(recursor: Recursor, data: Path) -> None:
    gone, hurt = (recursor("create", name).out.strip() for name in ("gone", "hurt"))
    with closing(open_store(store_directory(data))) as store:
        damage(store, STACKS.name, gone)
        damage(store, TODOS.name, f"{hurt}/0/1")
    done = recursor("doctor")
    commands = [line.split()[1:4] for line in done.out.splitlines() if line.lstrip().startswith("$")]
    assert commands == [["recursor", "delete", gone], ["recursor", "repair", hurt]]
    assert "likewise" not in done.out


def test_the_same_in_many_stacks_is_told_once_with_all_names(recursor: Recursor, data: Path) -> None:
    paused(data, *(f"stack {number}" for number in range(1, 7)))
    done = recursor("doctor")
    assert done.out.startswith("6 problems\n")
    assert done.out.count("Paused after repeated failures") == 1
    assert "paused, in 6 stacks" in done.out
    assert done.out.count("out of bricks") == 1
    assert "  and      3 more: stack 4, stack 5, stack 6\n" in done.out
    assert done.out.count("$ recursor resume") == 1
    assert "likewise for the others\n" in done.out


def test_nothing_is_made_where_nothing_is(recursor: Recursor, data: Path) -> None:
    done = recursor("doctor")
    assert (done.code, data.exists()) == (0, False)
    assert "does not exist" in done.out


def test_a_store_that_cannot_be_opened_is_a_finding_and_no_crash(recursor: Recursor, data: Path) -> None:
    recursor("create", "one")
    (store_directory(data) / "data.mdb").write_bytes(b"nothing that LMDB wrote" * 1000)
    for arguments in ((), ("one",)):
        done = recursor("doctor", *arguments, "--json")
        assert (done.code, done.err) == (1, "")
        assert [finding["id"] for finding in done.json["findings"]] == ["store-unreadable"]


def test_the_settings_file_says_what_is_judged_by(recursor: Recursor, data: Path, tmp_path: Path) -> None:
    recursor("create", "one")
    settings = tmp_path / "recursor.toml"
    settings.write_text("[limits]\nnode_seconds = 'soon'\n")
    done = recursor("doctor", "--config", str(settings))
    assert done.code == 2
    assert "node_seconds" in done.complaint


@pytest.mark.parametrize("query", [pytest.param("", marks=pytest.mark.slow), "?stack=one"])
def test_the_api_says_the_same(recursor: Recursor, start_runner: Recursor, data: Path, query: str) -> None:
    recursor("create", "one")
    paused(data, "two")
    with start_runner() as runner:

        def seen_by_api() -> Any:
            with urlopen(f"{runner.url}/api/doctor{query}") as answer:
                return json.load(answer)

        wait_for(lambda: "up for" in details(recursor("doctor", "--json").json)["runner"])
        theirs, ours = seen_by_api(), recursor("doctor", *(["one"] if query else []), "--json").json
    assert [without_ages(finding) for finding in theirs["findings"]] == [
        without_ages(finding) for finding in ours["findings"]
    ]
    assert theirs["findings"]
    assert theirs["totals"] == ours["totals"]
    assert [c["outcome"] for c in theirs["checks"]] == [c["outcome"] for c in ours["checks"]]


def details(report: Any) -> dict[str, str]:
    return {check["id"]: check["detail"] for check in report["checks"]}


def without_ages(finding: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in finding.items() if key not in ("evidence", "figures")}
