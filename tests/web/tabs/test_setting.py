"""How each setting is typed."""

from decimal import Decimal

import pytest

from recursor.domain.errors import InvalidInputError
from recursor.domain.settings import Settings
from recursor.web.dashboard.tabs.setting import Setting, SettingKind, all_settings

EVERY = [setting for _, settings in all_settings().values() for setting in settings]


def named(section: str, key: str) -> Setting:
    return next(each for each in EVERY if (each.section, each.key) == (section, key))


@pytest.mark.parametrize("setting", EVERY, ids=lambda each: f"{each.section}.{each.key}")
def test_each_is_read_as_it_is_told_and_says_what_it_does(setting: Setting) -> None:
    default = getattr(getattr(Settings(), setting.section), setting.key)
    typed = setting.check(setting.told(default))

    given = Settings().overridden({} if typed is None else {setting.section: {setting.key: typed}})
    assert getattr(getattr(given, setting.section), setting.key) == default
    assert setting.title


@pytest.mark.parametrize("depth", [100, 100_000])
def test_what_is_nested_deeper_than_anything_is_refused(depth: int) -> None:
    with pytest.raises(InvalidInputError):
        next(each for each in EVERY if each.kind is SettingKind.JSON).check("[" * depth + "]" * depth)


def test_a_number_is_typed_as_people_write_it() -> None:
    assert named("limits", "outcome_bytes").check(" 8,388 608 ") == 8_388_608
    assert named("pause", "between_looks").check("0.5") == 0.5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("soon", "must be a number"),
        ("0,5", "must be a number"),
        ("1,0000", "must be a number"),
        ("-1", "greater than 0"),
        ("nan", "finite"),
    ],
)
def test_what_is_no_value_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        named("pause", "between_looks").check(text)


@pytest.mark.parametrize(
    "setting", [each for each in EVERY if each.kind is not SettingKind.NUMBER], ids=lambda each: each.key
)
def test_what_is_no_number_is_typed_as_its_example_shows(setting: Setting) -> None:
    assert setting.check(setting.example)
    assert setting.example in setting.help


@pytest.mark.parametrize(
    "setting", [each for each in EVERY if each.kind is SettingKind.JSON], ids=lambda each: each.key
)
def test_values_by_role_may_be_none_and_are_json(setting: Setting) -> None:
    assert setting.told({}) == ""
    assert setting.check("") is None
    with pytest.raises(InvalidInputError, match="must be JSON, such as"):
        setting.check("builder")


def test_dollars_by_role_are_told_as_they_were_given() -> None:
    assert named("budget", "role_dollars").told({"builder": Decimal("2.5")}) == '{"builder": "2.5"}'


def test_commands_are_typed_one_on_each_line_and_may_contain_commas() -> None:
    checks = named("workspace", "checks")
    assert checks.check('pytest -k "a,b"\n\n ruff check .') == ['pytest -k "a,b"', "ruff check ."]
    assert checks.told(("one", "two, three")) == "one\ntwo, three"


def test_one_of_a_few_words_is_chosen() -> None:
    assert named("workspace", "sandbox").choices == ("bwrap", "off")
    assert named("approve", "merge").choices == ("allow", "ask", "deny")
