"""Roles are an open set, checked when a registry is made; detection works on whatever is registered."""

from typing import Any

import pytest

from recursor.domain.effect import Outcome
from recursor.domain.errors import InvalidInputError, NotFoundError
from recursor.domain.settings import Settings
from recursor.domain.work import WorkReport, WorkStatus
from recursor.orchestration.detection import detect_work
from recursor.orchestration.detectors import (
    detect_builder,
    detect_communicator,
    detect_planner,
    detect_reviewer,
    planner_is_urgent,
)
from recursor.orchestration.graph import build_graph
from recursor.orchestration.roles import Dependency, Detector, Role, RoleRegistry
from tests.making import NOW, make_artifact, make_snapshot, make_stack, make_state, make_status, make_todo


class Nobody:
    def run(self, *_args: Any) -> Outcome:
        return Outcome()


def always_sees(status: WorkStatus) -> Detector:
    return lambda *_: status


def role(name: str, *depends_on: str | Dependency, detect: Detector | None = None, priority: int = 5) -> Role:
    dependencies = tuple(each if isinstance(each, Dependency) else Dependency(each) for each in depends_on)
    return Role(name, detect or always_sees(make_status(priority)), Nobody(), dependencies)


TEAM = RoleRegistry(
    [
        role("planner", detect=detect_planner),
        role("builder", Dependency("planner", planner_is_urgent), detect=detect_builder),
        role("communicator", detect=detect_communicator),
        role("reviewer", "builder", detect=detect_reviewer),
    ]
)


def detect(roles: RoleRegistry, settings: Settings | None = None, **snapshot: Any) -> WorkReport:
    return detect_work(make_snapshot(**snapshot), roles, settings or Settings(), NOW)


class TestRegistry:
    def test_is_a_mapping_in_the_order_of_registration(self) -> None:
        assert list(TEAM) == ["planner", "builder", "communicator", "reviewer"]
        assert len(TEAM) == 4
        assert TEAM["builder"].name == "builder"
        assert "reviewer" in TEAM
        assert "gardener" not in TEAM
        assert TEAM.get("gardener") is None

    def test_names_the_roles_there_are_when_asked_for_another(self) -> None:
        with pytest.raises(NotFoundError) as caught:
            TEAM["gardener"]
        assert str(caught.value) == (
            "no role 'gardener'; registered: planner, builder, communicator, reviewer"
        )

    @pytest.mark.parametrize("name", ["total", "user"])
    def test_refuses_a_name_that_means_something_else(self, name: str) -> None:
        with pytest.raises(InvalidInputError, match=f"role '{name}': reserved for ") as refused:
            RoleRegistry([role(name)])
        assert len(str(refused.value).splitlines()) == 1

    @pytest.mark.parametrize(
        ("roles", "text"),
        [
            ([], "a team has no roles: register at least one"),
            ([role("a"), role("a")], "role 'a' is registered twice: give one of them another name"),
            ([role("a", "b")], "role 'a' depends on 'b', which is not registered: register it too"),
            ([role("a", "a")], "roles wait for each other in a circle: a → a; remove one dependency"),
            ([role("a", "c"), role("b", "a"), role("c", "b")], "roles wait for each other in a circle: "),
            ([role("Planner")], "role 'Planner': a name is 1 to 40 of a-z, 0-9, - and _, a letter first"),
            ([role("")], "role '': a name is"),
            ([role("a" * 41)], f"role '{'a' * 41}': a name is"),
            ([role("a/b")], "role 'a/b': a name is"),
            ([role("a\n")], "role 'a\\n': a name is"),
        ],
    )
    def test_refuses_a_team_that_cannot_work(self, roles: list[Role], text: str) -> None:
        with pytest.raises(InvalidInputError) as caught:
            RoleRegistry(roles)
        assert str(caught.value).startswith(text)

    def test_a_circle_is_shown_with_every_role_in_it(self) -> None:
        with pytest.raises(InvalidInputError) as caught:
            RoleRegistry([role("a", "c"), role("b", "a"), role("c", "b"), role("d")])
        circle = str(caught.value).split(": ")[1].split(";")[0].split(" → ")
        assert set(circle) == {"a", "b", "c"}
        assert circle[0] == circle[-1]

    def test_a_role_may_be_registered_before_what_it_waits_for(self) -> None:
        assert list(RoleRegistry([role("a", "b"), role("b")])) == ["a", "b"]

    def test_adding_checks_again_and_leaves_the_first_as_it_is(self) -> None:
        more = TEAM.adding(role("gardener", "reviewer"))
        assert list(more)[-1] == "gardener"
        assert "gardener" not in TEAM
        with pytest.raises(InvalidInputError, match="registered twice"):
            TEAM.adding(role("builder"))


class TestDependencies:
    def test_the_builder_waits_for_a_planner_with_urgent_work(self) -> None:
        wishes = make_state("reviewer", NOW, recommendations=("more",))
        snapshot = make_snapshot(wishes, todos=(make_todo(),))
        report = detect_work(snapshot, TEAM, Settings(), NOW)
        assert report.statuses["planner"].priority == 8
        assert report.statuses["builder"].dependencies == ("planner",)

    @pytest.mark.parametrize(("awaits_from", "waits"), [(4, True), (5, False), (7, False)])
    def test_the_builder_does_not_wait_for_a_periodic_look(self, awaits_from: int, waits: bool) -> None:
        settings = Settings().overridden({"detection": {"builder_awaits_planner_from": awaits_from}})
        states = {"planner": make_state("planner", NOW - 1000)}
        report = detect(
            TEAM, settings, states=states, todos=(make_todo(),), artifact=make_artifact(created_at=NOW)
        )
        assert report.statuses["planner"].priority == 4
        assert report.statuses["builder"].dependencies == (("planner",) if waits else ())

    @pytest.mark.parametrize(("priority", "waits"), [(6, False), (7, True), (10, True)])
    def test_urgent_begins_with_seven(self, priority: int, waits: bool) -> None:
        assert planner_is_urgent(make_status(priority), Settings()) is waits

    def test_the_reviewer_waits_for_a_builder_with_work(self) -> None:
        report = detect(TEAM, todos=(make_todo(),), artifact=make_artifact(1))
        assert report.statuses["reviewer"].dependencies == ("builder",)

    def test_the_reviewer_does_not_wait_for_a_builder_without(self) -> None:
        report = detect(TEAM, artifact=make_artifact(1))
        assert report.statuses["reviewer"].has_work
        assert report.statuses["reviewer"].dependencies == ()

    def test_one_without_work_waits_for_nobody(self) -> None:
        report = detect(TEAM, todos=(make_todo(),))
        assert not report.statuses["reviewer"].has_work
        assert report.statuses["reviewer"].dependencies == ()

    def test_what_a_detector_says_of_dependencies_does_not_count(self) -> None:
        """A circle can only be refused at registration if dependencies come from there alone."""
        first = role("a", detect=always_sees(make_status(5, dependencies=("b",))))
        second = role("b", detect=always_sees(make_status(5, dependencies=("a", "lost"))))
        report = detect(RoleRegistry([first, second]))
        assert all(status.dependencies == () for status in report.statuses.values())
        assert build_graph(report, "1", NOW).waves == 1


class TestMinimumPriority:
    def test_below_it_work_is_reported_and_not_run(self) -> None:
        settings = Settings().overridden({"detection": {"minimum_priority": 7}})
        report = detect(TEAM, settings, todos=(make_todo(priority=1),))
        status = report.statuses["builder"]
        assert not status.has_work
        assert status.reason == "1 pending todo (priority 6, below the minimum of 7)"
        assert status.due_at is None
        assert report.roles_with_work() == ()

    def test_at_it_work_is_run(self) -> None:
        settings = Settings().overridden({"detection": {"minimum_priority": 6}})
        assert detect(TEAM, settings, todos=(make_todo(priority=1),)).statuses["builder"].priority == 6

    def test_nobody_waits_for_work_below_it(self) -> None:
        settings = Settings().overridden({"detection": {"minimum_priority": 6}})
        team = RoleRegistry([role("a", priority=5), role("b", "a", priority=6)])
        assert detect(team, settings).statuses["b"].dependencies == ()

    def test_work_without_priority_is_no_work(self) -> None:
        odd = WorkStatus(has_work=True, priority=0, reason="who knows")
        assert detect(RoleRegistry([role("a", detect=always_sees(odd))])).roles_with_work() == ()


def test_the_report_says_when_it_was_made_and_of_which_stack() -> None:
    report = detect(TEAM, stack=make_stack(phase="complete"))
    assert (report.computed_at, report.stack_id) == (NOW, make_stack().id)
    assert list(report.statuses) == list(TEAM)


def test_a_fifth_role_is_detected_and_put_in_its_place() -> None:
    gardener = Role(
        "gardener",
        lambda snapshot, *_: make_status(9, reason=f"{len(snapshot.todos)} beds to water"),
        Nobody(),
        (Dependency("reviewer", lambda status, _: status.priority >= 6), Dependency("communicator")),
    )
    snapshot = make_snapshot(todos=(make_todo(),), artifact=make_artifact(1))
    report = detect_work(snapshot, TEAM.adding(gardener), Settings(), NOW)
    graph = build_graph(report, "1", NOW)
    assert report.roles_with_work()[0] == "gardener"
    assert report.statuses["gardener"].reason == "1 beds to water"
    assert [(node.wave, node.role) for node in graph.nodes] == [
        (0, "builder"),
        (1, "reviewer"),
        (2, "gardener"),
    ]
