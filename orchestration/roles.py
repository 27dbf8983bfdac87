"""The open set of roles: a role is a name, a detector, its dependencies and an agent."""

from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from pydantic import TypeAdapter, ValidationError

from recursor.domain.agent import Agent, AgentChoice
from recursor.domain.errors import InvalidInputError, NotFoundError
from recursor.domain.record import RoleName
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import StackKind
from recursor.domain.work import WorkStatus

Detector = Callable[[Snapshot, Settings, float], WorkStatus]
"""(snapshot, settings, now in seconds UTC) → work status, without dependencies: those come from the role."""

Condition = Callable[[WorkStatus, Settings], bool]

# These names are in use: for the actions of people and of agents, and for the total of all roles.
_TAKEN = {"total": "the total of all roles", "user": "the actions of people"}

_role_name: TypeAdapter[str] = TypeAdapter(RoleName)


def always(_status: WorkStatus, _settings: Settings) -> bool:
    """Depend on the role whenever it is in the graph."""
    return True


class UnknownRoleError(NotFoundError, KeyError):
    """No role of that name is registered. Also a KeyError, as `Mapping.get` expects."""

    __str__ = Exception.__str__


@dataclass(frozen=True, slots=True)
class Dependency:
    """A role waits for another in the same graph, if `when` says so given the other's work."""

    role: str
    when: Condition = always


@dataclass(frozen=True, slots=True)
class Role:
    """A role: its name, detector, agent and dependencies."""

    name: str
    detect: Detector
    agent: Agent | AgentChoice
    depends_on: tuple[Dependency, ...] = ()
    kinds: frozenset[StackKind] = frozenset(StackKind)
    """The kinds of stacks that have the role."""


class RoleRegistry(Mapping[str, Role]):
    """The roles of a team, checked when it is made: unique names, known dependencies, no cycle."""

    def __init__(self, roles: Iterable[Role]) -> None:
        """Check and keep `roles`; their order decides between equal priorities.

        Raises:
            InvalidInputError: a name is not a role name, is taken or is there twice, a dependency names a
                role that is not there, or the dependencies form a cycle.
        """
        self._roles: dict[str, Role] = {}
        for role in roles:
            try:
                _role_name.validate_python(role.name)
            except ValidationError:
                raise InvalidInputError(
                    f"role {role.name!r}: a name is 1 to 40 of a-z, 0-9, - and _, a letter first"
                ) from None
            if role.name in _TAKEN:
                raise InvalidInputError(
                    f"role {role.name!r}: reserved for {_TAKEN[role.name]}: give the role another name"
                )
            if role.name in self._roles:
                raise InvalidInputError(
                    f"role {role.name!r} is registered twice: give one of them another name"
                )
            self._roles[role.name] = role
        if not self._roles:
            raise InvalidInputError("a team has no roles: register at least one")
        self._check_dependencies()
        self._of_kind = {
            kind: {name: role for name, role in self._roles.items() if kind in role.kinds}
            for kind in StackKind
        }

    def of(self, kind: StackKind) -> Mapping[str, Role]:
        """Return the roles of stacks of this kind, in the order of registration."""
        return self._of_kind[kind]

    def __getitem__(self, name: str) -> Role:
        try:
            return self._roles[name]
        except KeyError:
            raise UnknownRoleError(f"no role {name!r}; registered: {', '.join(self._roles)}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._roles

    def items(self) -> ItemsView[str, Role]:
        """Return the names and roles, in the order of registration."""
        return self._roles.items()

    def keys(self) -> KeysView[str]:
        """Return the names, in the order of registration."""
        return self._roles.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self._roles)

    def __len__(self) -> int:
        return len(self._roles)

    def adding(self, *roles: Role) -> "RoleRegistry":
        """Return a registry of these roles and `roles`.

        Raises:
            InvalidInputError: as for the constructor.
        """
        return RoleRegistry([*self._roles.values(), *roles])

    def _check_dependencies(self) -> None:
        waits_for = {role.name: [d.role for d in role.depends_on] for role in self._roles.values()}
        for name, others in waits_for.items():
            for other in others:
                if other not in self._roles:
                    raise InvalidInputError(
                        f"role {name!r} depends on {other!r}, which is not registered: register it too"
                    )
        try:
            TopologicalSorter(waits_for).prepare()
        except CycleError as error:
            raise InvalidInputError(
                f"roles wait for each other in a circle: {' → '.join(error.args[1])}; remove one dependency"
            ) from None
