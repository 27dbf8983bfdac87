"""Settings of `recursor run` beyond those of an orchestrator, and limits of its queries."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from recursor.domain.record import Line, Record
from recursor.domain.settings import RunnerSettings


class ProcessSettings(RunnerSettings):
    """Settings of `recursor run` beyond those of an orchestrator: data directory, address, team, shutdown."""

    data: Path = Path(".recursor")
    """The data directory of every command."""
    team: Line | None = None
    """The team of all stacks, or roles to add to the standard team: `MODULE:NAME`, or an entry point of
    `recursor.roles`. Default: the standard team."""
    agent_processes: int = Field(default=0, ge=0, le=64)
    """Processes for agents that ask models, for machines with several cores. Each takes about 130 MB. 0: they
    run in the runner's process, which makes forty to fifty calls a second."""
    host: str = Field(default="127.0.0.1", min_length=1, max_length=253)
    """The address to serve on. Any other than the loopback address needs a token."""
    allowed_hosts: tuple[Line, ...] = ()
    """Further host names of the runner, such as that of a proxy."""
    port: int | None = Field(default=None, ge=0, le=65_535)
    """The port to serve on; 0: any free one. Default: 3002, or any free one if 3002 is taken."""
    token_file: Path | None = None
    """A file with the token that clients must show. RECURSOR_TOKEN overrides it."""
    grace: float = Field(default=10.0, ge=0)
    """Seconds that running agents get to finish at the end."""
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """The lowest level that is logged to stderr."""
    log_format: Literal["auto", "human", "json"] = "auto"
    """The format of stderr. auto: for people on a terminal, else JSON."""
    otlp_endpoint: str | None = None
    """Endpoint for OpenTelemetry traces and metrics, as OTEL_EXPORTER_OTLP_ENDPOINT."""
    log_file: bool = True
    """Whether a log is also written to the data directory: `logs/recursor.log`, at most 50 MB."""


class SqlSettings(Record):
    """Limits of SQL queries."""

    seconds: float = Field(default=10.0, gt=0, le=3600)
    """Time limit of a query in seconds, including reading the store."""
    rows: int = Field(default=10_000, ge=1, le=10_000_000)
    """Most rows of a result. A longer one is cut, and marked as truncated."""
    result_bytes: int = Field(default=16 * 1024 * 1024, ge=1024)
    """Most bytes of a result as JSON. A larger one is cut, and marked as truncated."""
    memory_bytes: int = Field(default=1024 * 1024 * 1024, ge=64 * 1024 * 1024)
    """Memory of a query, in bytes."""
    at_a_time: int = Field(default=2, ge=1, le=64)
    """Concurrent queries of the HTTP API. Further ones are refused and can be retried."""
