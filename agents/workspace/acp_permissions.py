"""What a coding agent may do that asks for permission first."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue
from pydantic_core import to_json

from recursor.agents.workspace.permission import Wish
from recursor.domain.approval import ApprovalRule
from recursor.domain.settings import ApproveSettings

# What changes or reads files may do so in the working tree. What needs the network has none.
_IN_TREE = frozenset({"read", "search", "edit", "delete", "move"})
_ALLOWED = frozenset({"think"})


@dataclass(frozen=True, slots=True)
class Permission:
    """What an agent asks permission for."""

    kind: str
    """The protocol's kind: read, edit, delete, move, search, execute, think, fetch, switch_mode, other."""
    title: str
    arguments: JsonValue
    """Of the tool, as the agent gives them."""
    within_tree: bool
    """Whether all files that it names are in the working tree."""

    @property
    def wish(self) -> Wish:
        """What a person is asked, if the rule is to ask."""
        detail = to_json([self.kind, self.title, self.arguments]).decode()
        return Wish("run" if self.kind == "execute" else "tool", f"{self.kind}: {self.title}", detail)


def rule_of(permission: Permission, settings: ApproveSettings) -> ApprovalRule:
    """Return whether an agent may do something, or whether a person decides.

    Commands run in the agent's sandbox, so they are allowed unless `approve.run` says otherwise. What nothing
    is known of is not allowed.

    Args:
        permission: what it asks for.
        settings: the stack's rules.
    """
    kind = permission.kind
    if (rule := settings.permissions.get(kind)) is not None:
        return rule
    if kind == "execute":
        return settings.run
    if kind in _IN_TREE and permission.within_tree:
        return "allow"
    return "allow" if kind in _ALLOWED else "deny"


def chosen(options: Sequence[tuple[str, str]], *, allowed: bool) -> str | None:
    """Return which of an agent's options is the answer, or None if it offers none.

    Args:
        options: the id and the kind of each.
        allowed: the answer.
    """
    # "Always" would keep it from asking again, and each time may be about something else.
    wanted = ("allow_once", "allow_always") if allowed else ("reject_once", "reject_always")
    return next((id_ for kind in wanted for id_, of_kind in options if of_kind == kind), None)
