"""The course of a project with the scripted team, from the idea to the end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recursor.agents.scripted.plan import Part, plan_of
from recursor.agents.scripted.review import review
from recursor.domain.stack import Phase

IDEAS = (
    "A habit tracker with streaks and a weekly chart",
    "A pomodoro timer with a todo list and weekly statistics",
    "Kanban board for a small team",
    "Recipe collection with tags, search and a shopping list",
    "Household budget planner with categories",
    "Vocabulary flashcards for learning Spanish",
    "A landing page for my bakery with a menu and a contact form",
    "Trip planner with packing list, itinerary and expenses",
    "Track my llama herd with name, age and weight",
    "Plant care companion: watering reminders, notes and a photo gallery",
    "Pub quiz with score keeper, dice and a poll",
    "A unit converter and calculator for the kitchen",
)
# Twice the cycles that the longest of the ideas above takes.
MOST_CYCLES = 24


def is_in_order(done) -> bool:
    """Whether the page has no fault; or whether there is none, and it is said why."""
    if done.snapshot.artifact is None:
        return bool(done.snapshot.idea.reading.refusal)
    return review(done.page, done.snapshot.todos) == ()


def end_of(done):
    """The phase in which a project is over."""
    return Phase.PARTIAL if done.snapshot.idea.reading.missing else Phase.COMPLETE


@pytest.mark.parametrize("idea", IDEAS)
def test_an_idea_ends_complete_with_a_page_in_order(finished, idea):
    done = finished(idea)

    assert done.phase is end_of(done)
    assert done.cycles_taken <= MOST_CYCLES
    assert review(done.page, done.snapshot.todos) == ()
    assert plan_of(done.snapshot.artifact).sections


def test_ten_ideas_give_ten_different_pages(finished):
    plans = [plan_of(finished(idea).snapshot.artifact) for idea in IDEAS]

    assert len({plan.title for plan in plans}) == len(IDEAS)
    assert len({tuple(section.component for section in plan.sections) for plan in plans}) == len(IDEAS)
    looks = {
        (p.theme.hue, p.theme.layout, p.theme.surface, p.theme.motif, p.theme.heading_face) for p in plans
    }
    assert len(looks) == len(IDEAS)
    assert len({plan.theme.layout for plan in plans}) >= 4


def test_without_an_idea_the_planner_chooses_a_modest_one_and_says_so(world):
    done = world(None).until_quiet(MOST_CYCLES)

    assert done.phase is end_of(done)
    assert done.snapshot.idea.idea.startswith("A notebook for the day")
    assert "Nobody gave an idea" in done.trace[0][1]


def test_every_recommendation_of_a_normal_course_leads_to_a_part_of_the_page(world):
    done = world(IDEAS[1]).until_quiet(MOST_CYCLES)

    assert set(plan_of(done.snapshot.artifact).parts) == set(Part)


def test_the_same_snapshot_gives_the_same_outcome(world):
    twin, other = world(IDEAS[0]), world(IDEAS[0])
    for stack in (twin, other):
        stack.cycle()
        stack.ask("Please add a calendar")
    for role in ("planner", "builder", "communicator", "reviewer"):
        assert twin.run(role) == twin.run(role) == other.run(role)


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=300))
def test_any_text_at_all_comes_to_its_end(world, text):
    done = world(text.strip() or None).until_quiet(MOST_CYCLES)

    assert done.phase is end_of(done)
    assert is_in_order(done)


PIECES = (
    "todo list", "with", "and", "</script>", "<b>", "timer", "my", "\n", "{{ 7 * 7 }}", "llamas", "length",
    "habits,", "track", "'; --", "called", "“X”", "quiz", "list of", "remove", "{% raw %}", "constructor",
)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join))
def test_any_mixture_of_words_and_markup_comes_to_its_end(world, text):
    done = world(text.strip() or "x").until_quiet(2 * MOST_CYCLES)

    assert done.phase is end_of(done)
    assert is_in_order(done)


@pytest.mark.parametrize(
    "idea",
    [
        "x" * 20_000,
        "word " * 3_900,
        "todo list, notes, timer, " * 700,
        "...",
        "?",
        "\u202eevil\u202c",
        "\t\n a \n",
    ],
    ids=["one word", "many words", "many components", "dots", "mark", "direction", "spaces"],
)
def test_odd_ideas_come_to_their_end(world, idea):
    done = world(idea).until_quiet(MOST_CYCLES)

    assert done.phase is end_of(done)
    assert is_in_order(done)
