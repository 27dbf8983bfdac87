"""The tabs of a team's page, in their order."""

from recursor.web.dashboard.orchestration.tab import OrchestrationTab
from recursor.web.dashboard.tabs.approvals import ApprovalsTab
from recursor.web.dashboard.tabs.artifacts import ArtifactsTab
from recursor.web.dashboard.tabs.files import FilesTab
from recursor.web.dashboard.tabs.messages import MessagesTab
from recursor.web.dashboard.tabs.project import ProjectTab
from recursor.web.dashboard.tabs.settings import SettingsTab
from recursor.web.dashboard.tabs.todos import TodosTab
from recursor.web.dashboard.tabs.traces import TracesTab
from recursor.web.dashboard.team.tab import Tab

TABS: tuple[type[Tab], ...] = (
    OrchestrationTab,
    TodosTab,
    ProjectTab,
    MessagesTab,
    ArtifactsTab,
    FilesTab,
    ApprovalsTab,
    TracesTab,
    SettingsTab,
)
