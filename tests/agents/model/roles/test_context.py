"""What a model is shown fits, whatever there is, and says what it leaves out."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recursor.agents.model.context import Context, Item, PromptSection, fit
from recursor.agents.model.context_window import UNKNOWN_WINDOW, Room, room_for, window_of
from recursor.agents.model.planner import PlannerAnswer
from recursor.agents.team import model_agents
from recursor.domain.errors import InvalidInputError
from recursor.domain.settings import ModelSettings
from recursor.domain.spending import AgentFailedError
from tests.making import make_idea, make_snapshot
from tests.model_stub.answers import Answer, always

texts = st.text(max_size=600)
sections = st.lists(
    st.builds(
        PromptSection,
        name=st.uuids().map(str),
        title=st.sampled_from(["Todos", "The page", "Größe"]),
        items=st.lists(st.builds(Item, text=texts, id=st.uuids().map(str)), max_size=8).map(tuple),
        share=st.floats(0, 1),
        cut=st.booleans(),
    ),
    max_size=6,
)


def shown_whole(context: Context, section: PromptSection) -> int:
    shown = len(context.shown[section.name])
    return shown - (section.name in context.cut)


@given(sections, st.integers(0, 6_000))
def test_it_fits_and_nothing_is_left_out_silently(given: list[PromptSection], room: int) -> None:
    try:
        context = fit(given, room)
    except InvalidInputError:
        assert room < 1_200
        return
    assert len(context.text.encode("utf-8", "replace")) <= room
    for section in given:
        # What is shown is the beginning, in order, and the rest is counted.
        shown = context.shown[section.name]
        assert shown == tuple(item.id for item in section.items[: len(shown)])
        assert all(item.text in context.text for item in section.items[: shown_whole(context, section)])
        missing = len(section.items) - len(shown)
        assert context.left_out.get(section.name, 0) == missing
        if missing:
            assert f"({missing:,} of {len(section.items):,} left out for lack of room)" in context.text
    assert context.text.count("characters are left out here for lack of room") >= len(context.cut)


@given(sections)
def test_with_room_enough_all_is_shown(given: list[PromptSection]) -> None:
    context = fit(given, 1_000_000)
    assert not context.left_out
    assert not context.cut


def test_a_part_has_the_beginning_and_the_end_and_says_how_much_is_missing() -> None:
    text = "begin " + "x" * 10_000 + " end"
    shown = fit([PromptSection("page", "The page", (Item(text),), cut=True)], 1_000).text
    assert "begin xxx" in shown
    assert "xxx end" in shown
    missing = re.search(r"\.\.\. ([\d,]+) of 10,010 characters are left out", shown)
    assert missing
    kept = len(re.findall(r"x(?=x)", shown)) + 2
    assert kept + int(missing[1].replace(",", "")) == 10_000


def test_a_section_leaves_to_others_their_share() -> None:
    greedy = PromptSection("a", "A", tuple(Item("a" * 50) for _ in range(100)), share=0.5)
    modest = PromptSection("b", "B", tuple(Item("b" * 50) for _ in range(10)), share=0.3)
    context = fit([greedy, modest], 2_000)
    assert len(context.shown["b"]) == 10
    assert len(context.shown["a"]) > 15


class TestAWindow:
    def test_is_what_the_settings_say_else_what_is_known_of_the_model(self) -> None:
        assert window_of(ModelSettings(name="openai:gpt-4o", context_tokens=5_000), "planner") == 5_000
        assert window_of(ModelSettings(name="openai:gpt-4o"), "planner") == 128_000
        assert window_of(ModelSettings(name="openai:nobody-knows-it"), "planner") == UNKNOWN_WINDOW
        assert window_of(ModelSettings(name="openai-chat:gpt-4o"), "planner") == 128_000

    def test_is_that_of_the_smallest_model_that_may_be_asked(self) -> None:
        settings = ModelSettings(name="openai:gpt-4o", fallback=("local:small.gguf",))
        assert window_of(settings, "planner") == UNKNOWN_WINDOW

    @given(st.integers(1_000, 2_000_000), st.integers(1, 200_000), st.integers(0, 6_000))
    def test_holds_question_and_answer(self, window: int, output: int, instructions: int) -> None:
        settings = ModelSettings(name="openai:gpt-4o", context_tokens=window, output_tokens=output)
        try:
            room = room_for(settings, "planner", "x" * instructions, PlannerAnswer)
        except AgentFailedError:
            assert window < 8_192
        else:
            assert room.question + room.answer + instructions // 3 < window
            assert room.answer <= output


def test_without_room_for_the_titles_it_says_so() -> None:
    with pytest.raises(InvalidInputError, match=r"raise model\.context_tokens"):
        fit([PromptSection("a", "A", (Item("text"),))], 10)


CUT_OFF = Answer(arguments='{"summary": "T', finish="length")


@pytest.mark.parametrize(
    ("model", "ends"),
    [
        (
            {"name": "openai:my-own"},
            "2,048 tokens, a quarter of the 8,192 assumed for openai:my-own, which is unknown: "
            "set model.context_tokens to its real size",
        ),
        (
            {"name": "openai:my-own", "context_tokens": 20_000},
            "5,000 tokens, a quarter of model.context_tokens = 20,000: raise it, or use a model that "
            "takes more",
        ),
        ({"name": "openai:my-own", "context_tokens": 64_000}, "model.output_tokens = 16,000: raise it"),
        ({"name": "openai:gpt-4o"}, "model.output_tokens = 16,000: raise it"),
        ({"name": "openai:my-own", "output_tokens": 2_048}, "model.output_tokens = 2,048: raise it"),
        (
            {"name": "openai:gpt-4o", "output_tokens": 60_000},
            "32,000 tokens, a quarter of the 128,000 that openai:gpt-4o takes in total: "
            "use a model that takes more",
        ),
    ],
)
def test_an_answer_that_is_cut_off_says_what_can_be_done(asking: Any, model: Any, ends: str) -> None:
    asking.stub.script = always(CUT_OFF)
    with pytest.raises(AgentFailedError) as failed:
        asking.outcome_of(
            model_agents()["planner"], make_snapshot(idea=make_idea()), asking.run("planner", **model)
        )
    assert str(failed.value) == f"the answer was cut off at {ends}"


@given(st.integers(1, 40_000), st.integers(12_000, 200_000))
def test_what_is_named_to_be_raised_makes_room_when_it_is(output_tokens: int, context_tokens: int) -> None:
    def room(**changes: int) -> Room:
        given = {"output_tokens": output_tokens, "context_tokens": context_tokens, **changes}
        return room_for(ModelSettings(name="openai:x", **given), "planner", "You plan.", PlannerAnswer)

    before = room()
    if "model.output_tokens" in before.ends:
        after = room(output_tokens=output_tokens + 1, context_tokens=context_tokens + 4)
        assert room(output_tokens=2 * output_tokens).answer >= before.answer
    else:
        after = room(context_tokens=context_tokens + 4)
    assert after.answer > before.answer
