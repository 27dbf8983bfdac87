"""The visitors' chat: messages and the team's answers."""

from itertools import islice

from recursor.actors.messages import SendUserMessage
from recursor.domain.errors import InvalidInputError
from recursor.domain.graph import NodeStatus
from recursor.domain.message import UserMessage
from recursor.domain.new_records import new_user_message
from recursor.domain.stack import ExecutionState, Stack
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader
from recursor.storage.tables import GRAPHS, USER_MESSAGES
from recursor.web.dashboard.field_error import field_error
from recursor.web.dashboard.parts import Box, Empty, Notice
from recursor.web.dashboard.tabs.composer import Composer
from recursor.web.dashboard.tabs.conversation import Conversation, ConversationEntry
from recursor.web.dashboard.team.tab import Team

STEP = 30

COMMUNICATOR = "communicator"

_SILENT = {
    ExecutionState.IDLE: "The team is not started yet. It answers once you press Start.",
    ExecutionState.PAUSED: "The team is paused. It answers once it is resumed.",
    ExecutionState.STOPPED: "The team is stopped. It answers once it is started again.",
}


class Visitors:
    """The chat, and the form."""

    def __init__(self, team: Team) -> None:
        """Build it."""
        self._team = team
        self._window = STEP
        with Box("section", "section card card--flush chat", aria_label="Chat with the team"):
            self._thread = Conversation("Chat with the team", self._show_earlier, self.refresh)
            with self._thread:
                self._none = Empty(
                    "chat", "No messages yet",
                    "Ask about the progress, or ask for a change. The communicator answers; the planner "
                    "turns requests into todos.",
                )  # fmt: skip
            with Box(classes="chat-foot"):
                self._silent = Notice("", "warn", "pause")
                self._composer = Composer(team.id, self._send)

    def refresh(self) -> None:
        """Show the current messages."""
        with self._team.read() as reader:
            stack = read_stack(reader, self._team.id)
            found = list(islice(USER_MESSAGES.before(reader, stack.id, None), self._window + 1))
            answers = _communicator_runs(reader, stack)
        shown = found[: self._window][::-1]
        self._thread.show(_as_said(shown, stack, answers=answers), earlier=len(found) > self._window)
        self._none.set_visibility(not found)
        self._silent.set_visibility(stack.state in _SILENT)
        if stack.state in _SILENT:
            self._silent.say(_SILENT[stack.state], "warn", "pause")

    def _show_earlier(self) -> None:
        self._window += STEP
        self.refresh()

    async def _send(self, sender: str, content: str) -> None:
        now = self._team.engine.now()
        problems = {}
        # Each is checked with a valid value for the other, so that both errors are reported.
        for field, given in (("sender", (sender, "x")), ("content", ("x", content))):
            try:
                new_user_message(self._team.id, *given, now)
            except InvalidInputError as error:
                problems[field] = field_error(error, sender if field == "sender" else content)
        if problems:
            self._composer.settle(**problems)
            return
        message = new_user_message(self._team.id, sender, content, now)
        sent = await self._team.ask(SendUserMessage(message))
        if sent is None:
            self._composer.settle(content="Not sent. Your text is kept: try again.")
            return
        self._composer.settle()
        self.refresh()
        self._thread.go_down()


def _communicator_runs(reader: Reader, stack: Stack) -> bool:
    if stack.current_execution_id is None:
        return False
    graph = GRAPHS.get(reader, stack.id, stack.current_execution_id)
    nodes = () if graph is None else graph.nodes
    return any(node.role == COMMUNICATOR and node.status is NodeStatus.RUNNING for node in nodes)


def _as_said(messages: list[UserMessage], stack: Stack, *, answers: bool) -> list[ConversationEntry]:
    said = []
    first = True
    for message in messages:
        said.append(
            ConversationEntry(message.id, message.sender, message.content, message.created_at, ours=True)
        )
        answer_id = f"{message.id}/answer"
        if message.answer is not None:
            said.append(ConversationEntry(answer_id, stack.name, message.answer, message.answered_at))
            continue
        waiting = _waiting(stack, answers=answers and first)
        said.append(ConversationEntry(answer_id, stack.name, waiting=waiting, active=answers and first))
        first = False
    return said


def _waiting(stack: Stack, *, answers: bool) -> str:
    """Return why there is no answer yet."""
    if stack.state is ExecutionState.RUNNING:
        return "The communicator answers…" if answers else "Waiting for the communicator…"
    return {
        ExecutionState.IDLE: "Answered once the team is started.",
        ExecutionState.PAUSED: "Answered once the team is resumed.",
        ExecutionState.STOPPED: "Answered once the team is started again.",
    }[stack.state]
