"""What scripts rely on: the keys of what every command prints with --json. A new one is added here, too."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from recursor.cli.app import run_command
from recursor.runner.data_paths import store_directory
from recursor.storage.opening import open_store
from tests.client.test_alike import filling

_STACK = (
    "id name kind phase state state_reason out_of_budget created_at started_at paused_at resumed_at "
    "stopped_at last_input_at last_activity_at last_failure_at epoch total_cycles last_cycle "
    "failures_in_a_row fruitless_in_a_row runs_since_input tokens_since_input versions_since_input "
    "dollars_since_approval current_execution_id next_look_at broadcasts_read settings"
)
_TODO = (
    "id stack_id content status priority assigned_by created_at updated_at updated_by closed_at metadata "
    "needs paths attempts problem"
)
SHAPES = {
    "list": (
        "id name kind state phase created_at last_activity_at title scripted running waits waits_for "
        "next_look_at total_cycles last_cycle cycles_last_day success_rate unanswered tip queued problem"
    ),
    "show garden": _STACK
    + " idea todos unanswered artifact workspace queued agents waits_for unreadable disk_bytes live",
    "idea garden": ("stack_id idea title description features reading created_at updated_at updated_by"),
    "messages garden": ("kind id from_stack_id from_name to_stack_id content created_at read_at"),
    "todos garden": _TODO,
    "executions garden": ("id stack_id number epoch status started_at finished_at decision error summary"),
    "execution garden 1": ("execution graph usage"),
    "graphs garden": ("id stack_id created_at nodes"),
    "work garden": ("stack_id computed_at statuses"),
    "stats garden": (
        "since until cycles completed failed cancelled waiting success_rate average_seconds "
        "longest_seconds agents_run agents_failed agents_waiting average_parallel max_parallel decisions "
        "input_tokens output_tokens cost unpriced_tokens models roles stack_id total_cycles"
    ),
    "stats": (
        "since until cycles completed failed cancelled waiting success_rate average_seconds "
        "longest_seconds agents_run agents_failed agents_waiting average_parallel max_parallel decisions "
        "input_tokens output_tokens cost unpriced_tokens models roles total_cycles total_agent_runs "
        "total_tokens total_cost"
    ),
    "stats --series": ("since until figures"),
    "traces garden": ("id stack_id execution_id role created_at summary thoughts effects metadata"),
    "artifacts garden": ("number author created_at bytes"),
    "artifact garden": ("id stack_id number content author created_at metadata"),
    "create newer": _STACK,
    "start garden": _STACK,
    "message garden hello": (
        "id stack_id sender content created_at answer answered_at planned_at needs_planning"
    ),
    "messages garden --send hi": ("id from_stack_id from_name to_stack_id content created_at read_at"),
    "todos garden --add x": _TODO,
    "configure garden --set pause.after_work=2": _STACK,
    "rename garden yard": _STACK,
    "budget": ("budget spent reserved calls unconfirmed limits runs_last_hour"),
    "budget garden": ("stack_id total roles runner"),
    "config": ("key value default source where"),
    "delete new --yes": ("id deleted"),
}


@pytest.fixture
def filled(data: Path) -> Path:
    with closing(open_store(store_directory(data))) as store:
        store.write(filling())
    assert run_command(["create", "new", "--data", str(data)]) == 0
    return data


@pytest.mark.parametrize("command", SHAPES)
def test_the_keys_are_these(filled: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    capsys.readouterr()
    assert run_command([*command.split(), "--json", "--data", str(filled)]) == 0
    printed = json.loads(capsys.readouterr().out)
    first = printed[0] if isinstance(printed, list) else printed
    assert " ".join(first) == SHAPES[command]
