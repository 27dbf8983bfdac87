"""Settings for a role that the team does not have are refused; what was set before may stay."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recursor.domain.errors import InvalidInputError
from recursor.domain.settings import Overrides, Settings
from recursor.domain.stack import StackKind
from recursor.orchestration.role_names import BY_ROLE, STANDARD, check_roles, unchecked_roles
from recursor.runner.team import standard_team

NAMES = st.sampled_from((*STANDARD, "bulider", "tester", "total"))
OVERRIDES = st.dictionaries(st.sampled_from(BY_ROLE), st.dictionaries(NAMES, st.just(5))).map(
    lambda found: {
        section: {key: value for (of, key), value in found.items() if of == section} for section, _ in found
    }
)


def test_the_standard_roles_are_those_of_the_standard_team() -> None:
    assert tuple(standard_team().of(StackKind.PAGE)) == STANDARD


def test_every_setting_by_role_is_known() -> None:
    maps = {
        (section, key)
        for section, values in Settings().model_dump().items()
        for key, value in values.items()
        # Rules for approval are by tool and by permission.
        if isinstance(value, dict) and section != "approve"
    }
    assert maps == set(BY_ROLE)


@pytest.mark.parametrize(("section", "key"), BY_ROLE)
def test_a_slip_is_refused_with_the_nearest_role(section: str, key: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_roles({section: {key: {"planner": 5, "bulider": 7}}}, STANDARD)
    assert str(refused.value) == f"{section}.{key}: unknown role 'bulider'; did you mean builder?"


@settings(deadline=None)
@given(OVERRIDES, OVERRIDES, st.sets(NAMES, min_size=1))
def test_what_is_set_is_refused_just_if_neither_the_team_nor_what_was_set_before_has_it(
    given: Any, kept: Any, team: set[str]
) -> None:
    unknown = {
        (section, key, role)
        for section, values in given.items()
        for key, by_role in values.items()
        for role in by_role
        if role not in team and role not in kept.get(section, {}).get(key, {})
    }
    if not unknown:
        check_roles(given, team, kept)
        return
    with pytest.raises(InvalidInputError) as refused:
        check_roles(given, team, kept)
    said = str(refused.value)
    assert any(said.startswith(f"{section}.{key}: unknown role {role!r}") for section, key, role in unknown)


@pytest.mark.parametrize("name", ["researcher", "tester", "total", "designer"])
def test_where_the_team_is_not_known_a_role_of_ones_own_is_doubted(name: str) -> None:
    given: Overrides = {"budget": {"role_tokens": {name: 5, "builder": 5}}}
    check_roles(given)
    (line,) = unchecked_roles(given)
    assert line.startswith(f"budget.role_tokens: the standard team has no {name}: ")


@pytest.mark.parametrize("name", ["bulider", "plannner", "comunicator", "reveiwer"])
def test_where_the_team_is_not_known_a_slip_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match=r"did you mean .*To use a team that has it, set runner.team"):
        check_roles({"budget": {"role_tokens": {name: 5}}})
