"""The Orchestration tab."""

from dataclasses import dataclass

from recursor.domain.spending import StackSpending
from recursor.domain.statistics import OrchestrationStats, SpanStats
from recursor.storage.queries import orchestration_stats, stats_series
from recursor.web.dashboard.background_reader import BackgroundReader
from recursor.web.dashboard.orchestration.cards import Cards
from recursor.web.dashboard.orchestration.cycles import Cycles
from recursor.web.dashboard.orchestration.detail import Detail
from recursor.web.dashboard.orchestration.spending import SpendingSection
from recursor.web.dashboard.orchestration.trends import Trends
from recursor.web.dashboard.orchestration.work import Work
from recursor.web.dashboard.parts import Section, Segments
from recursor.web.dashboard.ranges import RANGES, USUAL, Range, range_of
from recursor.web.dashboard.team.tab import Tab


@dataclass(frozen=True, slots=True)
class _Figures:
    """A team's figures in a span of time, and its spending."""

    chosen: Range
    stats: OrchestrationStats
    spans: list[SpanStats]
    spending: StackSpending


class OrchestrationTab(Tab):
    """Figures, work status, every cycle, and trends."""

    slug, title, icon = "", "Orchestration", "graph"

    def build(self) -> None:
        """See `Tab.build`."""
        with Section("Statistics") as section:
            with section.head:
                names = {key: each.short for key, each in RANGES.items()}
                self._range = Segments(
                    "Time", names, self.team.address.get("range", USUAL), self._choose_range
                )
            self._cards = Cards()
        self._spending = SpendingSection(self.team)
        self._work = Work(self.team)
        self._cycles = Cycles(self.team)
        self._trends = Trends()
        self._detail = Detail(self.team, self._cycles)
        self._figures = BackgroundReader(section, self._read, self._show)
        if self._chosen().is_quickly_read:
            self._figures.show_now()
        else:
            self._figures.begin()
        self._detail.show()

    async def refresh(self) -> None:
        """See `Tab.refresh`."""
        self._detail.show()
        await self._figures.refresh()
        await self._cycles.refresh()
        await self._work.refresh()

    def address_changed(self) -> None:
        """See `Tab.address_changed`."""
        self._range.choose(self.team.address.get("range", USUAL))
        self._cycles.follow_address()
        self._figures.begin()
        self._detail.show()

    def _chosen(self) -> Range:
        return range_of(self.team.address.get("range", USUAL))

    async def _choose_range(self, value: str) -> None:
        self.team.address.set(range=None if value == USUAL else value, before=None)
        await self._figures.refresh()
        await self._cycles.refresh()

    def _read(self) -> _Figures:
        chosen, now = self._chosen(), self.team.engine.now()
        since = chosen.since(now)
        with self.team.read() as reader:
            return _Figures(
                chosen,
                orchestration_stats(reader, self.team.id, since, now),
                stats_series(reader, self.team.id, since, now, chosen.step),
                self._spending.read(reader),
            )

    def _show(self, found: _Figures) -> None:
        self._spending.show(found.spending, found.stats)
        self._cards.show(found.stats)
        self._trends.show(found.spans, found.chosen)
