"""The tab of the project: the idea, and the planner's description."""

from recursor.domain.project import ProjectIdea
from recursor.domain.stack import ExecutionState, Stack
from recursor.storage.stacks import read_stack
from recursor.storage.tables import IDEAS
from recursor.web.dashboard.parts import Box, Empty, Section, Span
from recursor.web.dashboard.tabs.idea import Idea
from recursor.web.dashboard.tabs.phase_steps import PhaseSteps
from recursor.web.dashboard.team.tab import Tab


class ProjectTab(Tab):
    """The idea, and the plan."""

    slug, title, icon = "project", "Project", "bulb"

    def build(self) -> None:
        """See `Tab.build`."""
        self._features: tuple[str, ...] = ()
        with Box("section", "section card", aria_label="Progress"):
            self._phases = PhaseSteps()
        with Box(classes="project"):
            self._idea = Idea(self.team)
            with Section("The planner's description"), Box(classes="card"):
                with Box(classes="plan") as self._plan:
                    self._title = Span("", "plan-title", tag="h3", dir="auto")
                    self._description = Span("", "written soft", tag="p", dir="auto")
                    self._list = Box("ul", "plan-features", aria_label="Features")
                self._none = Box()
        self._said_none = ""
        self.refresh()

    def refresh(self) -> None:
        """See `Tab.refresh`."""
        with self.team.read() as reader:
            stack = read_stack(reader, self.team.id)
            idea = IDEAS.get(reader, self.team.id)
        self._phases.show(stack.phase)
        self._idea.show(idea, stack)
        planned = idea is not None and idea.title is not None
        self._plan.set_visibility(planned)
        if idea is not None and planned:
            self._show_plan(idea)
        self._say_none("" if planned else _why_no_plan(stack))

    def _show_plan(self, idea: ProjectIdea) -> None:
        self._title.text = idea.title or ""
        self._description.text = idea.description
        self._description.set_visibility(bool(idea.description))
        if idea.features != self._features:
            self._features = idea.features
            self._list.clear()
            with self._list:
                for feature in idea.features:
                    Span(feature, "written", tag="li", dir="auto")

    def _say_none(self, why: str) -> None:
        if why != self._said_none:
            self._said_none = why
            self._none.clear()
            if why:
                with self._none:
                    Empty("clock", "Not planned yet", why)


def _why_no_plan(stack: Stack) -> str:
    match stack.state:
        case ExecutionState.IDLE | ExecutionState.STOPPED:
            return "Press Start, and the planner describes the project."
        case ExecutionState.PAUSED:
            return "Press Resume, and the planner describes the project."
        case ExecutionState.RUNNING:
            return "The planner will describe the project soon."
