"""What the components can be told. A component that is not named here can be told nothing."""

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
    """What the timer does first; a visitor can choose another way."""

    mode: Literal["pomodoro", "countdown", "stopwatch"] = "countdown"
    minutes: int = Field(default=5, ge=1, le=600)


class ChartOptions(Options):
    """How a chart is drawn at first."""

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
    """What one entry is called."""
    button: str = Field(default="Save", max_length=40)


class LogOptions(Options):
    """A number that is logged several times a day."""

    unit: str = Field(default="times", max_length=30)
    goal: float = Field(default=0, ge=0)
    """What a day should come to; 0 for no goal."""
    steps: tuple[float, ...] = Field(default=(1,), min_length=1, max_length=4)
    """The amounts that one press logs."""
    kinds: tuple[str, ...] = ()
    """What an entry may be of: running, lifting."""
    adds_up: bool = True
    """Whether a day's entries add up; else the last one counts, as for weight."""


class ConverterOptions(Options):
    """What is converted first."""

    family: Literal["length", "weight", "temperature", "volume", "speed"] = "length"


class NumberInput(Record):
    """A number that a formula needs."""

    name: str = Field(pattern=r"^[a-z]+$")
    label: str
    value: float
    """What it is at first."""
    least: float = 0.0


class FormulaResult(Record):
    """A number that a formula gives."""

    name: str = Field(pattern=r"^[a-z]+$")
    label: str


class FormulaOptions(Options):
    """What is computed of what."""

    formula: Literal["tip", "bmi", "loan"] = "tip"
    inputs: tuple[NumberInput, ...] = Field(min_length=1)
    results: tuple[FormulaResult, ...] = Field(min_length=1)


class PickerOptions(Options):
    """What is drawn first."""

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
