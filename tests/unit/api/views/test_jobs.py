"""Representations of jobs, without an application."""

import pytest

from service.api.cursors import Cursors
from service.api.views.jobs import JobViews, accept
from service.domain.jobs import Job, JobState
from service.domain.model import Page
from service.usecases.jobs import RequestedJob
from service.usecases.keys import JobKey

JOB = Job("1f", "generate", JobState.QUEUED, 10, 0, 0, "billing", {}, None, 0, None, None)
LOCATION = ("Location", "/v1/brands/a%3Fb/campaigns/c/jobs/1f")


@pytest.mark.parametrize(
    ("new", "outcome", "headers"),
    [
        (True, "created", (LOCATION,)),
        (False, "replayed", (("Idempotent-Replayed", "true"), LOCATION)),
    ],
)
def test_an_accepted_job_has_a_location(call, new, outcome, headers):
    requested = RequestedJob(JobKey(1, JOB.id), JOB, new)
    reply, logged = call(accept, brand="a?b", campaign="c", requested=requested)
    assert (202, "1f", "a?b") == (reply.status, reply.content["id"], reply.content["brand"])
    assert (outcome, headers) == (logged, reply.headers)


def test_a_page_of_jobs_is_asked_for_by_the_cursor_of_its_own_campaign(call):
    class Jobs:
        def page(self, _brand, _campaign, after, _limit):
            return Page([JOB], more=after is None)

    views = JobViews(Jobs(), Cursors(b"key"), None, None)  # type: ignore[arg-type]
    where = {"brand": "b", "campaign": "c", "limit": 1}
    first, _ = call(views.list_jobs, cursor=None, **where)
    last, _ = call(views.list_jobs, cursor=first.content["next_cursor"], **where)
    assert (["1f"], None) == (
        [job["id"] for job in last.content["items"]],
        last.content["next_cursor"],
    )
