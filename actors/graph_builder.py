"""The graph builder: makes a cycle's execution graph from the work status."""

from typing import Any

from recursor.actors.environment import Environment
from recursor.actors.stack_messages import BuildGraph
from recursor.domain.graph import ExecutionGraph
from recursor.orchestration.graph import Waves, build_graph, compute_waves
from recursor.runtime.actor import DispatchedActor

# A team of ten roles has a thousand possible sets of roles with work, but meets only a few.
MOST_KEPT = 256


class GraphBuilder(DispatchedActor):
    """Answers `BuildGraph`. Caches the waves of every set of roles and dependencies."""

    listed = False

    def __init__(self, environment: Environment) -> None:
        super().__init__(dispatcher=environment.runtime.control)
        self._clock = environment.runtime.clock
        self._waves: dict[tuple[tuple[str, tuple[str, ...]], ...], Waves] = {}

    def on_receive(self, message: Any) -> ExecutionGraph:
        """Return the graph for a work status."""
        assert isinstance(message, BuildGraph)
        return build_graph(message.report, message.graph_id, self._clock.now(), self._waves_of)

    def _waves_of(self, waits_for: dict[str, list[str]]) -> Waves:
        key = tuple([(role, tuple(others)) for role, others in waits_for.items()])
        waves = self._waves.get(key)
        if waves is None:
            if len(self._waves) >= MOST_KEPT:
                self._waves.clear()
            waves = self._waves[key] = compute_waves(waits_for)
        return waves
