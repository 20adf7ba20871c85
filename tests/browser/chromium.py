"""The system's Chromium, without anything that would reach for the network."""

import os

from playwright.sync_api import Browser, Playwright

from tests.plugins.system_packages import require

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WITHIN_MS = 60_000


def launch(playwright: Playwright) -> Browser:
    """Start it."""
    chromium = os.environ.get("CHROMIUM") or require("chromium")
    return playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=WITHIN_MS)
