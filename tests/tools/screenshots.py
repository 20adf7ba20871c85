"""Pictures of the pages of a running service, for the README and for reviews."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from service.settings import HOME
from tests.browser.chromium import launch
from tests.support.running import running

FOLDER = HOME / "build/screenshots"
IN_README = HOME / "docs/apidocs.png"
PAGES = {
    "apidocs": "/apidocs/",
    "create": "/apidocs/#/discount/post_v1_discount_create",
    "problems": "/problems/",
    "problem": "/problems/no-codes-left",
}
SIZES = {"desktop": (1200, 800), "phone": (390, 844)}
SHOWN = "h1, .opblock"


def main() -> None:
    """Take each page in both sizes and schemes, and renew the README's picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with _service() as url, sync_playwright() as playwright:
        browser = launch(playwright)
        for page, size, scheme in product(PAGES, SIZES, ("light", "dark")):
            _take(
                browser,
                url + PAGES[page],
                SIZES[size],
                scheme,
                FOLDER / f"{page}-{size}-{scheme}.png",
            )
        _take(browser, url + PAGES["create"], SIZES["desktop"], "light", IN_README)
        browser.close()


@contextmanager
def _service() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as service:
        yield service.url


def _take(browser: Browser, url: str, size: tuple[int, int], scheme: str, file: Path) -> None:
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto(url)
    page.locator(SHOWN).first.wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=file)
    context.close()


if __name__ == "__main__":
    main()
