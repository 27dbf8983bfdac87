"""Stacks are found by what people call them, and by nothing else."""

from contextlib import suppress
from unicodedata import normalize

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recursor.domain.errors import AmbiguousError, NotFoundError
from recursor.storage.stack_names import find_stack
from recursor.storage.store import Store
from tests.making import make_stack
from tests.storage.writing import clear, create


def find(store: Store, named: str) -> str:
    with store.read() as reader:
        return find_stack(reader, named)


class TestFinding:
    @pytest.fixture
    def garden(self, database: Store) -> Store:
        create(
            database,
            make_stack(id="abc1000000000000", name="Garden"),
            make_stack(id="abc2000000000000", name="garden shed"),
            make_stack(id="abd3000000000000", name="Büro/Küche"),
            make_stack(id="dead000000000000", name="abc2"),
            make_stack(id="beef000000000000", name="twin"),
            make_stack(id="beee000000000000", name="TWIN"),
            make_stack(id="feed000000000000", name="abc1000000000000"),
        )
        return database

    @pytest.mark.parametrize(
        ("named", "expected"),
        [
            ("abc1000000000000", "abc1000000000000"),  # an id, though another's name is the same
            ("Garden", "abc1000000000000"),
            ("  garden ", "abc1000000000000"),
            ("GARDEN SHED", "abc2000000000000"),
            ("büro/küche", "abd3000000000000"),
            ("BU\u0308RO/KÜCHE", "abd3000000000000"),
            ("abc2", "dead000000000000"),  # a name, though another's id begins so
            ("abc20", "abc2000000000000"),
            ("ABD", "abd3000000000000"),
            ("d", "dead000000000000"),
            ("FEED000000000000", "feed000000000000"),
        ],
    )
    def test_by_id_then_name_then_prefix(self, garden: Store, named: str, expected: str) -> None:
        assert find(garden, named) == expected

    @pytest.mark.parametrize(
        "named",
        [
            "",
            "  ",
            "gard",
            "garden\x00",
            "garden\x00/",
            "shed",
            "abc10000000000000",
            "/",
            "\udcff",
            "ü" * 300,
            "%",
            "abx",
        ],
    )
    def test_of_nothing_says_so_in_one_line(self, garden: Store, named: str) -> None:
        with pytest.raises(NotFoundError, match=r"^no stack named '") as caught:
            find(garden, named)
        assert len(str(caught.value).splitlines()) == 1
        str(caught.value).encode()

    @pytest.mark.parametrize(
        ("named", "text"),
        [
            ("abc", "several stacks have ids that begin with 'abc': abc1000000000000, abc2000000000000; "),
            ("Twin", "several stacks are named 'Twin': beee000000000000, beef000000000000; "),
        ],
    )
    def test_of_several_lists_them(self, garden: Store, named: str, text: str) -> None:
        with pytest.raises(AmbiguousError) as caught:
            find(garden, named)
        assert str(caught.value) == text + "give more digits of one id"

    def test_of_very_many_lists_five(self, database: Store) -> None:
        create(database, *(make_stack(id=f"aa{n:014}", name="same") for n in range(9)))
        for named in ("aa", "same"):
            with pytest.raises(AmbiguousError, match=r"aa00000000000004, …; give") as caught:
                find(database, named)
            assert str(caught.value).count("aa000") == 5

    @pytest.mark.parametrize("letter", ["x", "é", "庭", "🌱", "ΐ"])
    def test_long_names_that_differ_in_the_last_character_are_two(self, database: Store, letter: str) -> None:
        long = letter * 199
        create(database, make_stack(id="a" * 16, name=long + "1"), make_stack(id="b" * 16, name=long + "2"))
        assert find(database, long + "1") == "a" * 16
        assert find(database, long + "2") == "b" * 16
        for other in (long, long + "3", long + "12", long[:100]):
            with pytest.raises(NotFoundError):
                find(database, other)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(names=st.lists(st.text(min_size=1, max_size=4), max_size=5), wanted=st.text(max_size=4))
    def test_finds_whoever_has_the_name_and_nobody_else(
        self, database: Store, names: list[str], wanted: str
    ) -> None:
        clear(database)
        made = []
        for number, name in enumerate(names):
            try:
                made.append(make_stack(id=f"zz{number:014}", name=name))
            except ValueError:
                continue
        create(database, *made)
        for stack in made:
            try:
                assert alike(
                    next(each.name for each in made if each.id == find(database, stack.name))
                ) == alike(stack.name)
            except AmbiguousError:
                assert sum(alike(each.name) == alike(stack.name) for each in made) > 1
        with suppress(NotFoundError, AmbiguousError):
            found = find(database, wanted)
            name = next(stack.name for stack in made if stack.id == found)
            assert found.startswith(wanted.strip()) or alike(name) == alike(wanted.strip())


def alike(name: str) -> str:
    return normalize("NFD", normalize("NFD", name).casefold())
