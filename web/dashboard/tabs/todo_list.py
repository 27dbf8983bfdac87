"""The list of todos."""

from collections.abc import Awaitable, Callable, Sequence

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from recursor.web.dashboard.state_styles import PRIORITIES
from recursor.web.dashboard.tabs.todo_rows import Row


class TodoList(Element, component="todo_list.js"):
    """One page of todos; open ones are edited in place."""

    def __init__(
        self,
        *,
        on_save: Callable[[str, str | None, int | None], Awaitable[None]],
        on_cancel: Callable[[str], Awaitable[None]],
        on_again: Callable[[str], Awaitable[None]],
    ) -> None:
        """Create it, empty.

        Args:
            on_save: called with a todo's id, and its new content and priority if changed.
            on_cancel: called with the id of a todo to cancel.
            on_again: called with the id of a todo to add again.
        """
        super().__init__()
        self.held: str | None = None
        """The todo that a person is editing."""
        self._props["rows"] = []
        self._props["priorities"] = {str(level): word for level, word in PRIORITIES.items()}

        async def save(event: GenericEventArguments) -> None:
            content, priority = event.args["content"], event.args["priority"]
            await on_save(
                str(event.args["id"]),
                None if content is None else str(content),
                None if priority is None else int(priority),
            )

        async def cancel(event: GenericEventArguments) -> None:
            await on_cancel(str(event.args))

        async def again(event: GenericEventArguments) -> None:
            await on_again(str(event.args))

        self.on("editing", self._hold)
        self.on("save", save)
        self.on("cancel", cancel)
        self.on("again", again)

    def show(self, rows: Sequence[Row]) -> None:
        """Show these todos; nothing is sent if they are unchanged."""
        if self._props["rows"] != rows:
            self._props["rows"] = list(rows)

    def settle(self, todo_id: str, problem: str = "") -> None:
        """Report success or an error."""
        self.run_method("settled", todo_id, problem)

    def _hold(self, event: GenericEventArguments) -> None:
        self.held = None if event.args is None else str(event.args)
