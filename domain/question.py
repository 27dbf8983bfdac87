"""What every message to the orchestrator is: a question whose answer has a type."""

from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Question(Generic[T_co]):
    """A message that is answered with a `T_co`, or with the error that kept it from being carried out."""

    __slots__ = ()
