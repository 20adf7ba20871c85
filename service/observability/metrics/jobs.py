"""Metrics of jobs."""

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from service.domain.jobs import Job, JobKind, JobState
from service.observability.metrics.process_collectors import BuildCollector, LogCollector
from service.usecases.ports.lapses import Lapsed
from service.usecases.ports.work import Step

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
ENDS = (JobState.SUCCEEDED, JobState.FAILED)
"""Final states that a worker sets; a caller cancels."""


class JobMetrics:
    """The metrics of one worker."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(BuildCollector())
        self.registry.register(LogCollector())
        ProcessCollector(registry=self.registry)
        self._chunks = Histogram(
            "discount_job_chunk_seconds",
            "Duration of a chunk's transaction with its commit.",
            ["kind"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._rows = Counter(
            "discount_job_rows", "Rows that jobs have processed.", ["kind"], registry=self.registry
        )
        self._ended = Counter(
            "discount_jobs_ended",
            "Jobs that have succeeded or failed.",
            ["kind", "state"],
            registry=self.registry,
        )
        self._created = Counter("discount_codes_created", "Codes created.", registry=self.registry)
        self._waits = Counter(
            "discount_job_waits",
            "Chunks that were retried because the database could not be written.",
            registry=self.registry,
        )
        self._given_up = Counter(
            "discount_jobs_given_up",
            "Jobs that were ended because they killed five workers in a row.",
            registry=self.registry,
        )
        self._left = Counter(
            "discount_jobs_left",
            "Jobs that this worker leaves alone for a newer version of the service.",
            registry=self.registry,
        )
        self._lapsed = Counter(
            "discount_codes_lapsed",
            "Codes whose reservations have ended by themselves.",
            ["outcome"],
            registry=self.registry,
        )
        # Made at once, so that each is scraped as 0 before it first happens.
        for kind in JobKind:
            self._chunks.labels(kind)
            self._rows.labels(kind)
            for state in ENDS:
                self._ended.labels(kind, state)

        for outcome in Lapsed._fields:
            self._lapsed.labels(outcome)

    def chunk(self, step: Step) -> None:
        """Note a chunk."""
        self._chunks.labels(step.job.kind).observe(step.seconds)
        self._rows.labels(step.job.kind).inc(step.rows)
        self._created.inc(step.created)

    def ended(self, job: Job) -> None:
        """Count a job that has ended."""
        self._ended.labels(job.kind, job.state).inc()

    def lapsed(self, codes: Lapsed) -> None:
        """Count codes that have lapsed."""
        for outcome, count in codes._asdict().items():
            self._lapsed.labels(outcome).inc(count)

    def given_up(self) -> None:
        """Count a job that is given up because workers died of it."""
        self._given_up.inc()

    def left(self) -> None:
        """Count a job that is left for a newer version."""
        self._left.inc()

    def waits(self) -> None:
        """Count a failed chunk that will be retried."""
        self._waits.inc()
