"""Recursor inside a program that has actors of its own.

    .venv/bin/python examples/embedding.py

The host below is a small pykka program: a `Clerk` counts things, and an `Observer` notes what Recursor tells.
The orchestrator is one more actor among them. It is started with a store and a team, driven by messages, and
stopped; everything it starts is its own, and the host's actors never notice.
"""

import tempfile
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pykka

from recursor import (
    Dependency,
    Orchestrator,
    Outcome,
    Role,
    Run,
    Settings,
    Snapshot,
    WorkStatus,
    effect,
    events,
    messages,
    new_records,
    open_store,
    queries,
    standard_team,
)


class Clerk(pykka.ThreadingActor):
    """An actor of the host's that has nothing to do with Recursor."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_receive(self, message: Any) -> int:
        """Count."""
        self.count += message
        return self.count


class Observer(pykka.ThreadingActor):
    """An actor of the host's that subscribes to events: they are told like any other message."""

    def __init__(self, seen: "SimpleQueue[events.Event]") -> None:
        super().__init__()
        self.seen = seen

    def on_receive(self, message: Any) -> None:
        """Pass the event on, and say what it is about."""
        match message:
            case events.StackChanged():
                print(f"  {message.name} is {message.state}, {message.phase}")
            case events.NodeFinished():
                print(f"  {message.role} {message.status}: {message.summary or message.note}")
        self.seen.put(message)


class Archivist:
    """A fifth role: it remembers what versions there were. No engine code knows of it."""

    def run(self, snapshot: Snapshot, _run: Run) -> Outcome:
        """Note the newest version."""
        assert snapshot.artifact is not None
        fact = f"version {snapshot.artifact.number} has {len(snapshot.artifact.content)} characters"
        return Outcome(effects=(effect.Remember(facts=(fact,)),), summary=f"Noted that {fact}.")


def archivist_has_work(snapshot: Snapshot, _settings: Settings, _now: float) -> WorkStatus:
    """Have work when the newest version is not noted yet."""
    if snapshot.artifact is None:
        return WorkStatus(has_work=False, reason="there is nothing to note")
    noted = snapshot.states["archivist"].long_term.facts
    if any(fact.startswith(f"version {snapshot.artifact.number} ") for fact in noted):
        return WorkStatus(has_work=False, reason="the newest version is noted")
    return WorkStatus(has_work=True, priority=3, reason=f"version {snapshot.artifact.number} is not noted")


def wait_for_rest(seen: "SimpleQueue[events.Event]") -> None:
    """Wait until the stack has nothing to run before something happens."""
    while True:
        event = seen.get(timeout=60)
        if isinstance(event, events.StackWaits) and event.until is None:
            return


def wait_for_answer(seen: "SimpleQueue[events.Event]") -> None:
    """Wait until the communicator has finished."""
    while True:
        event = seen.get(timeout=60)
        if isinstance(event, events.NodeFinished) and event.role == "communicator":
            return


def main() -> None:
    """Run the host."""
    clerk = Clerk.start()
    seen: SimpleQueue[events.Event] = SimpleQueue()
    observer = Observer.start(seen)

    with tempfile.TemporaryDirectory() as folder:
        # The store is the host's to open and to close: the orchestrator only uses it.
        store = open_store(Path(folder))
        team = standard_team().adding(
            Role("archivist", archivist_has_work, Archivist(), depends_on=(Dependency("reviewer"),))
        )
        orchestrator = Orchestrator.start(store=store, roles=team)
        orchestrator.ask(messages.Subscribe(observer))

        print("A team is created and started:")
        now = time.time()
        stack = new_records.new_stack("flashcards", now)
        idea = new_records.new_idea(stack.id, "flashcards for learning Italian", now)
        orchestrator.ask(messages.CreateStack(stack, idea, start=True))
        wait_for_rest(seen)

        print("It is paused, and asked how it is:")
        orchestrator.ask(messages.ControlStack(stack.id, messages.Command.PAUSE, reason="the host says so"))
        status = orchestrator.ask(messages.GetStatus(stack.id))
        print(f"  {status.stack.state}, because {status.stack.state_reason}; running: {len(status.running)}")

        print("A visitor writes; when it is resumed, it answers:")
        orchestrator.ask(
            messages.SendUserMessage(
                new_records.new_user_message(stack.id, "Ann", "How far are you?", time.time())
            )
        )
        orchestrator.ask(messages.ControlStack(stack.id, messages.Command.RESUME))
        while not (
            isinstance(event := seen.get(timeout=60), events.NodeFinished) and event.role == "communicator"
        ):
            pass

        # From here on Recursor tells the host nothing more. Running agents get ten seconds to finish.
        orchestrator.ask(messages.Unsubscribe(observer))
        in_time = orchestrator.ask(messages.Shutdown(grace=10))
        with store.read() as reader:
            cycles = len(queries.recent_executions(reader, stack.id, limit=100))
        store.close()
        print(f"Recursor has stopped, {'in time' if in_time else 'late'}, after {cycles} cycles.")

    # The host's actors were not touched.
    assert clerk.ask(1) == 1
    assert {ref.actor_urn for ref in pykka.ActorRegistry.get_all()} == {clerk.actor_urn, observer.actor_urn}
    print("The host goes on: its clerk counts to", clerk.ask(1))
    observer.stop()
    clerk.stop()


if __name__ == "__main__":
    main()
