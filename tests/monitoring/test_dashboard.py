"""The dashboard: what each panel shows, of which installation, and where to read on."""

import re

import pytest

from service.settings import HOME
from tests.tools.monitoring.queries import dashboard
from tests.tools.monitoring.rules import alerts, load

PANELS = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
CHOSEN = 'cluster=~"$cluster",namespace=~"$namespace",job=~"$job"'
METRIC = r"\bdiscount[_:][\w:]+"
PER_SECOND = {"reqps", "ops"}


def queries(panel):
    return [target["expr"] for target in panel["targets"]]


def metrics(query):
    """Return the metrics that a query reads, without labels and their values."""
    return set(re.findall(METRIC, re.sub(r"\{.*?\}|by \(.*?\)", "", query)))


def unit(query):
    """Return what a query measures."""
    if "histogram_quantile" in query or re.search(r"_seconds\b|_in_seconds", query):
        return "s"
    if re.search(r"_bytes\b", query):
        return "bytes"
    if re.search(r"\brate\(", query) and " / " not in query and "* 60" not in query:
        return "per second"
    return "percentunit" if re.search(r":ratio|_files\{.* / ", query) else "short"


def test_it_can_be_narrowed_to_one_installation():
    names = [variable["name"] for variable in dashboard()["templating"]["list"]]
    assert ["datasource", "cluster", "namespace", "job"] == names[:4]
    for query in [query for panel in PANELS for query in queries(panel)]:
        selectors = re.findall(rf"(?:{METRIC}|\bup|\bALERTS)\{{", query)
        assert len(selectors) == query.count(CHOSEN), query


def test_a_stat_says_that_there_is_no_data_when_the_service_is_gone():
    """It shows the present, and never the last value that there was."""
    stats = [panel for panel in PANELS if panel["type"] == "stat"]
    assert stats
    for panel in stats:
        assert "no data" == panel["fieldConfig"]["defaults"]["noValue"]
        for target in panel["targets"]:
            assert (True, False) == (target["instant"], target["range"])
            assert "or vector" not in target["expr"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_an_axis_has_one_unit(panel):
    shown = panel["fieldConfig"]["defaults"]["unit"]
    found = {unit(query) for query in queries(panel)} - {"short"}
    if found and not {"changes(", "deriv("} & set(re.findall(r"\w+\(", " ".join(queries(panel)))):
        assert {"per second" if shown in PER_SECOND else shown} == found


def test_links_lead_to_runbooks():
    links = [*dashboard()["links"], *(link for panel in PANELS for link in panel.get("links", []))]
    pages = {link["url"].removeprefix("${runbooks}/") for link in links}
    assert {page.name for page in (HOME / "docs/runbooks").glob("*.md")} >= pages
    (base,) = (
        variable["query"]
        for variable in dashboard()["templating"]["list"]
        if variable["name"] == "runbooks"
    )
    assert all(rule["annotations"]["runbook_url"].startswith(f"{base}/") for rule in alerts())


def test_what_an_alert_reads_is_shown():
    """Who is woken by it finds its values on the dashboard."""
    recorded = {
        rule["record"]: metrics(rule["expr"])
        for group in load()["groups"]
        for rule in group["rules"]
        if "record" in rule
    }

    def read(names):
        deeper = {inner for name in names for inner in recorded.get(name, ())}
        return names if deeper <= names else read(names | deeper)

    def plain(queries):
        names = read({name for query in queries for name in metrics(query)})
        return {re.sub("_(sum|count|bucket)$", "", name) for name in names if ":" not in name}

    shown = plain(query for panel in PANELS for query in queries(panel))
    assert plain(rule["expr"] for rule in alerts()) <= shown
