"""The base of all messages to the orchestrator: a question with a typed answer."""

from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Question(Generic[T_co]):
    """A message that is answered with a `T_co`, or with an error if it could not be carried out."""

    __slots__ = ()
