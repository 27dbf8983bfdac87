"""Every row of the table of work detection: its priority, its reason with figures, and its boundary."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recursor.domain.agent_state import AgentState
from recursor.domain.settings import DetectionSettings, Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase
from recursor.domain.todo import TodoStatus
from recursor.domain.work import WorkStatus
from recursor.orchestration.detectors import (
    asks_for_change,
    detect_builder,
    detect_communicator,
    detect_planner,
    detect_reviewer,
)
from tests.making import (
    NOW,
    make_artifact,
    make_idea,
    make_message,
    make_snapshot,
    make_stack,
    make_state,
    make_todo,
    make_user_message,
)

DEFAULTS = Settings()
REQUEST = "please add a compost heap"


def with_detection(**values: Any) -> Settings:
    return DEFAULTS.overridden({"detection": values})


def planner(snapshot: Snapshot, settings: Settings = DEFAULTS, now: float = NOW) -> WorkStatus:
    return detect_planner(snapshot, settings, now)


def builder(snapshot: Snapshot, settings: Settings = DEFAULTS) -> WorkStatus:
    return detect_builder(snapshot, settings, NOW)


def communicator(snapshot: Snapshot) -> WorkStatus:
    return detect_communicator(snapshot, DEFAULTS, NOW)


def reviewer(snapshot: Snapshot, settings: Settings = DEFAULTS, now: float = NOW) -> WorkStatus:
    return detect_reviewer(snapshot, settings, now)


def seen(status: WorkStatus) -> tuple[int, str]:
    assert status.has_work
    return status.priority, status.reason


def idle(status: WorkStatus) -> str:
    assert not status.has_work
    assert status.priority == 0
    return status.reason


@pytest.mark.parametrize("detect", [detect_planner, detect_builder, detect_communicator, detect_reviewer])
def test_nobody_has_work_in_a_complete_stack_where_nothing_changed(detect: Any) -> None:
    status = detect(make_snapshot(), DEFAULTS, NOW + 1e6)
    assert not status.has_work
    assert status.due_at is None
    assert status.reason


class TestPlanner:
    def test_10_without_an_idea(self) -> None:
        assert seen(planner(make_snapshot(idea=None))) == (10, "no project idea")

    @pytest.mark.parametrize("phase", [Phase.PLANNING, Phase.BUILDING, Phase.REVIEWING])
    def test_9_without_open_todos_before_completion(self, phase: Phase) -> None:
        closed = (make_todo(1, status=TodoStatus.COMPLETED), make_todo(2, status=TodoStatus.CANCELLED))
        snapshot = make_snapshot(stack=make_stack(phase=phase), todos=closed)
        assert seen(planner(snapshot)) == (9, "no pending todos, and the project is not complete")

    @pytest.mark.parametrize("status", [TodoStatus.PENDING, TodoStatus.IN_PROGRESS])
    def test_open_todos_leave_nothing_to_plan(self, status: TodoStatus) -> None:
        snapshot = make_snapshot(stack=make_stack(phase="building"), todos=(make_todo(status=status),))
        idle(planner(snapshot))

    def test_8_for_recommendations_which_are_counted(self) -> None:
        one = make_state("reviewer", NOW, recommendations=("label the field",))
        two = make_state("reviewer", NOW, recommendations=("label the field", "add a title"))
        assert seen(planner(make_snapshot(one))) == (8, "1 recommendation of the reviewer")
        assert seen(planner(make_snapshot(two))) == (8, "2 recommendations of the reviewer")

    def test_8_for_an_idea_that_a_person_rewrote_since_it_looked(self) -> None:
        for at, planned in ((NOW, NOW - 10), (NOW, NOW - 0.001)):
            rewritten = make_snapshot(make_state("planner", planned), idea=make_idea(updated_at=at))
            assert seen(planner(rewritten)) == (8, "the idea changed")
        idle(planner(make_snapshot(make_state("planner", NOW), idea=make_idea(updated_at=NOW))))

    def test_7_for_change_requests_which_are_counted(self) -> None:
        one = (make_user_message(1, content=REQUEST), make_user_message(2, content="nice!"))
        two = (*one, make_user_message(3, content="it is broken", answered_at=NOW, answer="sorry"))
        assert seen(planner(make_snapshot(user_messages=one))) == (7, "1 visitor message asking for a change")
        assert seen(planner(make_snapshot(user_messages=two))) == (
            7,
            "2 visitor messages asking for a change",
        )

    def test_a_request_that_is_planned_for_is_none(self) -> None:
        planned = make_user_message(content=REQUEST, planned_at=NOW - 5)
        idle(planner(make_snapshot(user_messages=(planned,))))

    def test_the_highest_rule_decides(self) -> None:
        everything: dict[str, Any] = {"user_messages": (make_user_message(content=REQUEST),)}
        wishes = make_state("reviewer", NOW, recommendations=("more",))
        assert planner(make_snapshot(wishes, **everything)).priority == 8
        everything["stack"] = make_stack(phase="building")
        assert planner(make_snapshot(wishes, **everything)).priority == 9
        assert planner(make_snapshot(wishes, **everything, idea=None)).priority == 10

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"todos": (make_todo(updated_at=NOW, updated_by="user"),)}, "todos changed"),
            (
                {"todos": (make_todo(updated_at=NOW, updated_by="builder", status=TodoStatus.COMPLETED),)},
                "todos changed",
            ),
            ({"artifact": make_artifact(created_at=NOW)}, "new version of the artifact"),
            ({"user_messages": (make_user_message(content="nice!", created_at=NOW),)}, "new visitor message"),
        ],
    )
    def test_4_every_five_minutes_if_something_changed(self, change: dict[str, Any], reason: str) -> None:
        snapshot = make_snapshot(make_state("planner", NOW - 10), **change)
        before = planner(snapshot, now=NOW + 289.9)
        assert idle(before) == f"{reason}; the next periodic check is later"
        assert before.due_at == NOW + 290
        assert seen(planner(snapshot, now=NOW + 290)) == (4, f"periodic check: {reason}")

    def test_its_own_changes_do_not_call_it_again(self) -> None:
        state = make_state("planner", NOW - 10)
        own = make_snapshot(
            state,
            idea=make_idea(updated_at=NOW, updated_by="planner"),
            todos=(make_todo(updated_at=NOW, updated_by="planner"),),
        )
        status = planner(own, now=NOW + 1e6)
        assert idle(status) == "nothing changed since its last run"
        assert status.due_at is None

    def test_it_looks_at_once_if_it_has_never_planned(self) -> None:
        snapshot = make_snapshot(make_state("planner"), todos=(make_todo(),))
        assert seen(planner(snapshot)) == (4, "periodic check: no plan yet")

    def test_the_period_is_a_setting(self) -> None:
        snapshot = make_snapshot(make_state("planner", NOW - 10), artifact=make_artifact(created_at=NOW))
        assert planner(snapshot, with_detection(planner_period=10)).has_work
        assert planner(snapshot, with_detection(planner_period=10.1)).due_at == pytest.approx(NOW + 0.1)

    def test_a_team_without_a_reviewer_has_no_recommendations(self) -> None:
        idle(planner(make_snapshot(states={"planner": make_state("planner", NOW)})))


class TestBuilder:
    def test_8_with_urgent_todos_which_are_counted(self) -> None:
        todos = (make_todo(1, priority=3), make_todo(2, priority=2), make_todo(3, priority=5))
        assert seen(builder(make_snapshot(todos=todos))) == (8, "3 pending todos, 2 of priority 3 or more")

    def test_6_with_others(self) -> None:
        assert seen(builder(make_snapshot(todos=(make_todo(priority=2),)))) == (6, "1 pending todo")

    def test_what_is_urgent_is_a_setting(self) -> None:
        snapshot = make_snapshot(todos=(make_todo(priority=4),))
        assert builder(snapshot, with_detection(urgent_todo=4)).priority == 8
        assert builder(snapshot, with_detection(urgent_todo=5)).priority == 6

    def test_goes_on_with_what_is_in_progress(self) -> None:
        snapshot = make_snapshot(todos=(make_todo(priority=4, status=TodoStatus.IN_PROGRESS),))
        assert builder(snapshot).priority == 8

    @pytest.mark.parametrize("status", [TodoStatus.COMPLETED, TodoStatus.CANCELLED])
    def test_closed_todos_are_no_work(self, status: TodoStatus) -> None:
        assert idle(builder(make_snapshot(todos=(make_todo(status=status),)))) == "no pending todos"


class TestCommunicator:
    def test_10_for_visitors_who_wait(self) -> None:
        waiting = (
            make_user_message(1, sender="Ada", answered_at=NOW, answer="done"),
            make_user_message(2, sender="Bob"),
            make_user_message(3, sender="Cem"),
        )
        snapshot = make_snapshot(user_messages=waiting, messages=(make_message(),))
        assert seen(communicator(snapshot)) == (10, "2 unanswered visitor messages, the next from Bob")

    def test_planned_for_is_not_answered(self) -> None:
        snapshot = make_snapshot(user_messages=(make_user_message(planned_at=NOW),))
        assert seen(communicator(snapshot)) == (10, "1 unanswered visitor message, the next from Ada")

    def test_7_for_messages_of_other_stacks(self) -> None:
        broadcast = make_message(2, to_stack_id=None)
        assert seen(communicator(make_snapshot(messages=(make_message(),)))) == (
            7,
            "1 unread message from other stacks",
        )
        assert communicator(make_snapshot(messages=(make_message(), broadcast))).reason.startswith("2 unread")

    def test_nobody_wrote(self) -> None:
        assert idle(communicator(make_snapshot())) == "no unanswered or unread messages"


def completed(*closed_at: float) -> tuple[Any, ...]:
    return tuple(
        make_todo(number, status=TodoStatus.COMPLETED, closed_at=at) for number, at in enumerate(closed_at)
    )


class TestReviewer:
    last = make_state("reviewer", NOW - 100, reviewed_artifact=3)

    def test_6_for_two_todos_completed_since_the_last_review(self) -> None:
        snapshot = make_snapshot(self.last, todos=completed(NOW - 200, NOW - 99, NOW - 1))
        assert seen(reviewer(snapshot)) == (6, "2 todos completed since the last review")

    def test_what_was_closed_before_the_last_review_was_seen_by_it(self) -> None:
        snapshot = make_snapshot(self.last, todos=completed(NOW - 200, NOW - 100))
        assert idle(reviewer(snapshot, now=NOW + 1e6)) == "nothing changed since its last run"

    def test_cancelled_todos_are_not_completed_ones(self) -> None:
        todos = tuple(make_todo(n, status=TodoStatus.CANCELLED, closed_at=NOW) for n in range(3))
        idle(reviewer(make_snapshot(self.last, todos=todos), now=NOW + 1e6))

    def test_how_many_todos_is_a_setting(self) -> None:
        snapshot = make_snapshot(self.last, todos=completed(NOW, NOW, NOW))
        assert reviewer(snapshot, with_detection(todos_per_review=3)).priority == 6
        assert not reviewer(snapshot, with_detection(todos_per_review=4)).has_work

    def test_6_for_a_version_that_is_newer_than_the_one_reviewed(self) -> None:
        assert seen(reviewer(make_snapshot(self.last, artifact=make_artifact(4)))) == (
            6,
            "version 4 of the artifact is not reviewed",
        )
        idle(reviewer(make_snapshot(self.last, artifact=make_artifact(3)), now=NOW + 1e6))

    def test_the_first_version_is_reviewed_by_one_who_has_never_run(self) -> None:
        fresh: dict[str, AgentState] = {}
        assert reviewer(make_snapshot(states=fresh, artifact=make_artifact(1))).priority == 6
        assert not reviewer(make_snapshot(states=fresh)).has_work

    def test_4_three_minutes_after_the_last_review_if_a_todo_was_completed(self) -> None:
        snapshot = make_snapshot(self.last, todos=completed(NOW))
        before = reviewer(snapshot, now=NOW + 79.9)
        assert idle(before) == "a todo was completed; the next periodic check is later"
        assert before.due_at == NOW + 80
        assert seen(reviewer(snapshot, now=NOW + 80)) == (4, "periodic check: a todo was completed")
        assert reviewer(snapshot, with_detection(reviewer_period=100)).priority == 4

    def test_one_who_has_never_run_looks_at_a_first_todo_at_once(self) -> None:
        assert reviewer(make_snapshot(make_state("reviewer"), todos=completed(NOW))).priority == 4


class TestChangeRequests:
    @pytest.mark.parametrize(
        "content",
        [
            "please",
            "PLEASE!",
            "Could you make the beds longer?",
            "could\nyou   water them",
            "A (small) change.",
            "it's broken; sorry",
            "fix",
            "«Add» roses",
        ],
    )
    def test_have_a_keyword_as_a_word_in_any_case(self, content: str) -> None:
        assert asks_for_change(make_user_message(content=content), DEFAULTS.detection)

    @pytest.mark.parametrize(
        "content",
        [
            "lovely garden",
            "the address",
            "prefixes",
            "needle",
            "adder_add",
            "unchanged",
            "débug",
            "addé",
            "could",
        ],
    )
    def test_do_not_have_it_inside_another_word(self, content: str) -> None:
        assert not asks_for_change(make_user_message(content=content), DEFAULTS.detection)

    def test_may_be_long_instead(self) -> None:
        def says(length: int) -> bool:
            return asks_for_change(make_user_message(content="é" * length), DEFAULTS.detection)

        assert says(200)
        assert not says(199)
        short = DetectionSettings(long_message=3)
        assert asks_for_change(make_user_message(content="why"), short)

    @pytest.mark.parametrize("judged", [True, False])
    def test_are_what_who_answered_them_judged(self, judged: bool) -> None:
        for content in ("please add a pond", "hello"):
            message = make_user_message(content=content, needs_planning=judged)
            assert asks_for_change(message, DEFAULTS.detection) is judged

    @pytest.mark.parametrize(
        ("keyword", "content", "asks"),
        [
            ("změnit", "Prosím ZMĚNIT barvu", True),
            ("změnit", "nezměnit barvu", False),
            ("изменить", "можно изменить?", True),
            ("ändern", "bitte A\u0308NDERN", True),
            ("c++ (new)", "use c++ (new) here", True),
            (".*", "anything", False),
            ("tweak", "please", False),
        ],
    )
    def test_have_the_words_of_the_settings(self, keyword: str, content: str, asks: bool) -> None:
        detection = DetectionSettings(change_keywords=(keyword,))
        assert asks_for_change(make_user_message(content=content), detection) is asks

    def test_without_keywords_only_long_messages_ask(self) -> None:
        detection = DetectionSettings(change_keywords=())
        assert not asks_for_change(make_user_message(content="please add"), detection)
        assert asks_for_change(make_user_message(content="x" * 200), detection)

    @given(st.text(min_size=1, max_size=80).filter(lambda text: text.strip("\x00 ")))
    def test_any_text_is_a_message(self, content: str) -> None:
        message = make_user_message(content="x").but(content=content)
        assert asks_for_change(message, DEFAULTS.detection) in (True, False)


@given(st.integers(0, 5), st.integers(0, 5), st.floats(0, 1000), st.floats(0, 1000))
def test_what_is_due_later_is_work_then(todos: int, messages: int, last: float, now: float) -> None:
    """Whoever says that time alone may bring work has work at that time."""
    snapshot = make_snapshot(
        make_state("planner", NOW - last),
        make_state("reviewer", NOW - last),
        todos=tuple(
            make_todo(
                n, status=TodoStatus.COMPLETED, closed_at=NOW - 50, updated_at=NOW - 50, updated_by="builder"
            )
            for n in range(todos)
        ),
        user_messages=tuple(
            make_user_message(n, content="hi", created_at=NOW - 20, answered_at=NOW, answer="hi")
            for n in range(messages)
        ),
    )
    for detect in (planner, reviewer):
        status = detect(snapshot, DEFAULTS, NOW + now)
        if status.due_at is not None:
            assert not status.has_work
            assert status.due_at > NOW + now
            assert seen(detect(snapshot, DEFAULTS, status.due_at))[0] == 4


def test_what_a_snapshot_leaves_out_is_counted() -> None:
    urgent = make_snapshot(todos=(make_todo(priority=3),), more_todos=4_499)
    assert seen(builder(urgent)) == (8, "4,500 pending todos, at least 1 of priority 3 or more")
    some = make_snapshot(todos=(make_todo(1, priority=3), make_todo(2, priority=1)), more_todos=1)
    assert seen(builder(some)) == (8, "3 pending todos, 1 of priority 3 or more")
    assert seen(builder(make_snapshot(todos=(make_todo(priority=1),), more_todos=1))) == (
        6,
        "2 pending todos",
    )
    written = make_snapshot(user_messages=(make_user_message(),), more_user_messages=2)
    assert seen(communicator(written)) == (10, "3 unanswered visitor messages, the next from Ada")
    told = make_snapshot(messages=(make_message(),), more_messages=2)
    assert seen(communicator(told)) == (7, "3 unread messages from other stacks")
