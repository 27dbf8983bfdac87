"""The runner as a process: one per directory, ended cleanly or not, its work resumed."""

import signal
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from recursor.domain.process_settings import SqlSettings
from recursor.domain.stack import Phase
from recursor.runner import port as port_module
from recursor.runner.port import PortTakenError, listen
from recursor.runner.process import Runner
from recursor.runner.team import observers_team
from recursor.storage.data_directory import DataDirectoryLock, holder
from recursor.storage.errors import DirectoryInUseError, StorageCorruptError
from recursor.storage.tables import GRAPHS
from tests.processes import TIMEOUT, reading, wait_for


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGKILL, id="killed"),
        pytest.param(signal.SIGTERM, id="abandoned", marks=pytest.mark.slow),
    ],
)
def test_what_was_interrupted_is_run_again_by_the_next_runner(gated: Any, number: signal.Signals) -> None:
    with gated.runner("--grace", "0s") as first:
        gated.wait_for_run()
        assert first.end(number) == (-signal.SIGKILL if number is signal.SIGKILL else 0)
    assert gated.stack().phase is not Phase.COMPLETE
    gated.open()
    with gated.runner():
        wait_for(lambda: gated.stack().total_cycles == 1)
    assert gated.stack().phase is Phase.COMPLETE
    (execution, attempt), (execution_again, attempt_again) = gated.runs()
    assert execution == execution_again
    assert int(attempt_again) > int(attempt)
    with reading(gated.data) as reader:
        (graph,) = GRAPHS.newest(reader, gated.id, 5)
    assert graph.nodes[0].attempts == int(attempt_again)


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_running_agents_get_the_grace_period(gated: Any, number: signal.Signals) -> None:
    with gated.runner("--grace", "1h") as runner:
        gated.wait_for_run()
        runner.process.send_signal(number)
        gated.open()
        assert runner.end() == 0
        assert runner.err == ""
    assert gated.stack().phase is Phase.COMPLETE
    assert len(gated.runs()) == 1


@pytest.mark.slow
def test_a_second_interruption_ends_at_once(gated: Any) -> None:
    with gated.runner("--grace", "1h") as runner:
        gated.wait_for_run()
        # Two different ones, because the system may deliver two equal ones as one.
        assert runner.end(signal.SIGTERM, signal.SIGINT) == 0
        assert "did not end in time" in runner.err
    assert gated.stack().phase is not Phase.COMPLETE


def test_a_second_runner_is_refused_by_name_of_the_first(
    recursor: Callable[..., Any], start_runner: Callable[..., Any]
) -> None:
    with start_runner() as first:
        second = recursor("run", "--port", "0")
        assert f"process {first.process.pid}" in second.complaint
        assert second.code == 1
        assert second.out == ""


def test_a_runner_can_be_had_in_any_program(data: Path) -> None:
    with Runner(data, roles=observers_team(), port=0) as one:
        found = holder(data)
        assert found is not None
        assert found.details["url"] == one.url
        assert one.begin_stop(grace=1).get(timeout=TIMEOUT)
    assert holder(data) is None


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(recursor: Callable[..., Any]) -> None:
    with listen(0) as taken:
        number = taken.getsockname()[1]
        refused = recursor("run", "--port", str(number))
    assert refused.code == 1
    assert refused.complaint.startswith(f"port {number}: another program listens there")


def test_the_usual_port_makes_way_when_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen(0) as taken:
        monkeypatch.setattr(port_module, "DEFAULT_PORT", taken.getsockname()[1])
        with listen(None) as other:
            assert other.getsockname()[1] != taken.getsockname()[1]
    with listen(None) as usual:
        assert usual.getsockname()[1] == port_module.DEFAULT_PORT


@pytest.mark.parametrize("trouble", ["lock", "port", "store"])
def test_a_start_that_fails_leaves_nothing_behind(data: Path, trouble: str) -> None:
    number, broken = 0, data / "store" / "data.mdb"
    with ExitStack() as others:
        match trouble:
            case "lock":
                others.enter_context(DataDirectoryLock(data, started_at=datetime.now(UTC)))
            case "port":
                number = others.enter_context(closing(listen(0))).getsockname()[1]
            case _:
                broken.parent.mkdir(parents=True)
                broken.write_bytes(b"this is no store" * 1000)
        expected = {"lock": DirectoryInUseError, "port": PortTakenError, "store": StorageCorruptError}
        with pytest.raises(expected[trouble]), Runner(data, roles=observers_team(), port=number):
            pass
    if trouble == "store":
        broken.unlink()
    with Runner(data, roles=observers_team(), port=0):
        assert holder(data) is not None


def test_a_damaged_store_is_one_line(data: Path, recursor: Callable[..., Any]) -> None:
    (data / "store").mkdir(parents=True)
    (data / "store" / "data.mdb").write_bytes(b"this is no store" * 1000)
    for command in (("run", "--port", "0"), ("list",), ("create", "one")):
        done = recursor(*command)
        assert done.code == 1
        assert "damaged" in done.complaint


@pytest.mark.slow
def test_a_runners_api_answers_sql_within_its_settings(data: Path) -> None:
    with (
        Runner(data, roles=observers_team(), port=0, sql=SqlSettings(rows=1)) as runner,
        httpx.Client(base_url=runner.url, timeout=TIMEOUT) as client,
    ):
        for name in ("beds", "seeds"):
            assert client.post("/api/stacks", json={"name": name}).status_code == 201
        found = client.post("/api/sql", json={"query": "SELECT name FROM agent_stacks ORDER BY name"}).json()
    assert (found["rows"], found["truncated"]) == ([["beds"]], True)
