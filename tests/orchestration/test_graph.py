"""From work to waves, and what is run next, against networkx where it knows the answer."""

from graphlib import CycleError
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recursor.domain.graph import ExecutionGraph, Node, NodeStatus
from recursor.domain.work import WorkReport
from recursor.orchestration.graph import build_graph, compute_waves, next_wave
from tests.making import NOW, STACK, make_graph, make_node, make_report, make_status


@st.composite
def acyclic(draw: st.DrawFn) -> dict[str, list[str]]:
    """Dependencies without a circle, their names in an order that has nothing to do with them."""
    size = draw(st.integers(0, 12))
    names = draw(st.permutations([f"r{number}" for number in range(size)]))
    edges = {
        name: [other for other in names[:index] if draw(st.booleans())] for index, name in enumerate(names)
    }
    order = draw(st.permutations(names))
    return {name: edges[name] for name in order}


def generations(waits_for: dict[str, list[str]]) -> list[set[str]]:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(waits_for)
    graph.add_edges_from((other, name) for name, others in waits_for.items() for other in others)
    return [set(generation) for generation in nx.topological_generations(graph)]


@given(acyclic())
def test_waves_are_the_topological_generations(waits_for: dict[str, list[str]]) -> None:
    waves = compute_waves(waits_for)
    assert [set(wave) for wave in waves] == generations(waits_for)
    order = list(waits_for)
    assert all(wave == sorted(wave, key=order.index) for wave in waves)


def wave(graph: ExecutionGraph, number: int) -> list[Node]:
    return [node for node in graph.nodes if node.wave == number]


def test_a_circle_has_no_waves() -> None:
    with pytest.raises(CycleError):
        compute_waves({"a": ["b"], "b": ["a"]})


@given(acyclic(), st.data())
def test_a_graph_has_a_node_for_every_role_with_work(
    waits_for: dict[str, list[str]], data: st.DataObject
) -> None:
    priorities = {role: data.draw(st.integers(0, 10)) for role in waits_for}
    report = make_report(
        {
            role: make_status(priorities[role], dependencies=tuple(others))
            for role, others in waits_for.items()
        }
    )
    graph = build_graph(report, "7", NOW)
    busy = {role for role, priority in priorities.items() if priority}
    assert {node.role for node in graph.nodes} == busy
    kept = {role: [other for other in waits_for[role] if other in busy] for role in waits_for if role in busy}
    assert [{node.role for node in wave(graph, number)} for number in range(graph.waves)] == generations(kept)
    for number in range(graph.waves):
        urgency = [node.priority for node in wave(graph, number)]
        assert urgency == sorted(urgency, reverse=True)
    for node in graph.nodes:
        assert list(node.dependencies) == kept[node.role]
        assert (node.priority, node.reason) == (priorities[node.role], report.statuses[node.role].reason)
        assert (node.status, node.attempts) == (NodeStatus.PENDING, 0)
    assert (graph.id, graph.stack_id, graph.created_at) == ("7", STACK, NOW)


def run(
    graph: ExecutionGraph, *waves: WorkReport, **ends: NodeStatus
) -> tuple[ExecutionGraph, list[list[str]]]:
    """Run a graph: a wave sees the next of the reports (the last stays), a node ends as `ends` says."""
    ran: list[list[str]] = []
    reports = list(waves)
    while True:
        graph, ready = next_wave(graph, reports.pop(0) if len(reports) > 1 else reports[0], NOW + 1)
        if not ready:
            return graph, ran
        ran.append([node.role for node in ready])
        graph = graph.replacing(
            {node.role: node.but(status=ends.get(node.role, NodeStatus.COMPLETED)) for node in ready}
        )


def chain(**waits_for: tuple[str, ...]) -> tuple[ExecutionGraph, WorkReport]:
    report = make_report({role: make_status(5, dependencies=others) for role, others in waits_for.items()})
    return build_graph(report, "1", NOW), report


def skipped(graph: ExecutionGraph) -> dict[str, str | None]:
    return {node.role: node.note for node in graph.nodes if node.status is NodeStatus.SKIPPED}


class TestNextWave:
    def test_runs_every_wave_once_in_order(self) -> None:
        graph, report = chain(planner=(), communicator=(), builder=("planner",), reviewer=("builder",))
        ended, ran = run(graph, report)
        assert ran == [["planner", "communicator"], ["builder"], ["reviewer"]]
        assert skipped(ended) == {}

    @pytest.mark.parametrize(
        ("end", "how"), [(NodeStatus.FAILED, "failed"), (NodeStatus.CANCELLED, "was cancelled")]
    )
    def test_skips_what_depends_on_one_that_did_not_complete_and_runs_the_others(
        self, end: NodeStatus, how: str
    ) -> None:
        graph, report = chain(
            planner=(),
            communicator=(),
            builder=("planner",),
            reviewer=("builder",),
            gardener=("communicator",),
        )
        ended, ran = run(graph, report, planner=end)
        assert ran == [["planner", "communicator"], ["gardener"]]
        assert skipped(ended) == {
            "builder": f"depends on planner, which {how}",
            "reviewer": f"depends on builder, which depends on planner, which {how}",
        }
        assert {node.finished_at for node in ended.nodes if node.role in ("builder", "reviewer")} == {NOW + 1}

    def test_skips_what_has_no_work_any_more_and_says_why(self) -> None:
        graph, report = chain(planner=(), builder=("planner",))
        gone = make_report({"planner": make_status(5), "builder": make_status(reason="no pending todos")})
        ended, ran = run(graph, report, gone)
        assert ran == [["planner"]]
        assert skipped(ended) == {"builder": "no longer has work: no pending todos"}

    def test_one_whose_work_is_gone_keeps_nobody_waiting(self) -> None:
        graph, report = chain(planner=(), builder=("planner",), reviewer=("builder",))
        gone = make_report({**report.statuses, "builder": make_status(reason="no pending todos")})
        ended, ran = run(graph, report, gone)
        assert ran == [["planner"], ["reviewer"]]
        assert skipped(ended) == {"builder": "no longer has work: no pending todos"}

    def test_a_failure_is_seen_through_one_whose_work_is_gone_as_well(self) -> None:
        graph, report = chain(a=(), b=("a",), c=("b",))
        nothing = make_report({"a": make_status(5), "b": make_status(), "c": make_status(5)})
        ended, ran = run(graph, report, nothing, a=NodeStatus.FAILED)
        assert ran == [["a"]]
        assert skipped(ended)["c"] == "depends on b, which depends on a, which failed"

    def test_a_role_that_left_the_team_is_skipped(self) -> None:
        graph, report = chain(planner=(), gardener=("planner",))
        left = make_report({"planner": make_status(5)})
        ended, _ = run(graph, report, left)
        assert skipped(ended) == {"gardener": "role gardener is no longer in the team"}

    def test_what_is_marked_as_running_is_what_runs_now(self) -> None:
        graph = make_graph(
            [
                make_node("planner", status=NodeStatus.COMPLETED),
                make_node("communicator", status=NodeStatus.RUNNING),
                make_node("builder", wave=1),
            ]
        )
        report = make_report({role: make_status(5) for role in ("planner", "communicator", "builder")})
        _, ready = next_wave(graph, report, NOW)
        assert [node.role for node in ready] == ["communicator"]

    def test_a_graph_that_has_ended_stays_as_it_is(self) -> None:
        graph = make_graph([make_node("planner", status=NodeStatus.FAILED)])
        assert next_wave(graph, make_report(), NOW) == (graph, ())

    @given(acyclic(), st.data())
    def test_every_node_ends_and_runs_only_when_all_it_needs_has_completed(
        self, waits_for: dict[str, list[str]], data: st.DataObject
    ) -> None:
        graph, report = chain(**{role: tuple(others) for role, others in waits_for.items()})
        ends: dict[str, Any] = {
            role: data.draw(
                st.sampled_from([NodeStatus.COMPLETED, NodeStatus.FAILED, NodeStatus.CANCELLED]), label=role
            )
            for role in waits_for
        }
        ended, ran = run(graph, report, **ends)
        status = {node.role: node.status for node in ended.nodes}
        done = [role for wave in ran for role in wave]
        assert len(done) == len(set(done))
        assert all(each.ended for each in status.values())
        for role, others in waits_for.items():
            runs = all(status[other] is NodeStatus.COMPLETED for other in others)
            assert (role in done) == runs
            assert status[role] == (ends[role] if runs else NodeStatus.SKIPPED)
