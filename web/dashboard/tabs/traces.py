"""The tab of the traces: agents' thoughts and actions."""

from recursor.storage.stacks import read_stack
from recursor.storage.tables import STATES
from recursor.storage.trace_search import LOOKED_THROUGH, search_traces
from recursor.web.dashboard.age_pager import AgePager
from recursor.web.dashboard.parts import Box, Button, Empty, Field
from recursor.web.dashboard.tabs.trace_rows import TraceList, TraceRows
from recursor.web.dashboard.team.tab import Tab

ROWS = 30

_USUAL_ROLES = ("planner", "builder", "communicator", "reviewer")


class TracesTab(Tab):
    """Finds traces by role and text, newest first, in pages."""

    slug, title, icon = "traces", "Traces", "search"

    def build(self) -> None:
        """See `Tab.build`."""
        self._rows = TraceRows(self.team.path)
        query = self.team.address.query
        with Box("section", "section card card--flush", aria_label="Traces"):
            with Box(classes="toolbar"):
                self._text = Field(
                    "Search in traces", "search", value=query.get("text", ""), bare=True, wait=0.2,
                    placeholder="Search in summaries, thoughts and effects", on_change=self._search_for,
                )  # fmt: skip
                self._role = Field(
                    "Role", "select", value=query.get("role", ""), options=self._roles(), bare=True,
                    on_change=self._choose_role,
                )  # fmt: skip
            self._list = TraceList(self.refresh)
            self._none = Box()
            self._pages = AgePager("traces", self.team.address, self.refresh)
        self._shown_none = ""
        self.refresh()

    def refresh(self) -> None:
        """See `Tab.refresh`."""
        query = self.team.address.query
        role, text, before = query.get("role"), query.get("text"), query.get("before")
        with self.team.read() as reader:
            found = search_traces(reader, self.team.id, role=role, text=text, before=before, limit=ROWS)
            opened = self._list.opened
            rows = [self._rows.row(reader, each, opened=each.id in opened) for each in found.traces]
        self._list.show(rows)
        self._list.set_visibility(bool(rows))
        # A full page may have been the last one: a press shows that.
        self._pages.show("Older ones" if before else "The newest", found.before)
        if rows:
            self._say_none("")
        elif found.before is not None:
            self._say_none("go on")
        else:
            self._say_none("not found" if role or text or before else "none")

    def address_changed(self) -> None:
        """See `Tab.address_changed`."""
        query = self.team.address.query
        self._text.value = query.get("text", "")
        self._role.value = query.get("role", "")
        self.refresh()

    def _roles(self) -> dict[str, str]:
        with self.team.read() as reader:
            read_stack(reader, self.team.id)
            known = set(STATES.keys(reader, self.team.id))
        chosen = self.team.address.get("role")
        further = sorted((known | ({chosen} if chosen else set())) - set(_USUAL_ROLES))
        return {"": "Every role", **{role: role.capitalize() for role in (*_USUAL_ROLES, *further)}}

    def _say_none(self, what: str) -> None:
        if what == self._shown_none:
            return
        self._shown_none = what
        self._none.clear()
        with self._none:
            if what == "none":
                Empty(
                    "search", "No traces yet",
                    "Each run of an agent leaves a trace of its thoughts and actions. Press Start to begin.",
                )  # fmt: skip
            elif what == "go on":
                Empty(
                    "search", "No match in the newest traces",
                    f"{LOOKED_THROUGH:,} traces were searched. Press Older to continue.",
                )  # fmt: skip
            elif what:
                with Empty("search", "No matching traces", "Change the search, or choose all roles."):
                    Button("Show all traces", self._show_all)

    def _search_for(self, text: str) -> None:
        self._filter(text=text.strip())

    def _choose_role(self, role: str) -> None:
        self._filter(role=role)

    def _show_all(self) -> None:
        self._filter(text=None, role=None)
        self.address_changed()

    def _filter(self, **changes: str | None) -> None:
        self._pages.filter(**changes)
        self.refresh()
