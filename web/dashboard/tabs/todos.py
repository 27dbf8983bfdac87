"""The tab of the todos."""

from recursor.actors.messages import AddTodo, CancelTodo, EditTodo
from recursor.domain.errors import InvalidInputError
from recursor.domain.new_records import new_todo
from recursor.domain.todo import Todo
from recursor.storage.stacks import read_stack
from recursor.storage.tables import TODOS
from recursor.web.dashboard.field_error import field_error
from recursor.web.dashboard.parts import Box, Button, Empty, Field, Pager, Segments
from recursor.web.dashboard.state_styles import PRIORITIES
from recursor.web.dashboard.tabs.todo_list import TodoList
from recursor.web.dashboard.tabs.todo_rows import FILTERS, ROWS, Found, find_todos
from recursor.web.dashboard.team.tab import Tab

_NAMES = {"": "All", "open": "Open", "completed": "Completed", "cancelled": "Cancelled"}


class TodosTab(Tab):
    """Lists, adds, edits and cancels todos."""

    slug, title, icon = "todos", "Todos", "list"

    def build(self) -> None:
        """See `Tab.build`."""
        self._busy = False
        with Box("section", "section card", aria_label="Add a todo"), Box(classes="todo-new"):
            self._content = Field(
                "New todo", required=True, longest=2_000, on_enter=self._add,
                placeholder="New todo. Enter adds it",
            )  # fmt: skip
            self._priority = Field(
                "Priority", "select", value="3",
                options={str(level): f"{level}: {word}" for level, word in PRIORITIES.items()},
            )  # fmt: skip
            self._adding = Button("Add", self._add, icon="plus", kind="primary")
        with Box("section", "section card card--flush", aria_label="Todos"):
            with Box(classes="toolbar"):
                self._filter = Segments("Show", _NAMES, self._wanted(), self._choose)
            self._list = TodoList(on_save=self._save, on_cancel=self._cancel, on_again=self._add_again)
            self._none = Box()
            self._pager = Pager("todos", ROWS, self._turn)
        self._shown_none = ""
        self.refresh()

    def refresh(self) -> None:
        """See `Tab.refresh`."""
        with self.team.read() as reader:
            read_stack(reader, self.team.id)
            found = find_todos(reader, self.team.id, self._wanted(), self._page(), self._list.held)
        self._list.show(found.rows)
        self._list.set_visibility(bool(found.rows))
        self._filter.count(found.counts)
        self._pager.show(found.page, found.total)
        self._pager.set_visibility(found.total > ROWS)
        self._say_none(found)

    def address_changed(self) -> None:
        """See `Tab.address_changed`."""
        self._filter.choose(self._wanted())
        self.refresh()

    def _wanted(self) -> str:
        wanted = self.team.address.get("status")
        return wanted if wanted in FILTERS else ""

    def _page(self) -> int:
        page = self.team.address.get("page", "1")
        return int(page) - 1 if page.isascii() and page.isdigit() and len(page) <= 8 else 0

    def _say_none(self, found: Found) -> None:
        what = "" if found.rows else "nothing" if not found.counts[""] else self._wanted()
        if what == self._shown_none:
            return
        self._shown_none = what
        self._none.clear()
        with self._none:
            if what == "nothing":
                Empty(
                    "list", "No todos yet",
                    "The planner creates todos once the team is started. You can also write one "
                    "above: the builder works on the most urgent first.",
                )  # fmt: skip
            elif what:
                Empty("check" if what == "open" else "list", f"No {_NAMES[what].lower()} todos")

    def _choose(self, wanted: str) -> None:
        self.team.address.set(status=wanted, page=None)
        self.refresh()

    def _turn(self, page: int) -> None:
        self.team.address.set(page=str(page + 1) if page else None, remember=True)
        self.refresh()

    async def _add(self) -> None:
        if self._busy:
            return
        try:
            todo = new_todo(
                self.team.id, self._content.value, int(self._priority.value), self.team.engine.now()
            )
        except InvalidInputError as error:
            self._content.complain(field_error(error, self._content.value))
            self._content.focus()
            return
        self._busy = True
        self._adding.say("Adding…", busy=True)
        added = await self.team.ask(AddTodo(todo))
        self._adding.say("Add")
        self._busy = False
        if isinstance(added, Todo):
            self._content.value = ""
            self._content.focus()
            self.refresh()

    async def _save(self, todo_id: str, content: str | None, priority: int | None) -> None:
        try:
            if content is not None:
                # Checked here first, so that the error appears at the field, not in a corner.
                new_todo(self.team.id, content, priority or 3, self.team.engine.now())
        except InvalidInputError as error:
            self._list.settle(todo_id, field_error(error, content or ""))
            return
        done = await self.team.ask(EditTodo(self.team.id, todo_id, content, priority))
        self._list.settle(todo_id, "" if done is not None else "Not saved.")
        self.refresh()

    async def _cancel(self, todo_id: str) -> None:
        done = await self.team.ask(CancelTodo(self.team.id, todo_id), "Todo cancelled.")
        # First the row, then the focus on its content.
        self.refresh()
        self._list.settle(todo_id, "" if done is not None else "Not cancelled.")

    async def _add_again(self, todo_id: str) -> None:
        with self.team.read() as reader:
            todo = TODOS.get(reader, self.team.id, todo_id)
        if todo is not None:
            again = new_todo(self.team.id, todo.content, todo.priority, self.team.engine.now())
            await self.team.ask(AddTodo(again), "Added again.")
            self.refresh()
