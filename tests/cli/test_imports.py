"""What a command imports and makes ready: it would wait for it."""

import subprocess
import sys
from pathlib import Path

from tests.processes import TIMEOUT, environment


def printed_by(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT,
        env=environment(),
    )
    return done.stdout.splitlines()[-1]


def test_a_list_of_stacks_needs_no_server_and_no_schema(tmp_path: Path) -> None:
    program = f"""
import sys
from recursor.cli.app import run_command
assert run_command(["list", "--data", {str(tmp_path)!r}]) == 0
from recursor.web.api.overrides import settings_schema
found = {{"uvicorn", "nicegui", "duckdb", "jinja2"}} & set(sys.modules)
print(sorted(found), settings_schema.cache_info().currsize)
"""
    assert printed_by(program) == "[] 0"


def test_a_list_of_stacks_that_a_runner_gives_needs_no_store() -> None:
    program = """
import sys
import recursor.cli.stacks, recursor.cli.stack_tables, recursor.storage.stack_listing
print(sorted({"fastapi", "lmdb", "recursor.storage.overview", "recursor.storage.queries"} & set(sys.modules)))
"""
    assert printed_by(program) == "[]"
