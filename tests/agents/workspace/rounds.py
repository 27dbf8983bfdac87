"""A team at work on a real repository, in rounds: who has work runs, one after the other."""

import asyncio
from pathlib import Path
from typing import Any

import pygit2

from recursor.domain.agent import Run
from recursor.domain.effect import Outcome
from recursor.domain.new_records import new_idea, new_stack, new_todo, new_user_message, new_workspace
from recursor.domain.settings import Settings
from recursor.domain.stack import StackKind
from recursor.domain.todo import Todo
from recursor.domain.workspace import CommitProposal, ProposalStatus
from recursor.orchestration.outcomes import apply_outcome
from recursor.runner.team import standard_team
from recursor.workspaces.directories import Workspaces
from recursor.workspaces.repository import Repository
from tests.making import NOW
from tests.orchestration.desk import Desk, make_records

MOST_ROUNDS = 60


class Rounds:
    """One stack, its records in memory and its repository on disk."""

    def __init__(
        self, root: Path, idea: str | None, origin: Path | None = None, agents: Any = None, **settings: Any
    ) -> None:
        self.workspaces = Workspaces(root / "workspaces")
        self.settings = Settings().overridden(settings)
        self.roles = standard_team(agents).of(StackKind.WORKSPACE)
        stack = new_stack("site", NOW, {}, StackKind.WORKSPACE)
        self.desk = Desk(
            make_records(
                stack=stack,
                idea=None if idea is None else new_idea(stack.id, idea, NOW),
                workspace=new_workspace(stack, None if origin is None else str(origin), NOW),
            )
        )
        self.now = NOW
        self.number = 0
        self.ran: list[tuple[str, str | None, Outcome]] = []
        self.proposals: dict[str, CommitProposal] = {}

    @property
    def records(self) -> Any:
        return self.desk.records

    @property
    def repository(self) -> Repository:
        return self.workspaces.open(self.records.stack.id)

    @property
    def todos(self) -> list[Todo]:
        return list(self.records.todos)

    def merged(self) -> list[CommitProposal]:
        return [each for each in self.proposals.values() if each.status is ProposalStatus.MERGED]

    def files(self) -> dict[str, str]:
        """Return the text of the files at the tip."""
        git = pygit2.Repository(str(self.repository.path))
        found: dict[str, str] = {}

        def walk(tree: Any, at: str) -> None:
            for entry in tree:
                if isinstance(entry, pygit2.Tree):
                    walk(entry, f"{at}{entry.name}/")
                else:
                    found[at + entry.name] = entry.data.decode()

        walk(git[self.records.workspace.tip].tree, "")
        return found

    def add_todo(self, content: str, **fields: Any) -> str:
        todo = new_todo(self.records.stack.id, content, 3, self.now).but(id=self.desk.new_id(), **fields)
        draft = self.desk.draft(self.now)
        draft.put_todo(todo)
        self.desk.keep(draft)
        return todo.id

    def ask(self, content: str) -> str:
        message = new_user_message(self.records.stack.id, "Ada", content, self.now)
        draft = self.desk.draft(self.now)
        draft.put_user_message(message)
        self.desk.keep(draft)
        return message.id

    def round(self) -> bool:
        """Have each role that has work run once. Returns whether one had."""
        self.number += 1
        self.now += 1
        snapshot = self.desk.see(self.roles, self.now)
        statuses = {name: role.detect(snapshot, self.settings, self.now) for name, role in self.roles.items()}
        for name, status in statuses.items():
            for todo_id in status.todos or ((None,) if status.has_work else ()):
                self._run(name, status.reason, todo_id, snapshot)
        return any(status.has_work for status in statuses.values())

    def until_quiet(self) -> "Rounds":
        for _ in range(MOST_ROUNDS):
            if not self.round():
                return self
        raise AssertionError(f"it goes on after {MOST_ROUNDS} rounds: {self.ran[-6:]}")

    def _run(self, role: str, reason: str, todo_id: str | None, snapshot: Any) -> None:
        execution = f"{self.number:032}"
        run = Run(
            execution_id=execution,
            role=role,
            attempt=1,
            reason=reason,
            settings=self.settings,
            deadline=self.now + 1e9,
            todo_id=todo_id,
            workspaces=self.workspaces,
        )
        agent = self.roles[role].agent
        chosen = agent.choose(role, snapshot, self.settings) if hasattr(agent, "choose") else agent

        async def ran() -> Outcome:
            found = chosen.run(snapshot, run)
            return found if isinstance(found, Outcome) else await found

        outcome = asyncio.run(ran())
        self.ran.append((role, todo_id, outcome))
        draft = self.desk.draft(self.now)
        apply_outcome(draft, role, execution, outcome, snapshot, self.settings)
        self.desk.keep(draft)
        self.proposals |= {each.id: each for each in self.desk.written(CommitProposal)}
