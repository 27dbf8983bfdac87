"""The work cache: knows a stack's work status, and looks again only when it may have changed."""

from typing import ClassVar

from recursor.actors.control_actor import ControlActor
from recursor.actors.environment import Environment
from recursor.actors.stack_messages import DetectWork, Sighting
from recursor.domain.events import WorkDetected
from recursor.domain.settings import Settings
from recursor.orchestration.detection import detect_work
from recursor.storage.revisions import read_revision, same_contents
from recursor.storage.snapshots import refresh_snapshot, take_snapshot


class WorkCache(ControlActor):
    """Answers `DetectWork`, from memory while that is fresh and nothing was written to the stack since."""

    def __init__(self, stack_id: str, environment: Environment) -> None:
        super().__init__(dispatcher=environment.control)
        self._stack_id = stack_id
        self._environment = environment
        self._seen: Sighting | None = None
        self._settings: Settings | None = None
        """Those with which that was seen."""

    def _detect(self, message: DetectWork) -> Sighting:
        """Return what is true now.

        Raises:
            NotFoundError: the stack is gone.
            CorruptRecordError: one of its records cannot be read.
            DetectorFailedError: a role's detector failed.
        """
        environment, settings = self._environment, message.settings
        now = environment.clock.now()
        with environment.store.read() as reader:
            revision, seen = read_revision(reader, self._stack_id), self._seen
            ttl = settings.detection.cache_ttl
            as_told = self._settings is settings
            if seen is not None and as_told and seen.report.is_fresh(revision, ttl, now):
                return seen
            young = seen is not None and 0 <= now - seen.snapshot.taken_at < ttl
            if seen is not None and young and same_contents(seen.report.revision, revision):
                snapshot = refresh_snapshot(reader, seen.snapshot, revision, message.ran, now)
            else:
                snapshot = take_snapshot(reader, self._stack_id, environment.roles, now)
        report = detect_work(snapshot, environment.roles, settings, now)
        self._seen, self._settings = Sighting(snapshot, report), settings
        if environment.events.wanted(self._stack_id, WorkDetected):
            environment.events.publish(WorkDetected(stack_id=self._stack_id, at=now, report=report))
        return self._seen

    handlers: ClassVar = {DetectWork: _detect}
