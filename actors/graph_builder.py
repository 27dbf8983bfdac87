"""The graph builder: makes the execution graph of a cycle from the work status."""

from typing import ClassVar

from recursor.actors.control_actor import ControlActor
from recursor.actors.environment import Environment
from recursor.actors.stack_messages import BuildGraph
from recursor.domain.graph import ExecutionGraph
from recursor.orchestration.graph import build_graph


class GraphBuilder(ControlActor):
    """Answers `BuildGraph`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(dispatcher=environment.control)
        self._clock = environment.clock

    def _build(self, message: BuildGraph) -> ExecutionGraph:
        return build_graph(message.report, message.graph_id, self._clock.now())

    handlers: ClassVar = {BuildGraph: _build}
