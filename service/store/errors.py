"""Errors of maintenance commands, which HTTP callers never see."""


class MaintenanceError(Exception):
    """A maintenance command failed; the message is a sentence for the operator."""


class UnfitDatabaseError(MaintenanceError):
    """The service cannot use a database; the message says why, without the database's name."""
