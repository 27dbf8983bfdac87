"""The work cache: keeps a stack's work status, and detects it again only when it may have changed."""

from typing import Any
from weakref import ReferenceType, ref

from recursor.actors.environment import Environment
from recursor.actors.stack_messages import DetectWork
from recursor.domain.events import WorkDetected
from recursor.domain.settings import Settings
from recursor.domain.work import WorkReport
from recursor.orchestration.detection import detect_work
from recursor.orchestration.stack_records import StackRecords
from recursor.runtime.actor import DispatchedActor


class WorkCache(DispatchedActor):
    """Answers `DetectWork`, from memory while the report is fresh and the stack unchanged."""

    listed = False

    def __init__(self, stack_id: str, environment: Environment) -> None:
        super().__init__(dispatcher=environment.runtime.control)
        self._stack_id = stack_id
        self._environment = environment
        self._report: WorkReport | None = None
        # A weak reference: otherwise it alone would keep a busy stack's old records in memory.
        self._made_of: tuple[ReferenceType[StackRecords], Settings] | None = None

    def on_receive(self, message: Any) -> WorkReport:
        """Return the work status of a snapshot.

        Raises:
            DetectorFailedError: a role's detector failed.
        """
        assert isinstance(message, DetectWork)
        environment, settings = self._environment, message.settings
        now = environment.runtime.clock.now()
        report, made_of = self._report, self._made_of
        if (
            report is not None
            and made_of is not None
            and made_of[0]() is message.records
            and made_of[1] is settings
            and report.is_fresh(settings.detection.cache_ttl, now)
        ):
            return report
        report = detect_work(message.snapshot, environment.roles, settings, now)
        self._report, self._made_of = report, (ref(message.records), settings)
        if environment.events.wanted(self._stack_id, WorkDetected):
            environment.events.publish(WorkDetected(stack_id=self._stack_id, at=now, report=report))
        return report
