"""OpenTelemetry's providers: make traces and metrics, and send them without delaying anything."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

NAME = "recursor"

# Seconds for the last batch at the end: an unreachable collector must not delay the runner.
FAREWELL_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Providers:
    """The makers of spans and instruments. Nothing global is set."""

    traces: TracerProvider | None
    metrics: MeterProvider | None

    @classmethod
    def sending(cls, endpoint: str | None, *, traces: bool, metrics: bool) -> Providers:
        """Return providers that send batches over OTLP/HTTP, and drop those that a collector does not take.

        Args:
            endpoint: the collector's URL; None: from OpenTelemetry's variables.
            traces: whether to send traces.
            metrics: whether to send metrics.
        """
        at = None if endpoint is None else endpoint.rstrip("/")
        return cls.of(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=at and f"{at}/v1/traces")) if traces else None,
            PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=at and f"{at}/v1/metrics"))
            if metrics
            else None,
        )

    @classmethod
    def of(cls, spans: SpanProcessor | None, reader: MetricReader | None) -> Providers:
        """Return providers that pass spans to a processor, and metrics to a reader."""
        resource = _resource()
        tracing = None
        if spans is not None:
            tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
            tracing.add_span_processor(spans)
        measuring = None
        if reader is not None:
            measuring = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        return cls(tracing, measuring)

    def tracer(self) -> Tracer | None:
        """Return the maker of spans; None if none are wanted."""
        return None if self.traces is None else self.traces.get_tracer(NAME, _version())

    def meter(self) -> Meter | None:
        """Return the maker of instruments; None if none are wanted."""
        return None if self.metrics is None else self.metrics.get_meter(NAME, _version())

    def close(self) -> None:
        """Send the rest, for some seconds at most."""
        closing = [
            threading.Thread(target=provider.shutdown, name="recursor-telemetry-farewell", daemon=True)
            for provider in (self.traces, self.metrics)
            if provider is not None
        ]
        for thread in closing:
            thread.start()
        deadline = time.monotonic() + FAREWELL_SECONDS
        for thread in closing:
            thread.join(max(deadline - time.monotonic(), 0))


def _resource() -> Resource:
    attributes: dict[str, str] = {"service.version": _version()}
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    if not named:
        attributes["service.name"] = NAME
    return Resource.create(attributes)


def _version() -> str:
    try:
        return version("recursor")
    except PackageNotFoundError:
        return "unknown"
