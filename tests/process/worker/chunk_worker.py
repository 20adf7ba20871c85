"""A worker of whatever version of the service is on the path: it does a chunk when it is told to.

Reads lines `URL BRAND_ID JOB_ID chunk|die`, and answers each by whether the job could be had. After
`chunk` it gives the job back, as a worker that is stopped; after `die` it does not, as one that is
killed. What this version calls otherwise than an earlier one is told apart in `work_of`.
"""

import functools
import inspect
import json
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

from flask import Flask

import service
from service.settings import load_settings
from service.usecases.working import Worker


class Killed(BaseException):
    """Ends a worker abruptly."""


class Observer:
    """An observer that raises errors, and ignores the rest."""

    def __getattr__(self, name):
        return lambda *_: None

    def broken(self, key, error):
        raise error


def die(_seconds):
    raise Killed


def work_of(settings):
    """Open the database, and return its queue of jobs."""
    open_database = module("opening", "engines").open_database
    arguments: dict[str, Any] = {"settings": settings, "threads": 1}
    if "app" in inspect.signature(open_database).parameters:
        arguments["app"] = Flask("worker")
    database = open_database(**arguments)
    return module("jobs.leases", "leases").SQLWork(database)


def module(now, before):
    """Return a module of the store, which had another name until version 0.1."""
    try:
        return import_module(f"service.store.{now}")
    except ModuleNotFoundError:
        return import_module(f"service.store.{before}")


def key_of(brand_id, job_id):
    """Return the key of a job, whose class had another module until version 0.1."""
    try:
        keys: Any = import_module("service.usecases.keys")
    except ModuleNotFoundError:
        keys = import_module("service.usecases.job_ports")
    return keys.JobKey(brand_id, job_id)


def make_chunks_small():
    """Set attributes by their names in any version."""
    small = {"RUN_ROWS": 300, "PART_ROWS": 50, "STORED_AT_ONCE": 100, "STORED_AT_LEAST": 100}
    for room in ("usecases.import_pipeline", "store.imports", "store.importing"):
        for phase in ("reading", "checking", "storing", "chunks"):
            with suppress(ModuleNotFoundError):
                found = import_module(f"service.{room}.{phase}")
                vars(found).update({name: small[name] for name in small.keys() & vars(found)})


def worker_of(work, wait):
    """Make a worker, which took another argument until version 0.1."""
    arguments: dict[str, Any] = {"work": work, "observer": Observer(), "wait": wait}
    if "announce" in inspect.signature(Worker).parameters:
        arguments["announce"] = lambda _key: None
    return Worker(**arguments)


def answer(content):
    sys.stdout.write(f"{json.dumps(content)}\n")
    sys.stdout.flush()


def work_at(url):
    os.environ["DISCOUNT_DATABASE_URL"] = url
    return work_of(load_settings())


def main():
    """Read and run commands until there are no more lines."""
    make_chunks_small()
    answer(service.__file__)
    work_on = functools.cache(work_at)
    for line in sys.stdin:
        url, brand_id, job_id, how = line.split()
        wait = die if how == "die" else lambda _seconds: True
        try:
            took = worker_of(work_on(url), wait).do(key_of(int(brand_id), job_id))
        except Killed:
            took = True
        answer(took)


if __name__ == "__main__":
    main()
