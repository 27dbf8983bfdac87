"""Records are JSON for programs and a line for people, name their stack, and tell no secret."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from recursor.runner.log_file import LogFile
from recursor.runner.log_records import events_logger, human_formatter, json_formatter
from recursor.runner.log_secrets import known_secrets
from recursor.runner.logs import Logging

SECRET = 'sk-"top"-secret'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recursor.log"


@pytest.fixture
def logged(path: Path) -> Iterator[Logging]:
    kept = json_formatter("runner", [SECRET])
    human = human_formatter([SECRET], colours=False, tracebacks=False)
    with Logging(logging.WARNING, human, LogFile(path), kept, ("recursor.seen",)) as log:
        yield log


def kept(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_happens_and_what_the_library_says_look_alike(
    logged: Logging, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events_logger().warning("cycle failed", stack="5eed", name="garden", cycle=7, reason=None)
    logging.getLogger("recursor.actors").warning("stack %s: no luck", "5eed", extra={"stack": "5eed"})
    logging.getLogger("recursor.actors").info("quiet")
    first, second, third = kept(path)
    assert list(first)[:5] == ["time", "level", "logger", "event", "part"]
    assert {key: first[key] for key in list(first)[1:]} == {
        "level": "warning",
        "logger": "recursor.events",
        "event": "cycle failed",
        "part": "runner",
        "stack": "5eed",
        "name": "garden",
        "cycle": 7,
    }
    assert (second["event"], second["stack"]) == ("stack 5eed: no luck", "5eed")
    assert (third["event"], third["level"]) == ("quiet", "info")
    shown = capsys.readouterr().err.splitlines()
    assert [line[9:] for line in shown] == [
        "[warning] cycle failed id=5eed name=garden cycle=7",
        "[warning] stack 5eed: no luck id=5eed",
    ]


def test_an_error_is_kept_in_full_and_told_in_one_line(
    logged: Logging, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        raise RuntimeError(f"the key {SECRET} is refused\x1b[2J")
    except RuntimeError:
        logging.getLogger("recursor.agents").exception("it failed")
    (record,) = kept(path)
    assert "Traceback" in str(record["exception"])
    assert "the key [redacted] is refused" in str(record["exception"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("RuntimeError: the key [redacted] is refused\\\\x1b[2J'")
    assert SECRET not in path.read_text()


def test_others_are_kept_from_warnings_on(logged: Logging, path: Path) -> None:
    logging.getLogger("uvicorn.error").info("started")
    for attempt in range(3):
        logging.getLogger("uvicorn.error").warning("trouble %d", attempt)
    assert [record["event"] for record in kept(path)] == ["trouble 0"]


def test_what_is_seen_anyway_is_kept_and_not_told(
    logged: Logging, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger("recursor.seen").warning("a warning")
    logging.getLogger("recursor.seen").error("an error")
    assert [record["event"] for record in kept(path)] == ["a warning", "an error"]
    assert "a warning" not in (told := capsys.readouterr().err)
    assert "an error" in told


def test_what_cannot_be_a_text_stops_nobody(logged: Logging, path: Path) -> None:
    events_logger().info("file \udcff", stack="5eed", nodes=["a", "b"], odd=Path("x"))
    logging.getLogger("recursor.x").warning("%s", {"a": object})
    first, second = kept(path)
    assert (first["event"], first["nodes"], first["odd"]) == ("file \\udcff", ["a", "b"], "x")
    assert str(second["event"]).startswith("{'a'")


def test_logging_is_as_it_was_afterwards(path: Path) -> None:
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    human = human_formatter((), colours=False, tracebacks=False)
    with Logging(logging.DEBUG, human):
        assert root.handlers != before[1]
    assert (root.level, root.handlers) == before


def test_secrets_are_what_is_named_so() -> None:
    environment = {
        "RECURSOR_TOKEN": "t" * 20,
        "OPENAI_API_KEY": "k" * 20,
        "DB_PASSWORD": "short",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=x",
        "HOME": "/home/somebody",
    }
    assert known_secrets(environment, "given-token", None) == [
        "k" * 20,
        "t" * 20,
        "authorization=x",
        "given-token",
    ]


def test_nothing_is_left_of_a_secret_that_begins_as_another() -> None:
    secrets = known_secrets({"A_TOKEN": "sk-12345", "B_KEY": "sk-12345-and-more"})
    record = logging.LogRecord("x", logging.INFO, "", 0, "got sk-12345-and-more and sk-12345", (), None)
    assert "got [redacted] and [redacted]" in json_formatter("runner", secrets).format(record)


def test_records_that_could_not_be_written_are_counted(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    path = tmp_path / "logs" / "recursor.log"
    lines = json_formatter("runner", ())
    with Logging(logging.CRITICAL, lines, LogFile(path), lines):
        log = logging.getLogger("recursor.x")
        log.info("one")
        log.info("two")
        (tmp_path / "logs").unlink()
        log.info("three")
        log.info("four")
    assert [record["event"] for record in kept(path)] == [
        "three",
        "2 records before this one could not be written",
        "four",
    ]
