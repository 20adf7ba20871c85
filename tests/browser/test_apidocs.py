"""`/apidocs/` in a real Chromium: a newcomer authorizes, creates and fetches by clicking."""

import re

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.chromium import WITHIN_MS, launch
from tests.support.running import running
from tests.support.tokens import token

on_a_phone = pytest.mark.parametrize(
    "look", [{"viewport": {"width": 390, "height": 844}}], ids=["phone"]
)
in_the_dark = pytest.mark.parametrize("look", [{"color_scheme": "dark"}], ids=["dark"])
CREATE = "/apidocs/#/discount/post_v1_discount_create"
FETCH = "/apidocs/#/discount/get_v1_discount_fetch__brand___user_"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running(tmp_path_factory.mktemp("service")) as running_service:
        yield running_service


@pytest.fixture(scope="module")
def browser():
    expect.set_options(timeout=WITHIN_MS)
    with sync_playwright() as playwright:
        launched = launch(playwright)
        yield launched
        launched.close()


@pytest.fixture
def look():
    """What kind of screen and scheme the page has; none in particular."""
    return {}


@pytest.fixture
def page(service, browser, look):
    """A page with a new profile, whose console and network must stay free of errors."""
    context = browser.new_context(**look)
    page = context.new_page()
    complaints, foreign = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((service.url, "data:")) else foreign.append(request.url)
        ),
    )
    page.set_default_timeout(WITHIN_MS)
    yield page
    context.close()
    assert [] == complaints
    assert [] == foreign


def authorize(page):
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".modal-ux")
    dialog.locator("input").fill(token())
    dialog.get_by_role("button", name=re.compile("Apply|Authorize")).click()
    dialog.get_by_role("button", name="Close").click()


def execute(page, anchor):
    """Try an operation out with its defaults; return the body of the answer."""
    operation = page.locator(f"#operations-{anchor}")
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    expect(answer.locator(".response-col_status").nth(1)).to_have_text(re.compile("200"))
    return answer.locator(".response-col_description pre").first.inner_text()


def is_opened(page, summary):
    """Wait until the page shows one operation, and check which."""
    opened = page.locator(".opblock.is-open")
    expect(opened).to_have_count(1)
    expect(opened).to_contain_text(summary)


@in_the_dark
def test_a_newcomer_gets_a_code_by_clicking(service, page):
    """Start at the anchor of create, which opens the operation; the token outlives a reload."""
    page.goto(service.url + CREATE)
    is_opened(page, "Create codes for a brand")
    assert is_dark(page)
    authorize(page)
    page.reload()
    is_opened(page, "Create codes for a brand")
    created = re.findall(r'"([A-Z0-9]{12})"', execute(page, "discount-post_v1_discount_create"))
    assert 10 == len(created)
    page.get_by_role("button", name="/v1/discount/fetch/{brand}/{user}").first.click()
    fetched = execute(page, "discount-get_v1_discount_fetch__brand___user_")
    assert re.findall(r'"discount_code": "([A-Z0-9]{12})"', fetched)[0] in created


@on_a_phone
def test_the_anchor_of_fetch_opens_it_on_a_phone_too(service, page):
    page.goto(service.url + FETCH)
    is_opened(page, "Give a user a code")
    assert 390 >= width_of(page)


@pytest.mark.parametrize("step", [12, pytest.param(1, marks=pytest.mark.long)])
def test_operations_schemas_and_models_can_be_opened(service, page, step):
    """The page's policy lets every part be shown; showing all takes half a minute."""
    policy = page.goto(service.url + "/apidocs/").headers["content-security-policy"]
    assert "unsafe" not in policy
    page.locator(".opblock").first.wait_for()
    operations = page.locator(".opblock").count()
    assert operations > 10
    click(page.locator(".opblock-summary-control"), step)
    expect(page.locator(".opblock.is-open")).to_have_count(-(-operations // step))
    click(page.locator(".opblock .tablinks", has_text="Schema"), 1)
    click(page.locator("section.models .json-schema-2020-12-accordion, .model-box"), step)
    page.get_by_role("button", name="Authorize").first.click()
    expect(page.locator(".opblock.is-open")).to_have_count(-(-operations // step))


def click(buttons, step):
    """Click one in so many operations in a script: scrolling to each takes minutes."""
    assert buttons.count()
    buttons.evaluate_all(
        "(found, step) => found.forEach((each, at) => at % step || each.click())", step
    )


def test_a_problems_page_is_shown(service, page):
    page.goto(service.url + "/problems/rate-limited")
    expect(page.locator("h1")).to_have_text("Too many requests")


@on_a_phone
@pytest.mark.parametrize("path", ["/problems/", "/problems/no-codes-left"])
def test_a_page_of_problems_is_no_wider_than_a_phone(service, page, path):
    page.goto(service.url + path)
    page.locator("h1").wait_for()
    assert 390 >= width_of(page)


@in_the_dark
def test_a_page_of_problems_is_dark_where_the_reader_wants_it(service, page):
    page.goto(service.url + "/problems/")
    page.locator("h1").wait_for()
    assert is_dark(page)


def width_of(page):
    return page.evaluate("document.documentElement.scrollWidth")


def is_dark(page):
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return all(int(part) < 80 for part in re.findall(r"\d+", ground)[:3])
