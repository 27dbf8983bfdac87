"""From work status to a graph in waves, and from a graph to the next nodes to run."""

from collections.abc import Callable
from graphlib import TopologicalSorter

from recursor.domain.graph import ExecutionGraph, Node, NodeStatus
from recursor.domain.work import WorkReport

Waves = list[list[str]]

# Graphs are copies of these, since their parts are already validated.
_NODE = Node(role="role", priority=0, reason="", wave=0)
_GRAPH = ExecutionGraph(id="", stack_id="", created_at=0.0, nodes=())


def build_graph(
    report: WorkReport,
    graph_id: str,
    now: float,
    waves_of: Callable[[dict[str, list[str]]], Waves] | None = None,
) -> ExecutionGraph:
    """Return one node per role with work, each in the earliest wave its dependencies allow.

    A role whose work consists of several todos gets a node for each, all in the same wave.

    A dependency on a role without work is satisfied: the role is not in the graph.

    Args:
        report: the work status of all roles.
        graph_id: the id of the cycle that the graph is for.
        now: seconds since the epoch, UTC.
        waves_of: computes the waves; by default `compute_waves`.

    Raises:
        graphlib.CycleError: the dependencies form a cycle; a role registry prevents that.
    """
    statuses, roles = report.statuses, report.roles_with_work()
    waits_for = {role: [d for d in statuses[role].dependencies if d in roles] for role in roles}
    nodes = []
    for number, wave in enumerate((waves_of or compute_waves)(waits_for)):
        for role in wave:
            status = statuses[role]
            node = _NODE.but(
                role=role,
                priority=status.priority,
                reason=status.reason,
                dependencies=tuple(waits_for[role]),
                wave=number,
            )
            if status.todos:
                nodes += [node.but(todo_id=todo_id) for todo_id in status.todos]
            else:
                nodes.append(node)
    return _GRAPH.but(id=graph_id, stack_id=report.stack_id, created_at=now, nodes=tuple(nodes))


def compute_waves(waits_for: dict[str, list[str]]) -> Waves:
    """Return the generations of a dependency graph: each wave depends only on earlier waves.

    Args:
        waits_for: role → the roles it waits for. Waves keep the order of the keys.

    Raises:
        graphlib.CycleError: the graph has a cycle.
    """
    sorter = TopologicalSorter(waits_for)
    sorter.prepare()
    order = {role: index for index, role in enumerate(waits_for)}
    waves: list[list[str]] = []
    while sorter.is_active():
        ready = sorter.get_ready()
        waves.append(sorted(ready, key=order.__getitem__))
        sorter.done(*ready)
    return waves


def next_wave(
    graph: ExecutionGraph, report: WorkReport, now: float
) -> tuple[ExecutionGraph, tuple[Node, ...]]:
    """Skip nodes that should no longer run, and return the graph with the nodes to run now.

    A node is skipped when a role it depends on did not complete, or when its role no longer has work, or none
    for its todo. A role completed if one of its nodes did. Without nodes to run, the graph has ended.

    Args:
        graph: the graph as it is.
        report: the work status now.
        now: seconds since the epoch, UTC.
    """
    while pending := graph.unfinished_wave():
        skipped = {
            node.key: node.but(status=NodeStatus.SKIPPED, finished_at=now, note=reason)
            for node in pending
            if (reason := _reason_to_skip(node, graph, report)) is not None
        }
        if not skipped:
            return graph, pending
        graph = graph.replacing(skipped)
        ready = tuple([node for node in pending if node.key not in skipped])
        if ready:
            return graph, ready
    return graph, ()


def _reason_to_skip(node: Node, graph: ExecutionGraph, report: WorkReport) -> str | None:
    if node.dependencies:
        obstacle = _obstacle(node, graph)
        if obstacle is not None:
            return f"depends on {obstacle}"
    status_now = report.statuses.get(node.role)
    if status_now is None:
        return f"role {node.role} is no longer in the team"
    if not status_now.has_work:
        return f"no longer has work: {status_now.reason}"
    if node.todo_id is not None and node.todo_id not in status_now.todos:
        return f"no longer works on todo {node.todo_id}: {status_now.reason}"
    return None


def _obstacle(node: Node, graph: ExecutionGraph) -> str | None:
    """Return the dependency, direct or indirect, that keeps the node from running; roles without work do
    not."""
    for role in node.dependencies:
        obstacles = [_obstacle_in(each, graph) for each in graph.nodes if each.role == role]
        if obstacles and all(obstacles):
            return obstacles[0]
    return None


def _obstacle_in(node: Node, graph: ExecutionGraph) -> str | None:
    """Return the obstacle that a node is for those that depend on it."""
    match node.status:
        case NodeStatus.FAILED:
            return f"{node.role}, which failed"
        case NodeStatus.WAITING:
            return f"{node.role}, which waits"
        case NodeStatus.CANCELLED:
            return f"{node.role}, which was cancelled"
        case NodeStatus.SKIPPED if (further := _obstacle(node, graph)) is not None:
            return f"{node.role}, which depends on {further}"
        case _:
            return None
