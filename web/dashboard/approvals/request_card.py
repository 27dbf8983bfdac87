"""One request for approval, with its answer."""

from collections.abc import Awaitable, Callable

from nicegui import background_tasks

from recursor.actors.messages import AnswerApproval
from recursor.domain.approval import Approval, ApprovalStatus
from recursor.domain.wording import run_name
from recursor.storage.approval_listing import OpenApproval
from recursor.web.audit import REQUESTER
from recursor.web.dashboard.approvals.subject_view import show_subject, what_is_shown
from recursor.web.dashboard.page import PageContext
from recursor.web.dashboard.parts import Anchor, Badge, Box, Button, Field, Moment, Notice, Span
from recursor.web.dashboard.state_styles import APPROVALS

_DONE = {True: "Approved.", False: "Rejected. The agents see your note in their next run."}


class RequestCard:
    """Shows what exactly an agent asks for, and takes a person's answer with a note."""

    def __init__(
        self,
        page: PageContext,
        found: OpenApproval,
        on_answered: Callable[["RequestCard"], Awaitable[None]],
        *,
        with_team: bool,
    ) -> None:
        """Build it.

        Args:
            page: the page.
            found: the request.
            on_answered: called after a person has answered it.
            with_team: whether to name the team.
        """
        self._page, self._approval, self._on_answered = page, found.approval, on_answered
        self._approving = True
        self._busy = False
        asked = found.approval
        with Box("li", "request") as self.box:
            with Box(classes="request-head"):
                Span(asked.subject, "request-subject written", tag="h3", dir="auto")
                self._state = Badge()
            with Box(classes="request-about"):
                if with_team:
                    Anchor(found.stack, f"/teams/{asked.stack_id}")
                with Box("span", "muted"):
                    Span(f"{_asker(asked)} asked ")
                    Moment(asked.created_at, "ago")
                with Box("span", "muted") as self._due:
                    Span("Counts as rejected ")
                    Moment(asked.expires_at, "in")
            # Of a merge, it is the todo, which the subject quotes if it is short.
            if asked.why and asked.why not in asked.subject:
                Span(asked.why, "request-why written", tag="p", dir="auto")
            self._subject = Box(classes="request-exactly")
            with Box(classes="buttons request-buttons") as self._buttons:
                self._approve = self._choice("Approve", "check", "primary", approving=True)
                self._reject = self._choice("Reject", "cross", "danger", approving=False)
                shown = what_is_shown(asked)
                if shown:
                    self._look = Button(f"Show {shown}", self._toggle, icon="file", kind="plain")
                    self._look._props["aria-expanded"] = "false"
            with Box(classes="request-form", role="group", aria_label="Your answer") as self._form:
                self._note = Field(
                    "Note for the agents (optional)", longest=2_000, on_enter=self._send,
                    placeholder="Fine, but keep the old flag",
                )  # fmt: skip
                with Box(classes="buttons"):
                    self._sending = Button("Approve", self._send, kind="primary")
                    Button("Back", self._back, kind="plain")
            self._problem = Notice("", "bad")
            self._problem._props["role"] = "alert"
        self._subject.set_visibility(False)
        self._form.set_visibility(False)
        self._problem.set_visibility(False)
        self.show(asked)

    @property
    def id(self) -> str:
        """The request's id."""
        return self._approval.id

    @property
    def stack_id(self) -> str:
        """The team that asks."""
        return self._approval.stack_id

    @property
    def held(self) -> bool:
        """Whether a person is answering it, or has not read yet why that failed."""
        return self._busy or self._form.visible or self._problem.visible

    def show(self, approval: Approval) -> None:
        """Show its current state."""
        self._approval = approval
        pending = approval.status is ApprovalStatus.PENDING
        self._state.set_visibility(not pending)
        self._state.say(*APPROVALS[approval.status])
        self._due.set_visibility(pending)
        self._approve.set_visibility(pending)
        self._reject.set_visibility(pending)

    def focus(self) -> None:
        """Give its first button the keyboard's focus."""
        self._approve.focus()

    def _choice(self, word: str, icon: str, kind: str, *, approving: bool) -> Button:
        return Button(
            word,
            lambda: self._ask_for_note(approving),
            icon=icon,
            kind=kind,
            label=f"{word}: {self._approval.subject}",
        )

    def _ask_for_note(self, approving: bool) -> None:
        self._approving = approving
        self._problem.set_visibility(False)
        self._sending.say("Approve" if approving else "Reject")
        self._buttons.set_visibility(False)
        self._form.set_visibility(True)
        self._note.focus()

    def _back(self) -> None:
        self._form.set_visibility(False)
        self._buttons.set_visibility(True)
        (self._approve if self._approving else self._reject).focus()

    async def _send(self) -> None:
        if self._busy:
            return
        self._busy = True
        self._sending.say("Sending…", busy=True)
        asked = self._approval
        note = self._note.value.strip() or None
        answered, problem = await self._page.attempt(
            AnswerApproval(asked.stack_id, asked.id, self._approving, note, REQUESTER.get())
        )
        self._busy = False
        if self.box.is_deleted:
            return
        self._sending.say("Approve" if self._approving else "Reject")
        self._form.set_visibility(False)
        self._buttons.set_visibility(True)
        if isinstance(answered, Approval):
            self.show(answered)
            self._page.toasts.show(_DONE[self._approving])
        else:
            self._problem.say(problem, "bad")
            self._problem.set_visibility(True)
        await self._on_answered(self)

    def _toggle(self) -> None:
        opened = not self._subject.visible
        self._look._props["aria-expanded"] = "true" if opened else "false"
        self._look.say(f"{'Hide' if opened else 'Show'} {what_is_shown(self._approval)}")
        self._subject.set_visibility(opened)
        if opened and not self._subject.default_slot.children:
            with self._subject:
                waits = Span("Reading…", "muted", role="status")
            background_tasks.create(self._fill(waits), name="look at a request for approval")

    async def _fill(self, waits: Span) -> None:
        await show_subject(self._page.engine, self._approval, self._subject)
        if not waits.is_deleted:
            waits.delete()


def _asker(asked: Approval) -> str:
    return "The team" if asked.role == "all" else f"The {run_name(asked.role, asked.todo_id)}"
