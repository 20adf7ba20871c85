"""A worker of whatever version of the service is on the path: it does a chunk when it is told to.

Reads lines `URL BRAND_ID JOB_ID chunk|die`, and answers each by whether the job could be had. After
`chunk` it gives the job back, as a worker that is stopped; after `die` it does not, as one that is
killed.
"""

import functools
import json
import os
import sys

from flask import Flask

import service
from service.settings import load_settings
from service.store.engines import open_database
from service.store.importing import chunks, storing
from service.store.leases import SQLWork
from service.usecases.job_ports import JobKey
from service.usecases.working import Worker


class Killed(BaseException):
    """Ends a worker from one moment to the next."""


class Observer:
    """Lets no fault pass, and notes nothing else."""

    def __getattr__(self, name):
        return lambda *_: None

    def broken(self, key, error):
        raise error


def die(_seconds):
    raise Killed


def answer(said):
    sys.stdout.write(f"{json.dumps(said)}\n")
    sys.stdout.flush()


def open_at(url):
    os.environ["DISCOUNT_DATABASE_URL"] = url
    return open_database(Flask("worker"), load_settings(), threads=1)


def main():
    """Work until there are no more lines."""
    chunks.RUN_ROWS, chunks.PART_ROWS, storing.STORED_AT_ONCE = 300, 50, 100
    answer(service.__file__)
    open_on = functools.cache(open_at)
    for line in sys.stdin:
        url, brand_id, job_id, how = line.split()
        wait = die if how == "die" else lambda _seconds: True
        worker = Worker(SQLWork(open_on(url)), lambda _key: None, Observer(), wait)
        try:
            took = worker.do(JobKey(int(brand_id), job_id))
        except Killed:
            took = True
        answer(took)


if __name__ == "__main__":
    main()
