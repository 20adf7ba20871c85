"""What stops the start where a setting is wrong."""


class SettingsError(Exception):
    """A setting is missing or wrong; the message is a sentence that names it."""
