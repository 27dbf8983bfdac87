"""What each kind of action of a story does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from recursor.actors.messages import GetStatus, GetWork, LimitAll, Prune, PruneBroadcasts, Shutdown
from recursor.domain.commands import (
    AddTodo,
    CancelTodo,
    Command,
    ConfigureStack,
    CreateStack,
    DeleteStack,
    EditTodo,
    RenameStack,
    SendStackMessage,
    SendUserMessage,
    SetIdea,
    TakePull,
)
from recursor.domain.message import Message, UserMessage
from recursor.domain.new_records import new_workspace
from recursor.domain.project import ProjectIdea
from recursor.domain.settings import RetentionSettings
from recursor.domain.stack import Stack, StackKind
from recursor.domain.todo import Todo
from recursor.domain.workspace import Pull
from recursor.storage.commit import Commit
from recursor.storage.errors import CorruptRecordError, FencedError, StorageFullError
from recursor.storage.simulated_store import SimulatedStore
from recursor.storage.store import FENCES, prefix_range
from recursor.storage.tables import (
    EXECUTIONS,
    GRAPHS,
    IDEAS,
    MESSAGES,
    STACKS,
    STATES,
    TODOS,
    USER_MESSAGES,
)
from tests.simulation.book import Item
from tests.simulation.disk import DAMAGED
from tests.simulation.register import Answer, Asked
from tests.simulation.story import Action

if TYPE_CHECKING:
    from tests.simulation.world import World

# Beyond it nobody creates stacks: more of them find nothing that a few do not.
MOST_STACKS = 7


class InjectedError(RuntimeError):
    """A failure that nobody expects."""


class Actions:
    """Carries out the actions of a story."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._with_repository: set[str] = set()
        self._shutdown: Asked | None = None
        self._damage_next: dict[str, Random] = {}
        self._repeatable: list[tuple[Callable[[], Any], str]] = []

    def do(self, action: Action) -> None:
        """Carry out an action. One that is about a stack does nothing while there is none."""
        general = _GENERAL.get(action.kind)
        random = Random(action.draw)
        if general is not None:
            general(self, random)
            return
        stacks = [book.id for book in self._world.book.stacks.values() if not book.doomed]
        # Now and then one that is gone, too: what was deleted stays deleted.
        if action.draw % 50 == 0:
            stacks = list(self._world.book.stacks)
        if stacks:
            _OF_STACK[action.kind](self, stacks[action.pick % len(stacks)], random)

    @property
    def is_shutting_down(self) -> bool:
        """Whether the orchestrator is about to end."""
        return self._shutdown is not None and self._shutdown.answer is Answer.OPEN

    def end_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._world.store.store.fail_next(InjectedError("none"), 0)
        self._world.store.store._failures.clear()

    def allow_everything(self) -> None:
        """Take back all limits of what may be spent, and settings that make stacks wait.

        Other stacks are left alone: that they look by themselves is to be seen.
        """
        world = self._world
        self._limit_all_to(None)
        for book in world.book.stacks.values():
            is_limited = any("tokens" in own or "after_work" in own for own in book.settings.possible())
            if is_limited and not book.doomed:
                self._configure_to(book.id, {"budget": {"tokens": None}, "pause": {"after_work": None}})

    def let_agents_run(self) -> None:
        """End the life of a process in which none do, and have some run in the next."""
        self._world.runs_next = True
        if not self._world.process.runs:
            self._shut_down(Random(0))

    def explains(self, text: str, error: BaseException | None) -> bool:
        """Whether an error is logged for something that was done on purpose."""
        if isinstance(error, InjectedError | StorageFullError | FencedError):
            return True
        damaged = any(book.damaged for book in self._world.book.stacks.values())
        if damaged and (
            isinstance(error, CorruptRecordError) or "cannot be read" in text or "readable" in text
        ):
            return True
        if "InjectedError" in text or "Poison" in text or "poison" in repr(error):
            return True
        return self._world.injected > 0 and ("Unhandled exception" in text or "supervisor died" in text)

    # -- People ----------------------------------------------------------------------------------------------

    def _create(self, random: Random) -> None:
        world = self._world
        if len(world.book.stacks) >= MOST_STACKS:
            return
        number = len(world.book.stacks)
        stack_id = f"{random.randrange(1 << 32):08x}{number:08x}"
        now = world.now()
        settings = {"budget": {"tokens": random.choice((300, 800))}} if random.random() < 0.15 else {}
        stack = Stack(id=stack_id, name=f"stack {number}", created_at=now, settings=settings)
        idea = None
        if random.random() < 0.5:
            idea = ProjectIdea(
                stack_id=stack_id, idea=f"idea {number}", created_at=now, updated_at=now, updated_by="user"
            )
        start, workspace = random.random() < 0.7, None
        if Random(f"repository {stack_id}").random() * 100 < world.story.surroundings.repositories:
            stack = stack.but(kind=StackKind.WORKSPACE)
            workspace = new_workspace(stack, None, now)
            self._with_repository.add(stack_id)
        command = CreateStack(stack, idea, start=start, workspace=workspace)
        self._once_more(lambda: self._create_with(command), stack_id)
        self._create_with(command)

    def _create_with(self, command: CreateStack) -> None:
        world, stack = self._world, command.stack
        asked = world.answers.asked("create", stack.id)
        book = world.book.create(asked, command)
        tokens: Any = stack.settings.get("budget", {}).get("tokens")
        world.provider.allow(book.id, tokens)
        world.answers.follow(asked, command)

    def _control(self, stack_id: str, command: Command) -> None:
        self._world.answers.control(stack_id, command)

    def _delete(self, stack_id: str, _random: Random) -> None:
        asked = self._world.answers.asked("delete", stack_id)
        self._world.book.control(asked, "delete")
        self._world.answers.follow(asked, DeleteStack(stack_id))

    def _visit(self, stack_id: str, random: Random) -> None:
        words = "could you add a button" if random.random() < 0.3 else "nice"
        message = UserMessage(
            id=self._id(random),
            stack_id=stack_id,
            sender="visitor",
            content=f"{words} {random.randrange(1 << 30)}",
            created_at=self._world.now(),
        )
        command = SendUserMessage(message)
        self._give(USER_MESSAGES.name, stack_id, message.id, message.content, command)

    def _add_todo(self, stack_id: str, random: Random) -> None:
        now = self._world.now()
        todo = Todo(
            id=self._id(random),
            stack_id=stack_id,
            content=f"todo {random.randrange(1 << 30)}",
            priority=random.randrange(1, 6),
            assigned_by="user",
            created_at=now,
            updated_at=now,
            updated_by="user",
        )
        self._give(TODOS.name, stack_id, todo.id, todo.content, AddTodo(todo))

    def _edit_todo(self, stack_id: str, random: Random) -> None:
        item = self._some_todo(stack_id, random)
        if item is not None:
            asked = self._world.answers.asked("edit_todo", stack_id)
            content = f"edited {random.randrange(1 << 30)}"
            self._world.book.edit(asked, item, content)
            self._world.answers.follow(
                asked, EditTodo(stack_id, item.id, content, random.choice((None, 1, 5)))
            )

    def _cancel_todo(self, stack_id: str, random: Random) -> None:
        item = self._some_todo(stack_id, random)
        if item is not None:
            asked = self._world.answers.asked("cancel_todo", stack_id)
            self._world.book.cancel(asked, item)
            self._world.answers.follow(asked, CancelTodo(stack_id, item.id))

    def _pull(self, stack_id: str, random: Random) -> None:
        commit = self._world.repositories.commit(f"a person's {random.randrange(1 << 30)}", None)
        pull = Pull(id=self._id(random), commit=commit, source="a person", asked_at=self._world.now())
        asked = self._world.answers.asked("pull", stack_id)
        self._world.answers.follow(asked, TakePull(stack_id, pull))

    def _set_idea(self, stack_id: str, random: Random) -> None:
        if stack_id in self._with_repository and random.random() < 0.6:
            self._pull(stack_id, random)
            return
        now, text = self._world.now(), f"idea {random.randrange(1 << 30)}"
        idea = ProjectIdea(stack_id=stack_id, idea=text, created_at=now, updated_at=now, updated_by="user")
        asked = self._world.answers.asked("set_idea", stack_id)
        self._world.book.set_idea(asked, text)
        self._world.answers.follow(asked, SetIdea(idea))

    def _rename(self, stack_id: str, random: Random) -> None:
        name = random.choice(("one", "two", f"name {random.randrange(1 << 30)}"))
        asked = self._world.answers.asked("rename", stack_id)
        self._world.book.rename(asked, name)
        self._world.answers.follow(asked, RenameStack(stack_id, name))

    def _configure(self, stack_id: str, random: Random) -> None:
        changes: tuple[Mapping[str, Mapping[str, Any]], ...] = (
            {"pause": {"after_work": 2.0}},
            {"pause": {"after_work": None}},
            {"detection": {"todos_per_review": random.randrange(1, 4)}},
            {"budget": {"tokens": random.choice((200, 600))}},
            {"budget": {"tokens": None}},
            {"limits": {"node_seconds": 10}},
            {"limits": {"node_seconds": -1}},
            {"nonsense": {"key": 1}},
        )
        self._configure_to(stack_id, random.choice(changes))

    def _configure_to(self, stack_id: str, changes: Mapping[str, Mapping[str, Any]]) -> None:
        world = self._world
        asked = world.answers.asked("configure", stack_id)
        world.book.configure(asked, changes)
        if "tokens" in changes.get("budget", {}):
            world.provider.allow(stack_id, changes["budget"]["tokens"])
        world.answers.follow(asked, ConfigureStack(stack_id, changes))

    def _write_to_stack(self, stack_id: str, random: Random) -> None:
        message = self._letter(stack_id, random)
        self._give(MESSAGES.name, stack_id, message.id, message.content, SendStackMessage(message))

    def _write_to_all(self, random: Random) -> None:
        message = self._letter(None, random)
        self._give(MESSAGES.name, "", message.id, message.content, SendStackMessage(message))

    def _letter(self, receiver: str | None, random: Random) -> Message:
        senders = list(self._world.book.stacks) or ["f" * 16]
        return Message(
            id=self._id(random),
            from_stack_id=random.choice(senders),
            from_name="sender",
            to_stack_id=receiver,
            content=f"from outside {random.randrange(1 << 30)} {random.randrange(2)}",
            created_at=self._world.now(),
        )

    def _ask_status(self, stack_id: str, _random: Random) -> None:
        self._world.answers.question("status", stack_id, GetStatus(stack_id))

    def _ask_work(self, stack_id: str, _random: Random) -> None:
        self._world.answers.question("work", stack_id, GetWork(stack_id))

    def _repeat(self, random: Random) -> None:
        """Ask once more, as who does not know whether it was done."""
        if self._repeatable:
            again, stack_id = random.choice(self._repeatable[-10:])
            book = self._world.book.stacks.get(stack_id)
            if book is None or not book.pruned:
                again()

    def _prune(self, stack_id: str, random: Random) -> None:
        self._world.book.stacks[stack_id].pruned = True
        keep = RetentionSettings(
            executions=random.randrange(1, 5),
            traces=random.randrange(1, 5),
            artifacts=random.randrange(1, 3),
            todos=1,
            messages=1,
            user_messages=1,
        )
        dry_run = random.random() < 0.2
        self._world.answers.question("prune", stack_id, Prune(stack_id, keep, dry_run=dry_run))

    def _prune_broadcasts(self, _random: Random) -> None:
        self._world.book.broadcasts_pruned = True
        self._world.answers.question("prune_broadcasts", "", PruneBroadcasts())

    def _control_all(self, command: Command) -> None:
        self._world.answers.control_all(command)

    def _limit_all(self, random: Random) -> None:
        self._limit_all_to(random.choice((None, 800, 2500)))

    def _limit_all_to(self, tokens: int | None) -> None:
        most = self._world.runner.budget_tokens if tokens is None else tokens
        self._world.provider.allow("all", most)
        changes: dict[Any, Any] = {"tokens": tokens}
        self._world.answers.question("limit_all", "", LimitAll(changes))

    # -- Time ------------------------------------------------------------------------------------------------

    def _pass_time(self, random: Random) -> None:
        self._world.pass_time(random.choice((0.01, 0.5, 1.0, 5.0, 20.0, 60.0)))

    def _settle(self, _random: Random) -> None:
        self._world.run_until_idle()

    # -- Faults ----------------------------------------------------------------------------------------------

    def _crash(self, random: Random) -> None:
        self._world.crash(random.choice((0.0, 1.0, 60.0)))

    def _fill_disk(self, random: Random) -> None:
        self._world.store.store.fail_next(StorageFullError("no room"), random.choice((1, 1, 2, 3, 8)))

    def _fail_commits(self, random: Random) -> None:
        self._world.injected += 1
        self._world.store.store.fail_next(InjectedError("nobody expects this"), random.choice((1, 1, 2)))

    def _kill_supervisor(self, stack_id: str, _random: Random) -> None:
        supervisor = self._world.process.supervisor(stack_id)
        if supervisor is not None:
            self._world.injected += 1
            supervisor.actor_ref.tell(Poison())

    def _kill_child(self, stack_id: str, random: Random) -> None:
        supervisor = self._world.process.supervisor(stack_id)
        if supervisor is not None:
            self._world.injected += 1
            children = [supervisor._cache, supervisor._builder, *supervisor._runs._actors.values()]
            child = random.choice(children)
            if child.is_alive():
                child.tell(Poison())

    def _jump_clock(self, random: Random) -> None:
        seconds = random.choice((-300.0, -30.0, -1.0, 1.0, 30.0, 300.0, 4000.0))
        self._world.jump(seconds)

    def _write_late(self, stack_id: str, random: Random) -> None:
        """Have a commit of an earlier owner arrive now: nothing of it may be written."""
        world = self._world
        with world.store.read() as reader:
            stored = reader.get(FENCES, stack_id.encode()) or b""
        newest = int.from_bytes(stored)
        late = [each for each in world.written.get(stack_id, ()) if each.number < newest]
        if late:
            written = random.choice(late)

            def done(error: BaseException | None) -> None:
                if not isinstance(error, FencedError | StorageFullError | InjectedError):
                    world.violate(
                        "6 fences", f"a commit under fence {written.number} of {stack_id}: {error!r}"
                    )

            world.store.store.commit(written.commit, done)

    def _blind(self, stack_id: str, random: Random) -> None:
        self._world.blind[stack_id] = random.randrange(1, 6)

    def _damage(self, stack_id: str, random: Random) -> None:
        """Have one of its records damaged when the process is down."""
        self._damage_next[stack_id] = random

    def damage_disk(self, store: SimulatedStore) -> None:
        """Damage what is to be, while no process is up."""
        for stack_id, random in self._damage_next.items():
            with store.read() as reader:
                prefix = prefix_range(f"{stack_id}/".encode())
                keys = [
                    (table.name, key)
                    for table in (STACKS, IDEAS, TODOS, USER_MESSAGES, MESSAGES, STATES, EXECUTIONS, GRAPHS)
                    for key in (
                        [stack_id.encode()] if reader.get(table.name, stack_id.encode()) is not None else []
                    )
                    + [key for key, _ in reader.scan(table.name, *prefix)]
                ]
            if keys:
                commit = Commit()
                commit.put(*random.choice(keys), DAMAGED)
                store.write(commit)
                self._world.book.stacks[stack_id].damaged = True
        self._damage_next.clear()

    def _shut_down(self, random: Random) -> None:
        if not self.is_shutting_down:
            self._shutdown = self._world.answers.question(
                "shut_down", "", Shutdown(random.choice((0.0, 2.0, 60.0)))
            )

    def _end_runner(self, random: Random) -> None:
        """Have commands carried out without a runner, or by one again."""
        if not self.is_shutting_down:
            self._world.runs_next = not self._world.process.runs
            self._shut_down(random)

    # -- Small things ----------------------------------------------------------------------------------------

    def _give(self, table: str, stack_id: str, item_id: str, content: str, command: Any) -> None:
        def give() -> None:
            asked = self._world.answers.asked("give", stack_id)
            self._world.book.give(asked, table, item_id, content)
            self._world.answers.follow(asked, command)

        self._once_more(give, stack_id)
        give()

    def _once_more(self, again: Callable[[], Any], stack_id: str) -> None:
        self._repeatable.append((again, stack_id))

    def _some_todo(self, stack_id: str, random: Random) -> Item | None:
        items: Iterable[Item] = self._world.book.stacks[stack_id].items.values()
        todos = [item for item in items if item.table == TODOS.name]
        return random.choice(todos) if todos else None

    def _id(self, random: Random) -> str:
        return self._world.ids.of_client(random.choice((0.0, 0.0, 0.0, 0.05, 60.0, -5.0)))


class Poison:
    """A message that no actor understands, and each dies of."""


_OF_STACK: Mapping[str, Callable[[Actions, str, Random], None]] = {
    "visit": Actions._visit,
    "add_todo": Actions._add_todo,
    "edit_todo": Actions._edit_todo,
    "cancel_todo": Actions._cancel_todo,
    "set_idea": Actions._set_idea,
    "rename": Actions._rename,
    "configure": Actions._configure,
    "pause": lambda a, stack_id, _: a._control(stack_id, Command.PAUSE),
    "resume": lambda a, stack_id, _: a._control(stack_id, Command.RESUME),
    "start": lambda a, stack_id, _: a._control(stack_id, Command.START),
    "stop": lambda a, stack_id, _: a._control(stack_id, Command.STOP),
    "delete": Actions._delete,
    "write_to_stack": Actions._write_to_stack,
    "ask_status": Actions._ask_status,
    "ask_work": Actions._ask_work,
    "prune": Actions._prune,
    "kill_supervisor": Actions._kill_supervisor,
    "kill_child": Actions._kill_child,
    "write_late": Actions._write_late,
    "blind": Actions._blind,
    "damage": Actions._damage,
}

_GENERAL: Mapping[str, Callable[[Actions, Random], None]] = {
    "create": Actions._create,
    "write_to_all": Actions._write_to_all,
    "repeat": Actions._repeat,
    "prune_broadcasts": Actions._prune_broadcasts,
    "pause_all": lambda a, _: a._control_all(Command.PAUSE),
    "resume_all": lambda a, _: a._control_all(Command.RESUME),
    "start_all": lambda a, _: a._control_all(Command.START),
    "stop_all": lambda a, _: a._control_all(Command.STOP),
    "limit_all": Actions._limit_all,
    "pass_time": Actions._pass_time,
    "settle": Actions._settle,
    "crash": Actions._crash,
    "fill_disk": Actions._fill_disk,
    "fail_commits": Actions._fail_commits,
    "jump_clock": Actions._jump_clock,
    "shut_down": Actions._shut_down,
    "end_runner": Actions._end_runner,
}
