"""What the scripted team says of an idea before anything runs, and that its page keeps to it."""

import pytest

from recursor.agents.scripted.language import foreign_language
from recursor.agents.scripted.plan import plan_of
from recursor.agents.scripted.reading import MOST_MISSING, read_idea
from recursor.domain.stack import Phase
from recursor.domain.todo import TodoStatus

# What is made, and what is said not to be.
UNDERSTOOD = {
    "A habit tracker with a weekly chart and reminders": (["habits", "chart", "reminders"], []),
    "A tip calculator": (["formula"], []),
    "A mortgage calculator with a chart": (["formula", "chart"], []),
    "An invoice generator with PDF export": (["invoice"], []),
    "An invoice with line items, tax and printing": (["invoice"], []),
    "Kanban board for a small team": (["board"], []),
    "Recipe collection with tags, search and a shopping list": (["cards", "checklist"], []),
    "Household budget planner with categories": (["budget"], []),
    "Vocabulary flashcards for learning Spanish": (["flashcards"], []),
    "A landing page for my bakery with a menu and a contact form": (["profile", "cards", "form"], []),
    "Trip planner with packing list, itinerary and expenses": (["calendar", "checklist", "budget"], []),
    "Track my llama herd with name, age and weight": (["records"], []),
    "Plant care companion: reminders, notes and a photo gallery": (
        ["reminders", "notes"],
        ["photo gallery"],
    ),
    "Pub quiz with score keeper, dice and a poll": (["quiz", "counter", "picker", "poll"], []),
    "A multiplayer quiz with a live leaderboard": (
        ["quiz", "counter"],
        ["multiplayer quiz", "live leaderboard"],
    ),
    "A pomodoro timer with a todo list and weekly statistics": (["timer", "checklist", "chart"], []),
    "A hotel booking website with a calendar": (["calendar"], ["hotel booking"]),
    "A markdown editor in dark mode": (["editor"], []),
    "A todo list, synced over Bluetooth": (["checklist"], ["synced over Bluetooth"]),
}
# What nothing is made of, and why.
REFUSED = {
    "A chess game": "has no component for this idea",
    "Snake": "has no component for this idea",
    "A weather dashboard": "has no component for this idea",
    "An online shop with payments": "has no component for this idea",
    "A currency converter": "has no component for this idea",
    "a REST API for a library in Python": "asks for an API",
    "a command that renames photos by date": "asks for a command-line tool",
    "Rename my holiday photos by date": "asks for a program that works on files",
    "A data pipeline from Kafka to Postgres": "asks for a data pipeline",
    "a market report on e-bikes": "asks for a report",
    "A game engine": "asks for a game engine",
    "A Telegram bot that reminds me": "asks for a bot",
    "A to-do list app in Rust": "asks for a program in another language",
    "Eine Rezept-App mit Einkaufsliste": "written in German",
    "Ein Quiz für meine Klasse": "written in German",
    "Une application de recettes avec liste de courses": "written in French",
    "Una aplicación de recetas con lista de la compra": "written in Spanish",
    "習慣を記録するアプリ": "written in Japanese",
    "待办事项应用": "written in Chinese or Japanese",
    "Трекер привычек": "in Cyrillic letters",
}


@pytest.mark.parametrize("idea", UNDERSTOOD)
def test_it_says_what_it_recognises_and_what_not(idea):
    reading = read_idea(idea)

    components, missing = UNDERSTOOD[idea]
    assert [section.component for section in reading.sections] == components
    assert list(reading.told.missing) == missing
    assert len(reading.told.recognised) == len(components)
    assert reading.told.refusal is None


@pytest.mark.parametrize("idea", REFUSED)
def test_it_says_why_it_makes_nothing(idea):
    reading = read_idea(idea)

    assert reading.sections == ()
    assert REFUSED[idea] in (reading.told.refusal or "")
    assert reading.told.missing
    assert reading.told.recognised == ()


@pytest.mark.parametrize("idea", [idea for idea, (_, missing) in UNDERSTOOD.items() if missing])
def test_what_is_missing_ends_as_a_todo_that_cannot_be_done_and_is_told_at_the_end(finished, idea):
    done = finished(idea)

    assert done.phase is Phase.PARTIAL
    missing = UNDERSTOOD[idea][1]
    cancelled = [t.metadata["cannot"] for t in done.snapshot.todos if t.status is TodoStatus.CANCELLED]
    assert cancelled == missing
    assert done.trace[-1][1].startswith("Done as far as a scripted team can. Missing: ")
    assert "--set model.name=PROVIDER:MODEL" in done.trace[-1][1]
    assert not any("the project is complete" in said for _, said in done.trace)
    assert any(role == "reviewer" and missing[0] in said for role, said in done.trace)
    assert f"Asked for, and not on this page: {missing[0]}" in done.page
    titles = " ".join(section.title.lower() for section in plan_of(done.snapshot.artifact).sections)
    assert not any(word in titles for word in ("multiplayer", "live", "photo", "hotel", "synced"))


@pytest.mark.parametrize("idea", ["A chess game", "a REST API for a library in Python", "Трекер привычек"])
def test_of_what_it_cannot_make_there_is_no_page(finished, idea):
    done = finished(idea)

    assert done.phase is Phase.PARTIAL
    assert done.snapshot.artifact is None
    assert done.snapshot.idea.reading.refusal in done.trace[-1][1]
    assert {todo.status for todo in done.snapshot.todos} == {TodoStatus.CANCELLED}


def test_nothing_is_added_to_an_idea_of_which_something_is_missing(world):
    outcome = world("A multiplayer quiz").run("planner")

    components = [
        effect.metadata["component"]
        for effect in outcome.effects
        if "component" in getattr(effect, "metadata", {})
    ]
    assert components == ["quiz"]


def test_a_long_idea_is_told_in_a_bounded_number_of_parts():
    reading = read_idea(", ".join(f"llama{number} rocket" for number in range(50)))

    assert len(reading.told.missing) == MOST_MISSING
    assert reading.told.missing[-1] == "and 41 more parts of the idea"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A quiz for the class", None),
        ("Quiz", None),
        ("", None),
        ("A café menu with the soups of the day", None),
        ("Un quiz pour la classe", "French"),
        ("Een lijst met boeken voor mijn kinderen", "Dutch"),
        ("Una lista della spesa con il calendario", "Italian"),
        ("Uma lista de compras com um calendário", "Portuguese"),
        ("습관 추적기", "Korean"),
    ],
)
def test_the_language_is_told_by_its_commonest_words(text, language):
    assert foreign_language(text) == language
