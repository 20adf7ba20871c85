"""A store in memory, for tests of the rules of use cases."""

from collections import Counter
from dataclasses import dataclass, field, replace

from service.domain.campaigns import Campaign, CampaignWithCounts, Rules
from service.domain.errors import BrandNotFound, CampaignNotFound, InsufficientStorage
from service.domain.jobs import Job, JobState
from service.domain.model import Idempotency, State
from service.usecases.import_pipeline.state import STORE, Cursor, written
from service.usecases.job_kinds import STATE_VERSION
from service.usecases.keys import FileKey, JobKey, PoolKey
from service.usecases.ports.transaction import JobCursor, PoolForCodes, StoredAnswer

NOW = 1_000_000_000
KEY = Idempotency(b"key", b"content")
POOL = ("brand", "default")


@dataclass
class Memory:
    """A store whose transactions are plain calls, without rollback."""

    now: int = NOW
    supply: list[str] = field(default_factory=list)
    """Codes to mint in order; after them, always the same code."""
    full: bool = False
    storing: bool = False
    version: int = STATE_VERSION
    pools: dict[tuple[str, str], PoolKey] = field(default_factory=dict)
    codes: dict[PoolKey, set[str]] = field(default_factory=dict)
    counts: Counter[State] = field(default_factory=Counter)
    answers: dict[bytes, StoredAnswer] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    files: dict[FileKey, JobKey] = field(default_factory=dict)
    rules: dict[PoolKey, Rules] = field(default_factory=dict)
    grew: list[bool] = field(default_factory=list)

    def write(self, work, now, *, grows=False):
        self.now = now
        self.grew.append(grows)
        return work(self)

    def require_space(self):
        if self.full:
            raise InsufficientStorage

    def replay(self, key):
        return self.answers.get(key)

    def forget(self, key):
        del self.answers[key]

    def remember(self, _pool, idempotency, _kind, names):
        self.answers[idempotency.key] = StoredAnswer(idempotency.fingerprint, names, self.now)

    def campaign(self, brand, campaign):
        if (brand, campaign) in self.pools:
            return self.pools[brand, campaign]
        raise CampaignNotFound if any(brand == there for there, _ in self.pools) else BrandNotFound

    def make_campaign(self, brand, campaign):
        return self.pools.setdefault((brand, campaign), PoolKey(1, len(self.pools) + 1))

    def pool_for_codes(self, brand, campaign):
        pool = self.campaign(brand, campaign)
        rules = self.rules.get(pool, Rules())
        return PoolForCodes(pool, rules.archived, rules.code_format)

    def count_codes(self, _pool):
        return self.counts.total()

    def insert_campaign(self, brand, campaign):
        return None if (brand, campaign) in self.pools else self.make_campaign(brand, campaign)

    def lock_campaign(self, brand, campaign):
        pool = self.pools.get((brand, campaign))
        found = Campaign(brand, campaign, NOW)
        return pool and CampaignWithCounts(found, self.rules.get(pool, Rules()), self.counts)

    def set_rules(self, pool, rules):
        self.rules[pool] = rules

    def open_jobs_of(self, _pool):
        return [job.id for job in self.jobs.values() if job.finished_at is None]

    def mint(self, _pool, _form, count):
        made, self.supply = self.supply[:count], self.supply[count:]
        return made or ["AAAA"] * count

    def insert_codes(self, pool, codes):
        there = self.codes.setdefault(pool, set())
        new = [code for code in dict.fromkeys(codes) if code not in there]
        there.update(new)
        return new

    def adjust_counts(self, _pool, changes):
        self.counts.update(changes)

    def open_jobs(self, _brand_id):
        return sum(job.finished_at is None for job in self.jobs.values())

    def insert_job(self, _pool, request):
        id_ = f"job-{len(self.jobs)}"
        state, parameters = JobState.QUEUED, request.parameters
        asked = (request.kind, state, request.total, 0, 0, request.requested_by, parameters)
        self.jobs[id_] = Job(id_, *asked, None, self.now, None, None)
        return self.jobs[id_]

    def attach_file(self, file, job):
        self.files[file] = job

    def job(self, _pool, job_id, *, lock=False):
        return self.jobs[job_id]

    def job_cursor(self, _pool, _job_id):
        return JobCursor(self.version, written(Cursor(STORE)) if self.storing else None)

    def end_job(self, key, state, detail):
        ended = {"state": state, "detail": detail, "finished_at": self.now}
        self.jobs[key.id] = replace(self.jobs[key.id], **ended)
