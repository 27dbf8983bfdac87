"""Who passes the gate when."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from recursor.storage.errors import StoreUsageError
from recursor.storage.readers_gate import ReadersGate


def test_being_alone_waits_for_those_inside_who_may_enter_again_meanwhile() -> None:
    gate = ReadersGate()
    events: list[str] = []
    outer = gate.enter()

    def be_alone() -> None:
        with gate.alone():
            events.append("alone")

    thread = threading.Thread(target=be_alone)
    thread.start()
    for _ in range(1000):
        gate.leave(gate.enter())
    events.append("left")
    gate.leave(outer)
    thread.join()
    assert events == ["left", "alone"]


def test_those_outside_wait_until_nobody_is_alone() -> None:
    gate = ReadersGate()
    events: list[str] = []

    def enter() -> None:
        ticket = gate.enter()
        events.append("entered")
        gate.leave(ticket)

    with gate.alone():
        threads = [threading.Thread(target=enter) for _ in range(3)]
        for thread in threads:
            thread.start()
        events.append("alone")
    for thread in threads:
        thread.join()
    assert events == ["alone", *["entered"] * 3]


def test_one_at_a_time_is_alone() -> None:
    gate = ReadersGate()
    inside = 0
    most = 0

    def be_alone() -> None:
        nonlocal inside, most
        for _ in range(100):
            with gate.alone():
                inside += 1
                most = max(most, inside)
                inside -= 1
            gate.leave(gate.enter())

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(be_alone) for _ in range(4)]:
            done.result()
    assert most == 1


def test_who_is_inside_cannot_wait_to_be_alone() -> None:
    gate = ReadersGate()
    ticket = gate.enter()
    with pytest.raises(StoreUsageError, match="end the outer read"), gate.alone():
        pass
    gate.leave(ticket)
    with gate.alone():
        pass


def test_alone_if_empty_never_waits() -> None:
    gate = ReadersGate()
    with gate.alone_if_empty() as alone:
        assert alone
        with gate.alone_if_empty() as second:
            assert not second
    ticket = gate.enter()
    with gate.alone_if_empty() as alone:
        assert not alone
        gate.leave(gate.enter())
    gate.leave(ticket)
    with gate.alone_if_empty() as alone:
        assert alone


def test_another_thread_may_leave_for_the_one_that_entered() -> None:
    gate = ReadersGate()
    ticket = gate.enter()
    thread = threading.Thread(target=gate.leave, args=(ticket,))
    thread.start()
    thread.join()
    with gate.alone():
        pass
