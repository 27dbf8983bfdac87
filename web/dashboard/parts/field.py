"""Fields for typing or choosing."""

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import Literal

from nicegui.element import Element
from nicegui.events import GenericEventArguments

Kind = Literal["text", "area", "select", "search", "number"]


class Field(Element, component="entry.js"):
    """A label, a control, a hint, and an error."""

    def __init__(
        self,
        label: str,
        kind: Kind = "text",
        *,
        value: str = "",
        hint: str = "",
        placeholder: str = "",
        options: Mapping[str, str] | None = None,
        required: bool = False,
        bare: bool = False,
        rows: int = 4,
        longest: int | None = None,
        wait: float = 0.0,
        on_change: Callable[[str], Awaitable[None] | None] | None = None,
        on_enter: Callable[[], Awaitable[None] | None] | None = None,
    ) -> None:
        """Create it.

        Args:
            label: its name.
            kind: of control. Ctrl+Enter is the Enter of an area.
            value: its initial value.
            hint: a help text below it.
            placeholder: an example, shown while it is empty.
            options: for "select": value → shown text.
            required: whether it must not be empty.
            bare: whether the label is only for screen readers.
            rows: lines of an area.
            longest: the most characters.
            wait: seconds without a further key before `on_change` is called.
            on_change: called with the value after a person changed it.
            on_enter: called when Enter is pressed in it.
        """
        super().__init__()
        self._value = value
        self._on_change, self._on_enter = on_change, on_enter
        given: dict[str, object] = {
            "label": label, "kind": kind, "value": value, "hint": hint, "placeholder": placeholder or None,
            "required": required, "bare": bare, "rows": rows, "maxlength": longest, "wait": int(wait * 1000),
            "options": [list(each) for each in (options or {}).items()],
        }  # fmt: skip
        self._props.update({name: each for name, each in given.items() if each is not None})
        self.on("told", self._told)
        if on_enter is not None:
            self.on("enter", self._enter)

    @property
    def value(self) -> str:
        """Its value."""
        return self._value

    @value.setter
    def value(self, value: str) -> None:
        self._value = value
        # A call, because the server's last value may be unchanged while the person's is another.
        self.run_method("take", value)
        with self._props.suspend_updates():
            self._props["value"] = value

    def offer(self, options: Mapping[str, str]) -> None:
        """Offer these choices."""
        listed = [list(each) for each in options.items()]
        if self._props["options"] != listed:
            self._props["options"] = listed

    def complain(self, problem: str | None) -> None:
        """Show an error of its value; None for none."""
        if self._props.get("error") != problem:
            self._props.set_optional("error", problem)

    def remark(self, remark: str) -> None:
        """Show a note that is not an error; "" for none."""
        if self._props.get("remark") != remark:
            self._props["remark"] = remark

    def focus(self) -> None:
        """Give it the keyboard's focus."""
        self.run_method("focus")

    async def _told(self, event: GenericEventArguments) -> None:
        self._value = str(event.args)
        with self._props.suspend_updates():
            self._props["value"] = self._value
        self.complain(None)
        if self._on_change is not None:
            done = self._on_change(self._value)
            if isawaitable(done):
                await done

    async def _enter(self, event: GenericEventArguments) -> None:
        self._value = str(event.args)
        assert self._on_enter is not None
        done = self._on_enter()
        if isawaitable(done):
            await done
