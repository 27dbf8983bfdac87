"""Whether OpenTelemetry is wanted; its packages are imported only then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from recursor.domain.errors import InvalidInputError
from recursor.domain.extras import needing

if TYPE_CHECKING:
    from recursor.runner.process import Runner

_ENDPOINTS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)


class TelemetrySettings:
    """The targets of traces and metrics, from OpenTelemetry's own variables and a runner's option."""

    def __init__(self, environment: Mapping[str, str], endpoint: str | None = None) -> None:
        """Read the variables.

        Args:
            environment: the variables
                (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
            endpoint: the collector's URL; it takes precedence over the variables.

        Raises:
            InvalidInputError: it is not a URL.
        """
        named = next((name for name in _ENDPOINTS if environment.get(name)), None)
        if endpoint is not None and not endpoint.startswith(("http://", "https://")):
            raise InvalidInputError(
                f"--otlp-endpoint: {endpoint[:80]!r} is not a URL: give for example http://127.0.0.1:4318"
            )
        self.endpoint = endpoint
        self.origin = "--otlp-endpoint" if endpoint is not None else named
        disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        wanted = self.origin is not None and not disabled
        self.traces = wanted and environment.get("OTEL_TRACES_EXPORTER", "otlp") != "none"
        self.metrics = wanted and environment.get("OTEL_METRICS_EXPORTER", "otlp") != "none"

    def watcher(self) -> list[Callable[[Runner], AbstractContextManager[object]]]:
        """Return the watchers of a runner, from `with` to its end; none if nothing is wanted.

        Raises:
            ExtraMissingError: OpenTelemetry is not installed.
        """
        if not (self.traces or self.metrics):
            return []
        with needing("otel", f"{self.origin}: OpenTelemetry"):
            from recursor.runner.telemetry_events import Telemetry
            from recursor.runner.telemetry_export import Providers
        providers = Providers.sending(self.endpoint, traces=self.traces, metrics=self.metrics)
        return [lambda runner: Telemetry(runner.orchestrator, runner.store, providers)]
