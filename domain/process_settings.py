"""What `recursor run` takes besides what an orchestrator does, and what a query of it may take."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from recursor.domain.record import Line, Record
from recursor.domain.settings import RunnerSettings


class ProcessSettings(RunnerSettings):
    """What `recursor run` takes besides: where it keeps its data and serves, and how it ends."""

    data: Path = Path(".recursor")
    """The data directory. Every command uses it."""
    team: Line | None = None
    """The team of all stacks, or roles to be added to the standard one: `MODULE:NAME`, or an entry point of
    `recursor.roles`. Not given: the standard team."""
    agent_processes: int = Field(default=0, ge=0, le=64)
    """Further processes that agents run in when they ask models, for machines with several cores. Each takes
    about 130 MB. 0: all run in the runner's own, which makes forty to fifty calls of models a second."""
    host: str = Field(default="127.0.0.1", min_length=1, max_length=253)
    """The address to serve on. Others than this machine's loopback want a token."""
    allowed_hosts: tuple[Line, ...] = ()
    """Further names under which the runner may be asked, such as that of a proxy before it."""
    port: int | None = Field(default=None, ge=0, le=65_535)
    """Where to serve; 0 for any free port. Not given: 3002, or any free one if that is taken."""
    token_file: Path | None = None
    """A file with the token that clients must show; RECURSOR_TOKEN comes before it."""
    grace: float = Field(default=10.0, ge=0)
    """Seconds that running agents may take at the end."""
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """The least serious thing that is logged on stderr."""
    log_format: Literal["auto", "human", "json"] = "auto"
    """What stderr is logged on as; auto: for people on a terminal, else JSON."""
    otlp_endpoint: str | None = None
    """Where OpenTelemetry's traces and metrics go; OTEL_EXPORTER_OTLP_ENDPOINT works, too."""
    log_file: bool = True
    """Whether a log is kept in the data directory, too: `logs/recursor.log`, at most 50 MB."""


class SqlSettings(Record):
    """What one SQL query may take."""

    seconds: float = Field(default=10.0, gt=0, le=3600)
    """Time limit of a query, reading the store included."""
    rows: int = Field(default=10_000, ge=1, le=10_000_000)
    """Most rows of a result; what is more is cut off, and the result says so."""
    result_bytes: int = Field(default=16 * 1024 * 1024, ge=1024)
    """Most bytes of a result, as JSON; likewise."""
    memory_bytes: int = Field(default=1024 * 1024 * 1024, ge=64 * 1024 * 1024)
    """Memory for the tables a query reads and for what it makes of them."""
    at_a_time: int = Field(default=2, ge=1, le=64)
    """Queries that the HTTP API runs at a time; what comes beyond is told to try again."""
