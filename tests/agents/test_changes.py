"""From a visitor's words to steps."""

import pytest

from recursor.agents.scripted.changes import describe, understand
from recursor.agents.scripted.plan import AddPart, AddSection, RemoveSection, Restyle, Retitle
from recursor.agents.scripted.recognition import sections_for

PAGE = sections_for("A todo list, notes and a timer")


def steps(text: str, **more: bool) -> list[str]:
    """The steps as short words: +calendar, -notes, restyle, ..."""
    told = []
    for step in understand(text, PAGE, **more).steps:
        match step:
            case AddSection():
                told.append(f"+{step.section.component}")
            case RemoveSection():
                told.append(f"-{step.key}")
            case Retitle():
                told.append(f"title {step.title}")
            case AddPart():
                told.append(f"part {step.part}")
            case Restyle():
                told.append(" ".join(f"{k}={v}" for k, v in step.look.model_dump(exclude_none=True).items()))
    return told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Please add a calendar", ["+calendar"]),
        ("could you add a budget and a poll?", ["+budget", "+poll"]),
        ("I'd like a packing list too", ["+checklist"]),
        ("we need another timer", ["+timer"]),
        ("Please remove the notes", ["-notes"]),
        ("get rid of the timer please", ["-timer"]),
        ("Replace the notes with a kanban board", ["-notes", "+board"]),
        ("I want a calendar instead of the timer", ["-timer", "+calendar"]),
        ("dark mode please", ["mode=dark"]),
        ("make it blue", ["hue=255"]),
        ("Change the colour to green instead of red", ["hue=148"]),
        ("bigger text please", ["scale=1.2"]),
        ("please use two columns", ["layout=grid"]),
        ("could it have a serif font", ["face=serif"]),
        ("Please call it “Morning pages”", ["title Morning pages"]),
        ("change the title to Better days", ["title Better days"]),
        ("I want to export my data", ["part backup"]),
        ("please add instructions", ["part guide"]),
        ("Please add a llama register", ["+records"]),
        ("add a place for serial numbers of tools", ["+records"]),
        ("Add a dark theme and a poll", ["mode=dark", "+poll"]),
    ],
)
def test_wishes_are_understood(text, expected):
    assert steps(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "How far are you?",
        "I love the notes!",
        "I want to know how long this takes",
        "can you tell me what the timer does",
        "could you help me?",
        "please fix it, it is broken",
        "This needs improvements",
        "remove the aeroplane",
        "",
        "?",
        "thanks, great work",
    ],
)
def test_what_is_no_wish_leads_to_no_step(text):
    assert steps(text) == []


def test_what_the_page_has_is_named_instead_of_built_twice():
    understood = understand("please add a timer", PAGE)

    assert understood.steps == ()
    assert understood.has_already == ("Timer",)


@pytest.mark.parametrize(
    ("todo", "expected"),
    [
        ("calendar", ["+calendar"]),
        ("Recipes of my grandmother", ["+cards"]),
        ("Llama feeding plan", []),
        ("list of llamas", ["+checklist"]),
        ("dark mode", ["mode=dark"]),
    ],
)
def test_a_todo_asks_for_something_whatever_its_words(todo, expected):
    assert steps(todo, is_order=True) == expected


def test_a_message_leads_to_a_bounded_number_of_steps():
    assert len(steps("add a calendar, a budget, a poll, a quiz, a board, dice, a form and a chart")) == 4


def test_every_step_can_be_described():
    for text in ("add a poll", "remove notes please", "make it blue", "call it X", "add export"):
        for step in understand(text, PAGE).steps:
            assert describe(step, PAGE)
