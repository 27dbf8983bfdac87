"""The figures at the top, each with its healthy range."""

from dataclasses import dataclass

from recursor.domain.statistics import OrchestrationStats
from recursor.web.dashboard.parts import Badge, Box, Span
from recursor.web.dashboard.state_styles import in_words, percent

# The healthy ranges if agents ask models.
USUAL_SECONDS = (1.0, 10.0)
PARALLEL_ABOVE = 1.0
SUCCESS_ABOVE, SUCCESS_LOW = 0.95, 0.90


@dataclass(frozen=True, slots=True)
class _Verdict:
    word: str
    tone: str
    icon: str


_NOTHING = _Verdict("No cycles yet", "quiet", "minus")


class Cards:
    """Total cycles, average duration, parallel execution, success rate."""

    def __init__(self) -> None:
        """Build them, empty."""
        with Box(classes="cards"):
            self._cycles = _Card("Total cycles", "")
            self._duration = _Card("Average duration", "Healthy: 1 to 10 s")
            self._parallel = _Card("Parallel execution", "Healthy: above 1.0")
            self._success = _Card("Success rate", "Healthy: above 95 %")

    def show(self, stats: OrchestrationStats) -> None:
        """Show these figures."""
        self._cycles.show(
            f"{stats.cycles:,}", f"{stats.total_cycles:,} since the last start", _running(stats)
        )
        self._duration.show(in_words(stats.average_seconds), None, _duration(stats.average_seconds))
        parallel = stats.average_parallel
        self._parallel.show("—" if parallel is None else f"{parallel:.1f}", None, _parallel(parallel))
        self._success.show(percent(stats.success_rate), None, _success(stats.success_rate))


class _Card:
    def __init__(self, name: str, healthy: str) -> None:
        with Box(classes="card figure"):
            Span(name, "figure-name")
            with Box(classes="figure-line"):
                self._value = Span("—", "figure-value")
                self._verdict = Badge()
            self._note = Span(healthy, "muted figure-note")

    def show(self, value: str, note: str | None, verdict: _Verdict) -> None:
        self._value.text = value
        if note is not None:
            self._note.text = note
        self._verdict.say(verdict.word, verdict.tone, verdict.icon)


def _running(stats: OrchestrationStats) -> _Verdict:
    if not stats.cycles:
        return _NOTHING
    failed = f"{stats.failed:,} failed"
    return _Verdict(failed, "bad", "cross") if stats.failed else _Verdict("None failed", "good", "check")


def _duration(seconds: float | None) -> _Verdict:
    if seconds is None:
        return _NOTHING
    low, high = USUAL_SECONDS
    if seconds > high:
        return _Verdict("Slow", "warn", "alert")
    # A team without a model finishes in milliseconds: faster than usual is no problem.
    return _Verdict("Quick", "good", "check") if seconds < low else _Verdict("Healthy", "good", "check")


def _parallel(parallel: float | None) -> _Verdict:
    if parallel is None:
        return _NOTHING
    if parallel > PARALLEL_ABOVE:
        return _Verdict("Healthy", "good", "check")
    return _Verdict("One at a time", "warn", "alert")


def _success(rate: float | None) -> _Verdict:
    if rate is None:
        return _NOTHING
    if rate > SUCCESS_ABOVE:
        return _Verdict("Healthy", "good", "check")
    return (
        _Verdict("Low", "bad", "cross") if rate < SUCCESS_LOW else _Verdict("Below healthy", "warn", "alert")
    )
