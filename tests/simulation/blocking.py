"""Functions that block, on the one thread of a simulation: each step runs in a greenlet of its own."""

from greenlet import GreenletExit, getcurrent, greenlet

from recursor.runtime.simulated import Scheduler


class Steps:
    """Runs the steps of a scheduler, and lets the code in them wait for simulated time."""

    def __init__(self, scheduler: Scheduler) -> None:
        """Run the steps of `scheduler`."""
        self._scheduler = scheduler
        self._blocked: dict[greenlet, None] = {}

    def run_one(self) -> bool:
        """Run a step, as far as it gets. Returns whether there was one."""
        if not self._scheduler.ready:
            return False
        greenlet(self._scheduler.step).switch()
        return True

    def block(self, seconds: float) -> None:
        """Wait, in a step, as a function does that blocks its thread; others run meanwhile."""
        me = getcurrent()
        assert me.parent is not None
        self._blocked[me] = None
        self._scheduler.call_after(seconds, lambda: self._resume(me))
        me.parent.switch()

    def end(self) -> None:
        """End all that blocks: the process is gone."""
        for blocked in list(self._blocked):
            blocked.parent = getcurrent()
            blocked.throw(GreenletExit)
        self._blocked.clear()

    def _resume(self, blocked: greenlet) -> None:
        if blocked in self._blocked:
            del self._blocked[blocked]
            # When it has ended, or blocks again, the step that has resumed it continues.
            blocked.parent = getcurrent()
            blocked.switch()
