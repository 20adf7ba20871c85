"""Jobs in tests: done at once, in the test's own thread."""

from service.app import parts_of
from service.store.importing.files import SQLImports
from service.store.leases import SQLWork
from service.usecases.ports import system_clock
from service.usecases.working import Worker


class Nobody:
    """Takes no notice of what a worker does, but of faults."""

    def taken(self, job):
        pass

    def chunk(self, step):
        pass

    def ended(self, job):
        pass

    def lost(self, key):
        pass

    def waits(self, key, error, seconds):
        raise error

    def broken(self, key, error):
        raise error

    def given_up(self, key, attempts):
        raise AssertionError


def work(app):
    """Do every job that waits, and purge what they leave."""
    database = parts_of(app).database
    worker = Worker(SQLWork(database), lambda _key: None, Nobody(), lambda _seconds: False)
    while worker.do_overdue():
        pass
    purge(app)


def purge(app):
    """Purge what no open job needs."""
    imports = SQLImports(parts_of(app).database)
    while imports.purge(system_clock()):
        pass
