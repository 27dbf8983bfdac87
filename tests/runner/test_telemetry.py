"""Traces and metrics of real cycles, in memory and over OTLP/HTTP; off, and gone, unless wanted."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from recursor.actors.messages import CreateStack
from recursor.actors.orchestrator import Orchestrator
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome, SetPhase
from recursor.domain.errors import InvalidInputError
from recursor.domain.events import CycleFinished, CycleStarted, NodeFinished
from recursor.domain.graph import ExecutionGraph, Node, Usage
from recursor.domain.new_records import new_idea, new_stack
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase
from recursor.runner.team import standard_team
from recursor.runner.telemetry import TelemetrySettings
from recursor.runner.telemetry_events import Telemetry
from recursor.runner.telemetry_export import Providers
from recursor.storage.opening import memory_store
from recursor.storage.stacks import read_stack
from tests.making import NOW, STACK
from tests.processes import Done, environment, wait_for

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


USAGE = Usage(model="openai:gpt-5-mini", input_tokens=1200, output_tokens=340, cost=Decimal("0.00098"))


class Agent:
    """Completes the project, or fails where it is told to."""

    def __init__(self, fail: bool) -> None:
        self._fail = fail

    def run(self, _snapshot: Snapshot, _run: Run) -> Outcome:
        if self._fail:
            raise RuntimeError("no luck")
        return Outcome(effects=(SetPhase(phase=Phase.COMPLETE),), summary="planned", usage=USAGE)


@contextmanager
def told(fail: bool) -> Iterator[tuple[InMemorySpanExporter, InMemoryMetricReader, str, str]]:
    """What is told of one stack until its first cycle has ended."""
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    agents = dict.fromkeys(("planner", "builder", "communicator", "reviewer"), Agent(fail))
    with closing(memory_store()) as store:
        orchestrator = Orchestrator.start(store=store, roles=standard_team(agents))
        providers = Providers.of(SimpleSpanProcessor(spans), reader)
        stack = new_stack("garden", NOW)
        try:
            with Telemetry(orchestrator, store, providers):
                orchestrator.ask(CreateStack(stack, new_idea(stack.id, "trees", NOW), start=True))

                def ended() -> bool:
                    with store.read() as snapshot:
                        return read_stack(snapshot, stack.id).total_cycles > 0

                wait_for(ended)
                wait_for(lambda: any(span.name == "cycle" for span in spans.get_finished_spans()))
                yield spans, reader, stack.id, stack.name
        finally:
            orchestrator.stop()


def metrics(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name: list(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


@pytest.mark.parametrize("fail", [False, True])
def test_a_cycle_is_a_trace_of_waves_and_agents(fail: bool) -> None:
    with told(fail) as (spans, _, stack_id, name):
        found = {span.name: span for span in reversed(spans.get_finished_spans())}
    cycle, wave, agent = found["cycle"], found["wave"], found["agent planner"]
    assert cycle.parent is None
    assert wave.parent is not None
    assert agent.parent is not None
    assert (wave.parent.span_id, agent.parent.span_id) == (cycle.context.span_id, wave.context.span_id)
    assert cycle.start_time <= wave.start_time <= agent.start_time <= agent.end_time <= cycle.end_time
    status = "failed" if fail else "completed"
    for span in (cycle, wave, agent):
        assert (span.attributes["recursor.stack.id"], span.attributes["recursor.stack.name"]) == (
            stack_id,
            name,
        )
        assert span.attributes["recursor.execution.id"] == cycle.attributes["recursor.execution.id"]
    assert (cycle.attributes["recursor.cycle.number"], cycle.attributes["recursor.status"]) == (1, status)
    assert cycle.attributes["recursor.decision"] == "pause"
    assert cycle.attributes["recursor.decision.reason"]
    assert (agent.attributes["recursor.role"], agent.attributes["recursor.status"]) == ("planner", status)
    assert agent.attributes["recursor.reason"].startswith("no pending todos")
    assert (agent.status.status_code.name == "ERROR", cycle.status.status_code.name == "ERROR") == (
        fail,
        fail,
    )
    if fail:
        assert agent.status.description == "RuntimeError: no luck"
        assert agent.attributes["error.type"] == "RuntimeError"


def test_each_of_several_builders_has_a_span() -> None:
    spans = InMemorySpanExporter()
    nodes = tuple(
        Node(role="builder", todo_id=todo_id, priority=6, reason="2 todos", wave=0)
        for todo_id in ("a1", "a2")
    )
    graph = ExecutionGraph(id="e", stack_id=STACK, created_at=NOW, nodes=nodes)
    ended = {"stack_id": STACK, "at": NOW + 2, "execution_id": "e", "status": "completed", "seconds": 1.0}
    with closing(memory_store()) as store:
        orchestrator = Orchestrator.start(store=store, roles=standard_team())
        try:
            telemetry = Telemetry(orchestrator, store, Providers.of(SimpleSpanProcessor(spans), None))
            telemetry.take(CycleStarted(stack_id=STACK, at=NOW, execution_id="e", number=1, graph=graph))
            for todo_id in ("a1", "a2"):
                telemetry.take(NodeFinished(**ended, role="builder", todo_id=todo_id))
            telemetry.take(CycleFinished(**ended, number=1, decision=None))
        finally:
            orchestrator.stop()
    found = [span.attributes for span in spans.get_finished_spans() if span.name == "agent builder"]
    assert {attributes["recursor.todo.id"] for attributes in found if attributes} == {"a1", "a2"}


def test_what_models_cost_is_on_the_agents_span_and_counted_by_model() -> None:
    with told(fail=False) as (spans, reader, _, _):
        (agent,) = [span for span in spans.get_finished_spans() if span.name == "agent planner"]
        found = metrics(reader)
    used = {key: value for key, value in agent.attributes.items() if "gen_ai" in key or "cost" in key}
    assert used == {
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.usage.input_tokens": 1200,
        "gen_ai.usage.output_tokens": 340,
        "recursor.cost.dollars": 0.00098,
    }
    tokens = {point.attributes["gen_ai.token.type"]: point.value for point in found["recursor.tokens"]}
    assert tokens == {"input": 1200, "output": 340}
    (cost,) = found["recursor.cost"]
    assert (cost.value, cost.attributes["gen_ai.request.model"]) == (0.00098, "openai:gpt-5-mini")


def test_figures_are_those_of_the_cycles() -> None:
    with told(fail=True) as (_, reader, _, _):
        found = metrics(reader)
        (run,) = found["recursor.agent.runs"]
        assert (run.value, dict(run.attributes)) == (1, {"role": "planner", "status": "failed"})
        (duration,) = found["recursor.cycle.duration"]
        assert (duration.count, dict(duration.attributes)) == (1, {"status": "failed"})
        cycles = {point.attributes["status"]: point.value for point in found["recursor.cycles"]}
        assert cycles == {"completed": 0, "failed": 1, "cancelled": 0, "waiting": 0}
        assert found["recursor.stacks.active"][0].value == 1
        assert found["recursor.agents.queued"][0].value == 0
        assert found["recursor.agent.duration"][0].count == 1


class Collector(HTTPServer):
    """A receiver of OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receive)
        self.received: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Receive(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        self.server.received.append((self.path, body))
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("how", ["variable", pytest.param("option", marks=pytest.mark.slow)])
def test_a_runner_sends_both_to_a_collector(
    recursor: Callable[..., Done], collector: Collector, how: str
) -> None:
    command = ("run", "--idea", "notes", "--until-done", "--port", "0", "--json")
    if how == "variable":
        done = recursor(*command, **{ENDPOINT: collector.url, "OTEL_SERVICE_NAME": "ours"})
    else:
        done = recursor(*command, "--otlp-endpoint", collector.url)
    assert done.code == 0, done.err
    assert done.err == ""
    traces, sums = ExportTraceServiceRequest(), ExportMetricsServiceRequest()
    for path, body in collector.received:
        (traces if path == "/v1/traces" else sums).MergeFromString(body)
    spans = [s for resource in traces.resource_spans for scope in resource.scope_spans for s in scope.spans]
    assert sum(span.name == "cycle" for span in spans) == done.json["cycles"]
    assert sum(span.name.startswith("agent ") for span in spans) == done.json["agent_runs"]
    service = {a.key: a.value.string_value for a in traces.resource_spans[0].resource.attributes}
    assert service["service.name"] == ("ours" if how == "variable" else "recursor")
    names = {m.name for r in sums.resource_metrics for scope in r.scope_metrics for m in scope.metrics}
    assert {"recursor.cycles", "recursor.agent.duration", "recursor.agent.runs"} <= names


@pytest.mark.slow
def test_a_collector_that_is_away_holds_up_nobody(recursor: Callable[..., Done]) -> None:
    done = recursor(
        "run",
        "--idea",
        "notes",
        "--until-done",
        "--port",
        "0",
        "--json",
        "--otlp-endpoint",
        "http://127.0.0.1:9",
    )
    assert done.code == 0
    assert done.json["done"]


def test_what_is_not_an_endpoint_is_refused(recursor: Callable[..., Done], data: Path) -> None:
    done = recursor("run", "--until-done", "--otlp-endpoint", "collector")
    assert done.complaint.startswith("--otlp-endpoint: 'collector' is not a URL")
    assert not data.exists()


@pytest.mark.parametrize(
    ("variables", "traces", "metrics"),
    [
        ({}, False, False),
        ({ENDPOINT: ""}, False, False),
        ({ENDPOINT: "http://x"}, True, True),
        ({ENDPOINT: "http://x", "OTEL_SDK_DISABLED": "true"}, False, False),
        ({ENDPOINT: "http://x", "OTEL_METRICS_EXPORTER": "none"}, True, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, False, True),
    ],
)
def test_it_is_wanted_as_its_own_variables_say(
    variables: dict[str, str], traces: bool, metrics: bool
) -> None:
    found = TelemetrySettings(variables)
    assert (found.traces, found.metrics) == (traces, metrics)


def test_an_endpoint_is_a_url() -> None:
    with pytest.raises(InvalidInputError, match="is not a URL"):
        TelemetrySettings({}, "localhost:4318")


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
from recursor.cli.app import main
main()
"""

NOT_IMPORTED = """
import sys
import recursor.runner.session, recursor.runner.telemetry
from recursor.runner.telemetry import TelemetrySettings
assert TelemetrySettings({}).watcher() == []
sys.exit(any(name.startswith("opentelemetry") for name in sys.modules))
"""


def test_what_is_missing_is_named_with_its_remedy(data: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "run", "--until-done", "--port", "0", "--data", str(data)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(**{ENDPOINT: "http://127.0.0.1:9"}),
    )
    assert done.returncode == 1
    assert done.stderr == (
        f'recursor: {ENDPOINT}: OpenTelemetry needs recursor[otel]: pip install "recursor[otel]"\n'
    )


def test_nothing_is_imported_unless_it_is_wanted() -> None:
    assert subprocess.run([sys.executable, "-c", NOT_IMPORTED], check=False).returncode == 0
