"""Steering without a runner's help: transactions on the store, and a nudge in case there is a runner."""

from collections.abc import Callable, Collection, Mapping

from pydantic import JsonValue

from recursor.actors.choosing import check_new, configure
from recursor.actors.runner_budget import limit_all
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import ProjectIdea
from recursor.domain.record import Record
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.spending import BudgetChanges
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.orchestration.control import Command
from recursor.runner.steering import Answer
from recursor.storage import conversations, stacks
from recursor.storage.nudges import leave_nudge
from recursor.storage.store import Store, Writer
from recursor.storage.tables import BROADCASTS


class DirectSteering:
    """A `Steering` on the store alone."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], float],
        settings: Callable[[], Settings] = Settings,
        runner: Callable[[], RunnerSettings] = RunnerSettings,
        roles: Callable[[], Collection[str] | None] = lambda: None,
    ) -> None:
        """Steer the stacks of a store.

        Args:
            store: where they are.
            now: tells the time in seconds since the epoch, UTC.
            settings: what a runner here would have.
            runner: likewise, what all stacks may spend together.
            roles: likewise, the roles of its team; None if that is not known.
        """
        self._store = store
        self._now = now
        self._settings = settings
        self._runner = runner
        self._roles = roles

    def create(self, stack: Stack, idea: ProjectIdea | None, start: bool) -> Answer:
        """See `Steering.create`."""
        now = self._now()

        def work(writer: Writer) -> Stack:
            check_new(stack, self._settings(), self._runner(), self._roles, writer)
            made = stacks.create_stack(writer, stack, idea)
            return stacks.control_stack(writer, made.id, Command.START, now) if start else made

        return self._write(stack.id, work)

    def control(self, stack_id: str, command: Command) -> Answer:
        """See `Steering.control`."""
        now = self._now()
        return self._write(stack_id, lambda writer: stacks.control_stack(writer, stack_id, command, now))

    def configure(self, stack_id: str, changes: Mapping[str, Mapping[str, JsonValue]]) -> Answer:
        """See `Steering.configure`."""
        settings, runner, now = self._settings(), self._runner(), self._now()
        return self._write(
            stack_id,
            lambda writer: configure(writer, stack_id, changes, settings, runner, self._roles, now),
        )

    def limit_all(self, changes: BudgetChanges) -> Answer:
        """See `Steering.limit_all`."""
        settings, runner, now = self._settings(), self._runner(), self._now()
        spending = self._store.write(lambda writer: limit_all(writer, changes, settings, runner, now))
        return spending.model_dump(mode="json")

    def rename(self, stack_id: str, name: str) -> Answer:
        """See `Steering.rename`."""
        return self._write(stack_id, lambda writer: stacks.rename_stack(writer, stack_id, name))

    def delete(self, stack_id: str) -> None:
        """See `Steering.delete`."""

        def work(writer: Writer) -> None:
            stacks.delete_stack(writer, stack_id)
            leave_nudge(writer, stack_id)

        self._store.write(work)

    def send(self, message: UserMessage) -> Answer:
        """See `Steering.send`."""
        return self._write(message.stack_id, lambda writer: conversations.add_user_message(writer, message))

    def send_between(self, message: Message) -> Answer:
        """See `Steering.send_between`."""
        receiver = message.to_stack_id or BROADCASTS
        return self._write(receiver, lambda writer: conversations.add_message(writer, message))

    def set_idea(self, idea: ProjectIdea) -> Answer:
        """See `Steering.set_idea`."""
        now = self._now()
        return self._write(idea.stack_id, lambda writer: stacks.set_idea(writer, idea, now))

    def add_todo(self, todo: Todo) -> Answer:
        """See `Steering.add_todo`."""
        return self._write(todo.stack_id, lambda writer: conversations.add_todo(writer, todo))

    def edit_todo(self, stack_id: str, todo_id: str, content: str | None, priority: int | None) -> Answer:
        """See `Steering.edit_todo`."""
        now = self._now()
        return self._write(
            stack_id,
            lambda writer: conversations.edit_todo(writer, stack_id, todo_id, content, priority, now),
        )

    def cancel_todo(self, stack_id: str, todo_id: str) -> Answer:
        """See `Steering.cancel_todo`."""
        now = self._now()
        return self._write(stack_id, lambda writer: conversations.cancel_todo(writer, stack_id, todo_id, now))

    def _write(self, stack_id: str, work: Callable[[Writer], Record]) -> Answer:
        def with_nudge(writer: Writer) -> Record:
            record = work(writer)
            leave_nudge(writer, stack_id)
            return record

        return self._store.write(with_nudge).model_dump(mode="json")
