"""The options of components. A component that is not named here has none."""

from typing import Literal

from pydantic import Field

from recursor.domain.record import Record


class Options(Record):
    """The options of a component that has none."""


class InputField(Record):
    """One field of a form or a table."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    label: str = Field(min_length=1, max_length=60)
    type: Literal[
        "text", "longtext", "number", "date", "time", "email", "tel", "url", "rating", "choice"
    ] = "text"  # fmt: skip
    choices: tuple[str, ...] = ()
    required: bool = False


class ChecklistOptions(Options):
    """A list of things to tick off."""

    thing: str = Field(default="task", max_length=40)


class TimerOptions(Options):
    """The timer's initial mode; a visitor can choose another."""

    mode: Literal["pomodoro", "countdown", "stopwatch"] = "countdown"
    minutes: int = Field(default=5, ge=1, le=600)


class ChartOptions(Options):
    """The chart's initial form."""

    kind: Literal["bars", "line", "ring"] = "bars"


class FieldsOptions(Options):
    """The fields of a form, a table or a collection."""

    fields: tuple[InputField, ...] = Field(
        default=(
            InputField(name="name", label="Name", required=True),
            InputField(name="date", label="Date", type="date"),
            InputField(name="details", label="Details", type="longtext"),
        ),
        min_length=1,
        max_length=12,
    )
    thing: str = Field(default="entry", max_length=60)
    """The name of one entry."""
    button: str = Field(default="Save", max_length=40)


class LogOptions(Options):
    """A number that is logged several times a day."""

    unit: str = Field(default="times", max_length=30)
    goal: float = Field(default=0, ge=0)
    """A daily goal; 0 for none."""
    steps: tuple[float, ...] = Field(default=(1,), min_length=1, max_length=4)
    """The amounts logged by one press."""
    kinds: tuple[str, ...] = ()
    """The kinds of entries: running, lifting."""
    adds_up: bool = True
    """Whether a day's entries add up; otherwise the last one counts, as for weight."""


class ConverterOptions(Options):
    """The initial conversion."""

    family: Literal["length", "weight", "temperature", "volume", "speed"] = "length"


class NumberInput(Record):
    """A number that a formula needs."""

    name: str = Field(pattern=r"^[a-z]+$")
    label: str
    value: float
    """Its initial value."""
    least: float = 0.0


class FormulaResult(Record):
    """A result of a formula."""

    name: str = Field(pattern=r"^[a-z]+$")
    label: str


class FormulaOptions(Options):
    """A formula."""

    formula: Literal["tip", "bmi", "loan"] = "tip"
    inputs: tuple[NumberInput, ...] = Field(min_length=1)
    results: tuple[FormulaResult, ...] = Field(min_length=1)


class PickerOptions(Options):
    """The initial drawing."""

    mode: Literal["names", "dice", "coin"] = "names"


OPTIONS: dict[str, type[Options]] = {
    "checklist": ChecklistOptions,
    "timer": TimerOptions,
    "chart": ChartOptions,
    "form": FieldsOptions,
    "cards": FieldsOptions,
    "records": FieldsOptions,
    "log": LogOptions,
    "converter": ConverterOptions,
    "picker": PickerOptions,
    "formula": FormulaOptions,
}
"""The options of each component that has some."""
