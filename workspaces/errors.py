"""What can go wrong with a repository and its working trees."""

from recursor.domain.errors import RecursorError


class RepositoryError(RecursorError):
    """A repository cannot be used as asked. Nothing was written."""


class LimitExceededError(RepositoryError):
    """A tree, a file or a transfer is larger than its limit. Nothing was written."""


class CloneError(RepositoryError):
    """A repository cannot be cloned. Nothing was written."""


class CommitMissingError(RepositoryError):
    """The repository does not have the named commit."""
