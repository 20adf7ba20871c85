"""Why a maintenance command could not do its work; callers over HTTP never see these."""


class MaintenanceError(Exception):
    """A command on the database cannot be done; the message is a sentence for its operator."""
