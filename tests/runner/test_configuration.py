"""Settings come from defaults, a file, variables and flags, in this order, and know where they came from."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recursor.domain.errors import InvalidInputError
from recursor.domain.process_settings import ProcessSettings
from recursor.domain.settings import Settings
from recursor.runner.configuration import Configuration, load_configuration
from recursor.runner.settings_file import parse_settings
from recursor.runner.settings_sources import KEYS, Key, Source, overriding
from recursor.runner.settings_variables import VARIABLES, variable
from tests.making import make_stack

FILE = Path("recursor.toml")


def from_file(text: str, path: Path = FILE) -> Configuration:
    return Configuration(parse_settings(text, path))


def from_variables(environment: Mapping[str, str], directory: Path) -> Configuration:
    return load_configuration(environment, directory=directory)


def refused(text: str) -> str:
    with pytest.raises(InvalidInputError) as caught:
        from_file(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def origin(configuration: Configuration, key: Key) -> tuple[Source, str | None]:
    found = {(each.section, each.key): (each.source, each.where) for each in configuration.effective()}
    return found[key]


def everything() -> list[tuple[Key, Any]]:
    given = {(each.section, each.key): each.default for each in Configuration().effective()}
    given["runner", "port"] = 4000
    given["runner", "token_file"] = "secret"
    given["runner", "team"] = "garden:team"
    given["retention", "contents_days"] = 90.0
    given["runner", "otlp_endpoint"] = "http://127.0.0.1:4318"
    given["model", "base_url"] = "http://127.0.0.1:8080/v1"
    given["model", "context_tokens"] = 8000
    given["model", "temperature"] = 0.5
    given["model", "prompts"] = "prompts"
    given["approve", "spend_over"] = "2.50"
    for section, prefix in (("budget", ""), ("runner", "budget_")):
        given[section, f"{prefix}tokens"] = 100_000
        given[section, f"{prefix}dollars"] = "2.50"
        given[section, f"{prefix}runs_per_hour"] = 60
    # It is told of, and is no setting.
    del given["runner", "token"]
    return list(given.items())


def test_without_sources_the_defaults_hold() -> None:
    configuration = Configuration()
    assert configuration.settings == Settings()
    assert configuration.runner == ProcessSettings()
    assert {each.source for each in configuration.effective()} == {Source.DEFAULT}
    assert [(each.section, each.key) for each in configuration.effective()] == [
        *KEYS,
        ("runner", "token"),
    ]


def test_each_source_comes_over_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "recursor.toml").write_text(
        "[pause]\nafter_work = 2\nbetween_looks = 20\nfirst_backoff = 7\n\n"
        "[runner]\nagents = 3\nport = 4000\n"
    )
    variables = {"RECURSOR_PAUSE__BETWEEN_LOOKS": "21", "RECURSOR_RUNNER__AGENTS": "4", "PATH": "x"}
    flags = overriding({"pause": {"first_backoff": 9}, "runner": {"agents": 5}}, Source.FLAG, "--set")
    found = load_configuration(variables, directory=tmp_path).with_flags(flags)

    assert found.settings == Settings().overridden(
        {"pause": {"after_work": 2, "between_looks": 21, "first_backoff": 9}}
    )
    assert (found.runner.agents, found.runner.port) == (5, 4000)
    assert origin(found, ("pause", "after_work")) == (Source.FILE, f"{tmp_path / 'recursor.toml'}:2")
    assert origin(found, ("runner", "port")) == (Source.FILE, f"{tmp_path / 'recursor.toml'}:8")
    assert origin(found, ("pause", "between_looks")) == (Source.VARIABLE, "RECURSOR_PAUSE__BETWEEN_LOOKS")
    assert origin(found, ("pause", "first_backoff")) == (Source.FLAG, "--set")
    assert origin(found, ("pause", "longest_backoff")) == (Source.DEFAULT, None)


@pytest.mark.parametrize(("key", "value"), everything(), ids=lambda each: str(each)[:40])
class TestEverySetting:
    def test_can_be_given_in_the_file(self, key: Key, value: Any) -> None:
        found = from_file(f"# mine\n[{key[0]}]\n{key[1]} = {json.dumps(value)}\n")
        assert {(e.section, e.key): e.value for e in found.effective()}[key] == value
        assert origin(found, key) == (Source.FILE, "recursor.toml:3")

    def test_can_be_given_as_a_variable(self, tmp_path: Path, key: Key, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        found = from_variables({variable(key): text}, tmp_path)
        assert {(e.section, e.key): e.value for e in found.effective()}[key] == value
        assert origin(found, key) == (Source.VARIABLE, variable(key))


class TestTheFile:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("[pauze]\nafter_work = 1", "recursor.toml:1: unknown key 'pauze'; did you mean pause?"),
            (
                "\n[pause]\n\nafter_wrok = 1",
                "recursor.toml:4: unknown key 'pause.after_wrok'; did you mean pause.after_work?",
            ),
            (
                "[pause]\nafter_work = 'soon'",
                "recursor.toml:2: pause.after_work: input should be a valid number, "
                "unable to parse string as a number (got 'soon')",
            ),
            (
                "pause.after_work = -1",
                "recursor.toml:1: pause.after_work: input should be greater than or equal to 0 (got -1)",
            ),
            (
                "pause = { between_looks = 0 }",
                "recursor.toml:1: pause.between_looks: input should be greater than 0 (got 0)",
            ),
            (
                "[runner]\nport = 70000",
                "recursor.toml:2: runner.port: input should be less than or equal to 65535 (got 70000)",
            ),
            ("port = 1", "recursor.toml:1: port is not in its section: write it below [runner]"),
            ("pause = 1", "recursor.toml:1: pause is a section: write [pause] and, below it, KEY = VALUE"),
            (
                "[pause.after_work]\nx = 1",
                "recursor.toml:1: pause.after_work: input should be a valid number",
            ),
            (
                "[detection]\nchange_keywords = 'add'",
                'recursor.toml:2: detection.change_keywords: input should be a list, such as ["a", "b"]',
            ),
            (
                "[pause]\nafter_work = inf",
                "recursor.toml:2: pause.after_work: input should be a finite number",
            ),
            ("[pause]\nafter_work = 2026-01-01", "recursor.toml:2: pause.after_work: "),
            (
                "[runner]\ntoken = 'x'",
                "recursor.toml:2: a token must not be in this file: set RECURSOR_TOKEN",
            ),
            ("[runner]\nhost = ''", "recursor.toml:2: runner.host: "),
            ("[runner]\ndata = 5", "recursor.toml:2: runner.data: "),
            ("[pause", "recursor.toml: not TOML: "),
            ("a = " + "[" * 5000, "recursor.toml: not TOML: "),
        ],
    )
    def test_is_refused_in_one_line_with_the_place(self, text: str, says: str) -> None:
        assert refused(text).startswith(says)

    def test_a_bad_value_is_told_even_where_another_replaces_it(self, tmp_path: Path) -> None:
        (tmp_path / "recursor.toml").write_text("[pause]\nafter_work = -1\n")
        with pytest.raises(InvalidInputError, match=r"recursor\.toml:2"):
            load_configuration({"RECURSOR_PAUSE__AFTER_WORK": "1"}, directory=tmp_path)

    def test_that_was_named_has_to_be_there(self, tmp_path: Path) -> None:
        assert load_configuration({}, directory=tmp_path).settings == Settings()
        for environment, file in (
            ({}, tmp_path / "x.toml"),
            ({"RECURSOR_CONFIG": f"{tmp_path}/x.toml"}, None),
        ):
            with pytest.raises(InvalidInputError, match=r"x\.toml: no such file"):
                load_configuration(environment, file)

    def test_the_option_comes_before_the_variable(self, tmp_path: Path) -> None:
        (tmp_path / "one.toml").write_text("[pause]\nafter_work = 1.5\n")
        (tmp_path / "two.toml").write_text("[pause]\nafter_work = 2.5\n")
        environment = {"RECURSOR_CONFIG": str(tmp_path / "one.toml")}
        assert load_configuration(environment).settings.pause.after_work == 1.5
        assert load_configuration(environment, tmp_path / "two.toml").settings.pause.after_work == 2.5

    @pytest.mark.parametrize(
        ("content", "says"),
        [(b"# \xff", "not UTF-8 from byte 3 on"), (None, "cannot be read: Is a directory")],
    )
    def test_that_is_no_text(self, tmp_path: Path, content: bytes | None, says: str) -> None:
        path = tmp_path / "recursor.toml"
        path.mkdir() if content is None else path.write_bytes(content)
        with pytest.raises(InvalidInputError, match=says):
            load_configuration({}, directory=tmp_path)

    def test_means_paths_from_where_it_is(self) -> None:
        text = '[runner]\ndata = "state"\ntoken_file = "/run/token"\n'
        assert from_file(text).runner.data == Path("state")
        found = from_file(text, Path("/etc/recursor/recursor.toml")).runner
        assert (found.data, found.token_file) == (Path("/etc/recursor/state"), Path("/run/token"))

    @given(st.text(max_size=60))
    def test_never_ends_in_another_error(self, text: str) -> None:
        with suppress(InvalidInputError):
            from_file(text)


class TestVariables:
    @pytest.mark.parametrize(
        ("name", "value", "says"),
        [
            ("RECURSOR_PAUSE__AFTER_WROK", "1", "did you mean RECURSOR_PAUSE__AFTER_WORK?"),
            ("RECURSOR_PAUSE_AFTER_WORK", "1", "did you mean RECURSOR_PAUSE__AFTER_WORK?"),
            ("RECURSOR_PORT", "1", "did you mean RECURSOR_RUNNER__PORT?"),
            ("RECURSOR_DAAT", "x", "did you mean RECURSOR_DATA?"),
            ("RECURSOR_XYZZYQQQQQQQQQQQQQ", "x", "see docs/reference/configuration.md"),
            ("RECURSOR_", "x", "environment: unknown variable 'RECURSOR_'"),
            (
                "RECURSOR_PAUSE__AFTER_WORK",
                "soon",
                "RECURSOR_PAUSE__AFTER_WORK: pause.after_work: input should be a valid number",
            ),
            ("RECURSOR_DETECTION__CHANGE_KEYWORDS", "a,b", 'should be a list, such as ["a", "b"]'),
            ("RECURSOR_DETECTION__CHANGE_KEYWORDS", "[a,b]", 'should be a list, such as ["a", "b"]'),
            ("RECURSOR_RUNNER__LOG_LEVEL", "loud", "input should be 'debug', 'info', 'warning' or 'error'"),
        ],
    )
    def test_are_refused_in_one_line(self, tmp_path: Path, name: str, value: str, says: str) -> None:
        with pytest.raises(InvalidInputError) as caught:
            from_variables({name: value}, tmp_path)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_that_are_no_settings_are_let_be(self, tmp_path: Path) -> None:
        others = {
            "RECURSOR_DEBUG": "1",
            "RECURSOR_TOKEN": "t",
            "RECURSOR_SMALL_DISK": "/mnt",
            "_RECURSOR_COMPLETE": "complete_bash",
            "recursor_pause": "x",
        }
        assert from_variables(others, tmp_path).settings == Settings()

    def test_that_are_empty_are_not_set(self, tmp_path: Path) -> None:
        empty = dict.fromkeys([*VARIABLES, "RECURSOR_CONFIG", "RECURSOR_TOKEN"], "")
        found = from_variables(empty, tmp_path)
        assert {each.source for each in found.effective()} == {Source.DEFAULT}
        assert found.token() is None

    def test_the_data_directory_has_a_short_name(self, tmp_path: Path) -> None:
        short, long = {"RECURSOR_DATA": "d"}, {"RECURSOR_RUNNER__DATA": "d"}
        assert from_variables(short, tmp_path).runner.data == Path("d")
        assert from_variables(long, tmp_path).runner.data == Path("d")
        assert from_variables({**short, **long}, tmp_path).runner.data == Path("d")
        with pytest.raises(InvalidInputError, match="contradicts RECURSOR_DATA='d': set one of the two"):
            from_variables({**short, "RECURSOR_RUNNER__DATA": "e"}, tmp_path)


class TestOneStack:
    def test_has_its_own_over_all_others(self) -> None:
        stack = make_stack(name="habits", settings={"pause": {"after_work": 4}})
        found = from_file("[pause]\nafter_work = 2\nbetween_looks = 3\n")
        effective = {(each.section, each.key): each for each in found.effective(stack)}
        own = effective["pause", "after_work"]
        assert (own.value, own.default, own.source, own.where) == (4, 1, Source.STACK, "stack habits")
        assert effective["pause", "between_looks"].source is Source.FILE

    def test_whose_overrides_are_no_good_any_more(self) -> None:
        stack = make_stack(settings={"pause": {"of_another_version": 4}})
        with pytest.raises(InvalidInputError, match="of_another_version"):
            list(Configuration().effective(stack))


class TestTheToken:
    def test_comes_from_the_environment_before_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("from-the-file\n")
        (tmp_path / "recursor.toml").write_text('[runner]\ntoken_file = "secret"\n')
        assert load_configuration({}, directory=tmp_path).token() == "from-the-file"
        found = load_configuration({"RECURSOR_TOKEN": "mine"}, directory=tmp_path)
        assert found.token() == "mine"
        assert found.with_flags({}).token() == "mine"

    @pytest.mark.parametrize("content", [None, b"", b" \n", b"two\nlines", "übel".encode(), b"x" * 5000])
    def test_a_file_that_holds_none_is_refused(self, tmp_path: Path, content: bytes | None) -> None:
        if content is not None:
            (tmp_path / "secret").write_bytes(content)
        found = from_variables({"RECURSOR_RUNNER__TOKEN_FILE": str(tmp_path / "secret")}, tmp_path)
        with pytest.raises(InvalidInputError, match=r"runner\.token_file: .*secret") as caught:
            found.token()
        assert "lines" not in str(caught.value)

    def test_is_not_shown(self) -> None:
        found = Configuration(token="s3cr3t")
        assert "s3cr3t" not in repr(list(found.effective()))
