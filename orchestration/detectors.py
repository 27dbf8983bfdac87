"""The detectors of the four standard roles. The highest rule that applies decides."""

import re
from functools import lru_cache
from unicodedata import normalize

from recursor.domain.agent_state import AgentState
from recursor.domain.message import UserMessage
from recursor.domain.project import ProjectIdea
from recursor.domain.settings import DetectionSettings, Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import StackKind
from recursor.domain.todo import TodoStatus
from recursor.domain.work import WorkStatus
from recursor.orchestration.workspace_detectors import detect_workspace_builder


def detect_planner(snapshot: Snapshot, settings: Settings, now: float) -> WorkStatus:
    """The planner: no idea, no todos left, a changed idea, recommendations, requests, a periodic check."""
    if snapshot.idea is None:
        return _work(10, "no project idea")
    if snapshot.workspace is not None and snapshot.workspace.tip is None:
        return _nothing("the repository is not made yet")
    if not snapshot.open_todos and not snapshot.stack.phase.is_final:
        return _work(9, "no pending todos, and the project is not complete")
    if _has_another_idea(snapshot.idea, snapshot.states.get("planner")):
        # This outranks any request: it changes what there is to build.
        return _work(8, "the idea changed")
    requested = _requests(snapshot, settings)
    if requested is not None:
        return requested
    return _periodic(
        snapshot, "planner", settings.detection.planner_period, now, _changed_since_planning(snapshot)
    )


def detect_builder(snapshot: Snapshot, settings: Settings, now: float) -> WorkStatus:
    """The builder: open todos, urgent ones first."""
    del now
    if snapshot.stack.kind is StackKind.WORKSPACE:
        return detect_workspace_builder(snapshot, settings)
    todos = snapshot.open_todos
    if not todos:
        return _nothing("no pending todos")
    least = settings.detection.urgent_todo
    urgent = sum(todo.priority >= least for todo in todos)
    told = _count(len(todos) + snapshot.more_todos, "pending todo")
    if urgent:
        # If all shown todos are urgent, hidden ones may be, too.
        at_least = "at least " if urgent == len(todos) and snapshot.more_todos else ""
        return _work(8, f"{told}, {at_least}{urgent} of priority {least} or more")
    return _work(6, told)


def detect_communicator(snapshot: Snapshot, settings: Settings, now: float) -> WorkStatus:
    """The communicator: visitors waiting for an answer, then messages from other stacks."""
    del settings, now
    first = snapshot.next_unanswered
    if first is not None:
        waiting = len(snapshot.unanswered) + snapshot.more_user_messages
        return _work(10, f"{_count(waiting, 'unanswered visitor message')}, the next from {first.sender}")
    if snapshot.messages:
        told = _count(len(snapshot.messages) + snapshot.more_messages, "unread message")
        return _work(7, f"{told} from other stacks")
    return _nothing("no unanswered or unread messages")


def detect_reviewer(snapshot: Snapshot, settings: Settings, now: float) -> WorkStatus:
    """The reviewer: completed todos, a new version, a periodic check."""
    state = snapshot.states.get("reviewer")
    last_review = None if state is None else state.last_run_at
    finished = sum(
        todo.status is TodoStatus.COMPLETED and (last_review is None or (todo.closed_at or 0.0) > last_review)
        for todo in snapshot.todos
    )
    if finished >= settings.detection.todos_per_review:
        return _work(6, f"{_count(finished, 'todo')} completed since the last review")
    reviewed = 0 if state is None else state.long_term.reviewed_artifact
    artifact, workspace = snapshot.artifact, snapshot.workspace
    if workspace is not None:
        if workspace.number > reviewed:
            told = _count(workspace.number - reviewed, "merged commit")
            return _work(6, f"{told} since the last review")
    elif artifact is not None and artifact.number > reviewed:
        return _work(6, f"version {artifact.number} of the artifact is not reviewed")
    changed = "a todo was completed" if finished else None
    return _periodic(snapshot, "reviewer", settings.detection.reviewer_period, now, changed)


def _requests(snapshot: Snapshot, settings: Settings) -> WorkStatus | None:
    """Return the planner's work if the reviewer or visitors ask for a change."""
    reviewer = snapshot.states.get("reviewer")
    if reviewer is not None and reviewer.long_term.recommendations:
        return _work(
            8, f"{_count(len(reviewer.long_term.recommendations), 'recommendation')} of the reviewer"
        )
    requests = [
        message
        for message in snapshot.user_messages
        if message.planned_at is None and asks_for_change(message, settings.detection)
    ]
    if requests:
        return _work(7, f"{_count(len(requests), 'visitor message')} asking for a change")
    return None


def planner_is_urgent(status: WorkStatus, settings: Settings) -> bool:
    """Whether the builder should wait for the planner, whose plan is about to change what there is to
    build."""
    return status.priority >= settings.detection.builder_awaits_planner_from


def asks_for_change(message: UserMessage, settings: DetectionSettings) -> bool:
    """Whether a visitor's message asks for a change.

    The judgement made with its answer decides. Without one, the message asks for a change if it is long or
    contains a keyword as a word.
    """
    if message.needs_planning is not None:
        return message.needs_planning
    if len(message.content) >= settings.long_message:
        return True
    keywords = _keywords(settings.change_keywords)
    return keywords is not None and keywords.search(normalize("NFC", message.content)) is not None


@lru_cache(maxsize=128)
def _keywords(words: tuple[str, ...]) -> re.Pattern[str] | None:
    if not words:
        return None
    # An accent may be a character of its own, and a line may end between two words.
    patterns = (r"\s+".join(map(re.escape, normalize("NFC", word).split())) for word in words)
    return re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)", re.IGNORECASE)


def _has_another_idea(idea: ProjectIdea, planner: AgentState | None) -> bool:
    """Whether others have rewritten the idea since the planner last ran."""
    since = None if planner is None else planner.last_run_at
    return since is not None and idea.updated_by != "planner" and idea.updated_at > since


def _changed_since_planning(snapshot: Snapshot) -> str | None:
    """Name a change by others since the planner last ran, or return None."""
    state = snapshot.states.get("planner")
    since = None if state is None else state.last_run_at
    if since is None:
        return "no plan yet"
    if any(todo.updated_by != "planner" and todo.updated_at > since for todo in snapshot.todos):
        return "todos changed"
    if snapshot.artifact is not None and snapshot.artifact.created_at > since:
        return "new version of the artifact"
    workspace = snapshot.workspace
    if workspace is not None and workspace.updated_by == "user" and workspace.updated_at > since:
        return "commits of a person"
    if any(message.created_at > since for message in snapshot.user_messages):
        return "new visitor message"
    return None


def _periodic(snapshot: Snapshot, role: str, period: float, now: float, changed: str | None) -> WorkStatus:
    """Return priority 4 once `period` seconds have passed since the role's last run, if something changed."""
    if changed is None:
        return _nothing("nothing changed since its last run")
    state = snapshot.states.get(role)
    last = None if state is None else state.last_run_at
    due = now if last is None else last + period
    if now >= due:
        return _work(4, f"periodic check: {changed}")
    return WorkStatus(has_work=False, reason=f"{changed}; the next periodic check is later", due_at=due)


def _work(priority: int, reason: str) -> WorkStatus:
    return WorkStatus(has_work=True, priority=priority, reason=reason)


def _nothing(reason: str) -> WorkStatus:
    return WorkStatus(has_work=False, reason=reason)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
