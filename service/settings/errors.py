"""Errors of settings, which stop the start."""


class SettingsError(Exception):
    """A setting is missing or wrong; the message is a sentence that names it."""
