"""A stop flag is an event."""

import threading

from recursor.runtime.stop_flag import StopFlag

WAIT = 30


def test_it_is_set_and_cleared():
    flag = StopFlag()
    assert not flag.is_set()
    assert not flag.wait(timeout=0)
    flag.set()
    assert flag.is_set()
    assert flag.wait()
    flag.clear()
    assert not flag.is_set()
    assert not flag.wait(timeout=0)


def test_all_who_wait_are_woken(hurried_threads):
    for _ in range(100):
        flag, together = StopFlag(), threading.Barrier(4)

        def wait(flag=flag, together=together):
            together.wait(WAIT)
            assert flag.wait(WAIT)

        waiting = [threading.Thread(target=wait) for _ in range(3)]
        for thread in waiting:
            thread.start()
        together.wait(WAIT)
        flag.set()
        for thread in waiting:
            thread.join(WAIT)
            assert not thread.is_alive()
