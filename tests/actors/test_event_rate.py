"""How many events a watcher is told."""

from recursor.actors.event_bus import EventBus
from recursor.actors.event_rate import EventRate
from recursor.domain.events import ContentsChanged, Event, StackDeleted

A, B = "a" * 16, "b" * 16


class Watcher:
    def __init__(self) -> None:
        self.told: list[Event] = []

    def tell(self, message: Event) -> None:
        self.told.append(message)


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def publish(stream: EventBus, stack_id: str, count: int) -> None:
    for _ in range(count):
        if stream.wanted(stack_id):
            stream.publish(ContentsChanged(stack_id=stack_id, at=0.0, what="todos"))


def test_a_burst_is_told_and_what_is_beyond_is_counted() -> None:
    seconds, watcher, stream = Seconds(), Watcher(), EventBus()
    rate = EventRate(stack_rate=1, stack_burst=5, total_rate=100, total_burst=100, now=seconds)
    stream.subscribe(watcher, rate=rate)
    publish(stream, A, 8)
    assert len(watcher.told) == 5
    assert rate.collect_missed() == 3
    assert rate.collect_missed() == 0
    seconds.now = 2.0
    publish(stream, A, 8)
    assert len(watcher.told) == 7


def test_one_stack_does_not_use_up_the_share_of_another() -> None:
    watcher, stream = Watcher(), EventBus()
    stream.subscribe(watcher, rate=EventRate(stack_burst=5, total_burst=100, now=Seconds()))
    publish(stream, A, 1000)
    publish(stream, B, 5)
    assert [event.stack_id for event in watcher.told] == [A] * 5 + [B] * 5


def test_all_stacks_together_are_bounded() -> None:
    watcher, stream = Watcher(), EventBus()
    stream.subscribe(watcher, rate=EventRate(stack_burst=5, total_burst=7, now=Seconds()))
    publish(stream, A, 5)
    publish(stream, B, 5)
    assert len(watcher.told) == 7


def test_nobody_is_spared_what_matters() -> None:
    watcher, stream = Watcher(), EventBus()
    stream.subscribe(watcher, rate=EventRate(stack_burst=1, now=Seconds()))
    publish(stream, A, 10)
    assert stream.wanted(A, essential=True)
    stream.publish(StackDeleted(stack_id=A, at=0.0))
    assert [type(event) for event in watcher.told] == [ContentsChanged, StackDeleted]


def test_who_wants_all_is_told_all_beside_one_who_does_not() -> None:
    patient, hasty, stream = Watcher(), Watcher(), EventBus()
    stream.subscribe(hasty, rate=EventRate(stack_burst=2, now=Seconds()))
    stream.subscribe(patient)
    publish(stream, A, 10)
    assert (len(patient.told), len(hasty.told)) == (10, 2)


def test_buckets_do_not_pile_up() -> None:
    seconds = Seconds()
    rate = EventRate(total_rate=1e9, total_burst=1e9, now=seconds)
    for number in range(30_000):
        seconds.now += 1.0
        rate.take(f"{number:016x}")
    assert len(rate._stacks) <= 10_000
