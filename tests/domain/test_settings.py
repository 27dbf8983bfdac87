"""Settings: defaults as specified, overrides by section and key, errors that name the key."""

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recursor.domain.errors import InvalidInputError
from recursor.domain.record import Record
from recursor.domain.settings import Settings, collect_overrides, parse_override

ROLES = ("planner", "builder", "reviewer")
ROLE_TOKENS = st.dictionaries(st.sampled_from(ROLES), st.integers(0, 10**6))


def test_the_defaults_are_those_of_the_specification() -> None:
    found = Settings()
    assert (found.detection.planner_period, found.detection.reviewer_period) == (300, 180)
    assert (found.detection.urgent_todo, found.detection.todos_per_review) == (3, 2)
    assert (found.detection.builder_awaits_planner_from, found.detection.cache_ttl) == (7, 5)
    assert (found.pause.after_work, found.pause.between_looks) == (1, 30)
    assert (found.pause.first_backoff, found.pause.longest_backoff, found.pause.failures_allowed) == (
        5,
        300,
        5,
    )
    assert found.limits.node_seconds == 300


class TestOverriding:
    def test_changes_what_it_names_and_nothing_else(self) -> None:
        before = Settings()
        after = before.overridden(
            {"pause": {"between_looks": 10}, "detection": {"change_keywords": ["grow"]}}
        )
        assert after.pause.between_looks == 10
        assert after.detection.change_keywords == ("grow",)
        restored = after.overridden(
            {
                "pause": {"between_looks": 30},
                "detection": {"change_keywords": list(before.detection.change_keywords)},
            }
        )
        assert restored == before

    def test_of_a_stack_comes_over_that_of_the_runner(self) -> None:
        runner = Settings().overridden({"pause": {"between_looks": 10, "after_work": 2}})
        stack = runner.overridden({"pause": {"after_work": 3}})
        assert (stack.pause.between_looks, stack.pause.after_work) == (10, 3)

    @given(ROLE_TOKENS, ROLE_TOKENS)
    def test_by_role_leaves_other_roles_what_they_have(self, runner: Any, stack: Any) -> None:
        settings = Settings().overridden({"budget": {"role_tokens": runner}})
        both = settings.overridden({"budget": {"role_tokens": stack}})
        for role in ROLES:
            assert both.budget.of_role(role).tokens == stack.get(role, runner.get(role))
        assert settings.overridden({"budget": {"role_tokens": {}}}) == settings

    def test_by_role_is_so_of_models_and_dollars_too(self) -> None:
        settings = Settings().overridden(
            {
                "model": {"roles": {"builder": "openai:a", "planner": "openai:b"}},
                "budget": {"role_dollars": {"builder": 1.5}},
            }
        )
        stack = settings.overridden(
            {"model": {"roles": {"planner": "openai:c"}}, "budget": {"role_dollars": {"planner": "0.10"}}}
        )
        assert stack.model.roles == {"builder": "openai:a", "planner": "openai:c"}
        assert stack.budget.role_dollars == {"builder": Decimal("1.5"), "planner": Decimal("0.10")}

    def test_with_nothing_is_nothing(self) -> None:
        settings = Settings()
        assert settings.overridden({}) is settings

    @pytest.mark.parametrize(
        ("overrides", "text"),
        [
            ({"puase": {}}, "settings: unknown key 'puase'; did you mean pause?"),
            ({"overridden": {}}, "settings: unknown key 'overridden'"),
            ({"runner": {"agents": 3}}, "settings: runner belongs to the runner, not to a stack: set it in"),
            (
                {"pause": {"betwen_looks": 1}},
                "settings: unknown key 'pause.betwen_looks'; did you mean pause.between_looks?",
            ),
            ({"pause": 5}, "settings: pause is a section: set pause.KEY"),
            (
                {"detection": {"urgent_todo": 6}},
                "settings.detection: urgent_todo: input should be less than or equal to 5 (got 6)",
            ),
            ({"pause": {"after_work": None}}, "settings.pause: after_work: input should be a valid number"),
            ({"pause": {"after_work": -1}}, "settings.pause: after_work: input should be greater"),
            (
                {"pause": {"between_looks": 0}},
                "settings.pause: between_looks: input should be greater than 0",
            ),
            ({"limits": {"node_seconds": "soon"}}, "settings.limits: node_seconds: "),
            ({"detection": {"change_keywords": ["add", " "]}}, "settings.detection: change_keywords.1: "),
        ],
    )
    def test_refuses_in_one_line(self, overrides: Any, text: str) -> None:
        with pytest.raises(InvalidInputError) as caught:
            Settings().overridden(overrides)
        assert str(caught.value).startswith(text)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("value", ["inf", "nan", float("inf"), float("nan"), "1e999"])
    def test_a_time_without_end_is_no_time(self, value: Any) -> None:
        with pytest.raises(InvalidInputError, match="finite"):
            Settings().overridden({"pause": {"longest_backoff": value}})


def every_key() -> list[tuple[str, str, Any]]:
    return [
        (section, key, value)
        for section, values in Settings()
        if isinstance(values, Record)
        for key, value in values.model_dump(mode="json").items()
    ]


class TestWhatAPersonTypes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("pause.between_looks=10", ("pause", "between_looks", 10)),
            (" pause.between_looks =1.5", ("pause", "between_looks", 1.5)),
            ('detection.change_keywords=["a","b"]', ("detection", "change_keywords", ["a", "b"])),
            ("a.b=true", ("a", "b", True)),
            ("a.b=plain words", ("a", "b", "plain words")),
            ("a.b=x=y", ("a", "b", "x=y")),
            ("a.b=", ("a", "b", "")),
            ('a.b=5, "c": 6', ("a", "b", '5, "c": 6')),
            ("a.b=5}", ("a", "b", "5}")),
        ],
    )
    def test_is_section_key_and_value(self, text: str, expected: Any) -> None:
        assert parse_override(text) == expected

    @pytest.mark.parametrize(
        "text", ["", "=", "pause", "pause=1", "pause.=1", ".after_work=1", "pause.after_work"]
    )
    def test_in_another_form_is_refused_with_an_example(self, text: str) -> None:
        with pytest.raises(InvalidInputError, match=r"SECTION\.KEY=VALUE \(for example "):
            parse_override(text)

    @given(st.text(max_size=40))
    def test_never_ends_in_another_error(self, text: str) -> None:
        with suppress(InvalidInputError):
            section, key, _ = parse_override(text)
            assert section
            assert key

    @pytest.mark.parametrize(("section", "key", "value"), every_key())
    def test_reaches_every_setting_there_is(self, section: str, key: str, value: Any) -> None:
        typed = collect_overrides([f"{section}.{key}={json.dumps(value)}"])
        assert Settings().overridden(typed) == Settings()

    def test_several_are_collected_and_the_last_of_a_key_counts(self) -> None:
        texts = ["pause.after_work=2", "limits.node_seconds=9", "pause.after_work=3"]
        assert collect_overrides(texts) == {"pause": {"after_work": 3}, "limits": {"node_seconds": 9}}

    def test_is_checked_at_once(self) -> None:
        with pytest.raises(InvalidInputError, match="did you mean limits"):
            collect_overrides(["pause.after_work=2", "limit.node_seconds=9"])
