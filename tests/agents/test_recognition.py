"""From words to sections: what an idea asks for."""

import pytest

from recursor.agents.scripted.components import COMPONENTS
from recursor.agents.scripted.recognition import MAX_FROM_IDEA, sections_for
from recursor.agents.scripted.wording import kept_thing, title_of


def found(idea: str) -> list[str]:
    return [section.component for section in sections_for(idea)]


@pytest.mark.parametrize("component", COMPONENTS.values(), ids=lambda component: component.name)
def test_every_keyword_leads_to_its_component(component):
    for variant in component.variants:
        for keyword in (*variant.keywords, *variant.weak):
            assert found(f"A {keyword}") == [component.name], keyword


def test_components_come_in_the_order_of_the_idea():
    assert found("A timer, a kanban board, notes and a quiz") == ["timer", "board", "notes", "quiz"]


def test_headings_are_made_of_the_words_of_the_idea():
    titles = [s.title for s in sections_for("A packing list, a weekly chart and a list of rare birds")]

    assert titles == ["Packing list", "Weekly chart", "List of rare birds"]


def test_a_weak_word_does_not_count_beside_a_better_one():
    assert found("a list of recipes") == ["cards"]
    assert found("a list of chores") == ["checklist"]


def test_what_no_component_was_made_for_gets_a_table_with_the_fields_that_are_named():
    (table,) = sections_for("Track my llama herd with name, birthday, weight and rating")

    assert table.component == "records"
    assert table.title == "Llama herd"
    fields = {field["name"]: field["type"] for field in table.options["fields"]}
    assert fields == {
        "name": "text", "birthday": "date", "weight": "number", "rating": "rating", "details": "longtext",
    }  # fmt: skip


def test_a_field_may_have_a_name_that_forms_use_themselves():
    (table,) = sections_for("Track planks with length, name and size")

    assert [field["name"] for field in table.options["fields"]] == ["name", "length", "size", "details"]


def test_a_collection_with_named_values_is_a_table_of_them():
    assert found("Catalogue of my vinyl records with artist, year and rating") == ["records"]


def test_an_idea_that_mentions_everything_gets_a_first_version_of_bounded_size():
    everything = ", ".join(component.variants[0].keywords[0] for component in COMPONENTS.values())

    assert len(sections_for(everything)) == MAX_FROM_IDEA


def test_keys_differ_where_headings_are_the_same():
    first = sections_for("notes")[0]
    second = sections_for("notes", [first.key])[0]

    assert first.key != second.key


@pytest.mark.parametrize(
    ("idea", "title"),
    [
        ("A habit tracker with streaks", "Habit tracker"),
        ("build me a website for voting on lunch", "Voting on lunch"),
        ("An app called “Pocket Garden” to plan beds", "Pocket Garden"),
        ("I want to keep track of my plants.", "Plants"),
        ("番茄钟。第二句", "番茄钟。第二句"),
        ("!!!", "Fallback"),
        ("line\nbreak", "Line"),
        ("<b>bold</b> idea", "B"),
    ],
)
def test_titles(idea, title):
    assert title_of(idea, "fallback") == title


def test_the_word_for_the_page_is_no_part_of_what_it_keeps():
    assert kept_thing("a plant care app") == "plant care"
    assert kept_thing("books I have lent") == "books"
    assert kept_thing("a dashboard") == ""
