"""The OpenAPI document: valid, complete and correct."""

import json
import re
from collections import Counter
from importlib.metadata import version

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from service.api.problems.catalogue import PROBLEM_TYPES
from service.api.routes import template
from service.domain import moves
from service.domain.moves import Cause
from tests.api.conftest import C


@pytest.fixture
def engine():
    """No database is reached."""
    return "sqlite"


INLINED = ("headers", "parameters", "responses", "examples")


@pytest.fixture
def written(client):
    """The document as it is served."""
    return client.get("/apispec_1.json").json


@pytest.fixture
def document(written):
    """The document with its components, except schemas, where they are referred to."""
    return inlined(written, written["components"])


def inlined(part, components):
    if isinstance(part, list):
        return [inlined(each, components) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        kind, name = part["$ref"].split("/")[2:]
        return inlined(components[kind][name], components) if kind in INLINED else part
    return {name: inlined(each, components) for name, each in part.items()}


def test_it_is_valid_openapi_3_1(written):
    assert "3.1.0" == written["openapi"]
    validate(written)


def test_what_operations_share_stands_once(written):
    """The document was 458 kB while it repeated every header, parameter and problem."""
    for calls in written["paths"].values():
        for call in calls.values():
            for status, response in call["responses"].items():
                assert "$ref" in response or int(status) < 400 or call["tags"] == ["probes"]
    referred = json.dumps(written)
    for kind in INLINED:
        for name in written["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in referred, f"{kind} {name} is not used"


def test_requests_refuse_what_they_do_not_know_and_answers_may_grow(written):
    schemas = written["components"]["schemas"]
    bodies = json.dumps(
        [call.get("requestBody") for calls in written["paths"].values() for call in calls.values()]
    )
    for name in reached(bodies, schemas):
        assert schemas[name]["additionalProperties"] is False, name
    for name in schemas.keys() - reached(bodies, schemas):
        assert "additionalProperties" not in schemas[name], name


def reached(text, schemas):
    """Return the schemas that a text of JSON refers to, and those that these refer to."""
    found: set[str] = set()
    new = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    while new - found:
        found |= new
        new = set(re.findall(r'schemas/(\w+)"', json.dumps([schemas[name] for name in found])))
    return found


def test_no_pattern_looks_around(written):
    """RE2, and so Go and many gateways, cannot; OpenAPI recommends ECMA-262 without it."""
    assert [] == re.findall(r"\(\?[=!<]", json.dumps(written))


def test_scopes_are_where_tools_look_for_them(document):
    fetch = document["paths"]["/v1/discount/fetch/{brand}/{user}"]["get"]
    assert [{"bearerAuth": ["discounts:reserve"]}] == fetch["security"]


def test_it_describes_every_route_and_no_other(app, document):
    served = {
        (template(rule.rule), method)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/v1") or rule.rule in {"/livez", "/readyz"}
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {
        (path, method.upper()) for path, calls in document["paths"].items() for method in calls
    }
    assert served == described


def test_the_two_calls_have_their_anchors(document):
    """Other pages link to `/apidocs/#/<tag>/<operationId>`."""
    for path, method, anchor in (
        ("/v1/discount/create", "post", "post_v1_discount_create"),
        ("/v1/discount/fetch/{brand}/{user}", "get", "get_v1_discount_fetch__brand___user_"),
    ):
        call = document["paths"][path][method]
        assert ["discount"] == call["tags"]
        assert anchor == call["operationId"]


def test_it_shows_the_table_of_moves(document):
    assert moves.table() in document["info"]["description"]


@pytest.mark.parametrize(
    ("method", "path", "causes"),
    [
        ("put", "/v1/brands/{brand}/codes/{code}/redemption", {Cause.REDEMPTION}),
        ("delete", "/v1/brands/{brand}/codes/{code}/redemption", {Cause.UNDO}),
        (
            "delete",
            "/v1/brands/{brand}/campaigns/{campaign}/reservations/{user}",
            {Cause.RELEASE},
        ),
        ("put", "/v1/brands/{brand}/campaigns/{campaign}/reservations/{user}", {Cause.CLAIM}),
    ],
)
def test_a_call_that_moves_codes_needs_the_scope_of_the_table(document, method, path, causes):
    scopes = {f"discounts:{each.scope}" for each in moves.TRANSITIONS if each.cause in causes}
    (scope,) = scopes
    assert f"Scope: `{scope}`." in document["paths"][path][method]["description"]


def test_every_status_has_an_example_that_fits_its_schema(document):
    checked: Counter[str] = Counter()
    for calls in document["paths"].values():
        for call in calls.values():
            for status, response in call["responses"].items():
                for kind, content in response.get("content", {}).items():
                    for example in examples(content):
                        checked[kind] += 1
                        assert_fits(document, content["schema"], example)
                        if kind == "application/problem+json":
                            assert int(status) == example["status"]
    assert checked["application/json"] > 10
    assert checked["application/problem+json"] > 60


def examples(content):
    if "example" in content:
        return [content["example"]]
    return [example["value"] for example in content["examples"].values()]


def assert_fits(document, schema, instance):
    """Also that it has no members that are not described."""
    strict = {name: closed(each) for name, each in document["components"]["schemas"].items()}
    OAS31Validator({**schema, "components": {"schemas": strict}}).validate(instance)


def closed(schema):
    return schema if "properties" not in schema else {**schema, "additionalProperties": False}


def test_examples_of_problems_name_a_path_that_there_could_be(document):
    """`instance` is a URI reference (RFC 9457, section 3.1.5): braces cannot stand in one."""
    for calls in document["paths"].values():
        for call in calls.values():
            for response in call["responses"].values():
                problem = response.get("content", {}).get(
                    "application/problem+json", {"examples": {}}
                )
                for example in examples(problem):
                    assert not {*"{}"} & {*example["instance"]}


def test_a_parameter_is_never_null(document):
    """A parameter of a URL or header is present or absent, and never null."""
    for calls in document["paths"].values():
        for call in calls.values():
            for parameter in call.get("parameters", []):
                assert "null" not in parameter["schema"].get("type", "")
                assert parameter["schema"].get("default", "") is not None


def test_pages_and_counts_have_their_limits(document):
    schemas = document["components"]["schemas"]
    for page in ("BrandPage", "CampaignPage", "CodePage"):
        assert 1000 == schemas[page]["properties"]["items"]["maxItems"]
    assert {0} == {count["minimum"] for count in schemas["CountsObject"]["properties"].values()}


def test_defaults_are_filled_in(document):
    """The examples are brand1, 10 and user1, so that a newcomer only has to click."""
    create = document["paths"]["/v1/discount/create"]["post"]
    body = create["requestBody"]["content"]["application/json"]
    assert {"brand": "brand1", "number_to_create": 10} == body["example"]
    fetch = document["paths"]["/v1/discount/fetch/{brand}/{user}"]["get"]
    shown = {each["name"]: each["schema"].get("example") for each in fetch["parameters"]}
    assert ("brand1", "user1") == (shown["brand"], shown["user"])


def test_limits_are_those_that_are_enforced(document):
    schema = document["components"]["schemas"]["CreateDiscount"]
    number = schema["properties"]["number_to_create"]
    assert (1, 1000, "integer") == (number["minimum"], number["maximum"], number["type"])
    assert ["brand", "number_to_create"] == sorted(schema["required"])
    assert schema["additionalProperties"] is False


CALLS = [
    ("post", "/v1/discount/create", "/v1/discount/create", {"brand": "b", "number_to_create": 2}),
    ("get", "/v1/discount/fetch/{brand}/{user}", "/v1/discount/fetch/brand1/user1", None),
    ("put", "/v1/brands/{brand}/campaigns/{campaign}/reservations/{user}", None, None),
    ("get", "/v1/brands", "/v1/brands", None),
    ("get", "/v1/brands/{brand}", "/v1/brands/brand1", None),
    ("get", "/v1/brands/{brand}/campaigns", "/v1/brands/brand1/campaigns", None),
    ("get", "/v1/brands/{brand}/campaigns/{campaign}", C, None),
    ("get", "/v1/brands/{brand}/campaigns/{campaign}/codes", f"{C}/codes?limit=2", None),
    ("get", "/v1/brands/{brand}/campaigns/{campaign}/codes", f"{C}/codes?limit=x", None),
    ("get", "/v1/brands/{brand}", "/v1/brands/ghost", None),
    ("post", "/v1/discount/create", "/v1/discount/create", {"brand": "b", "x": 2}),
    ("get", "/livez", "/livez", None),
    ("get", "/readyz", "/readyz", None),
]


@pytest.mark.parametrize(("method", "path", "url", "body"), CALLS)
def test_real_answers_are_as_described(client, auth, codes, document, method, path, url, body):
    url = url or f"{C}/reservations/user1"
    answer = client.open(url, method=method.upper(), json=body, headers=auth)
    described = document["paths"][path][method]["responses"][str(answer.status_code)]
    schema = described["content"][answer.content_type]["schema"]
    assert_fits(document, schema, answer.json)
    for header in described.get("headers", {}):
        assert header in answer.headers or header in {"Link", "Idempotent-Replayed"}


def test_problem_types_are_those_that_exist(document):
    types = document["components"]["schemas"]["ProblemObject"]["properties"]["type"]["enum"]
    assert [f"/problems/{problem.slug}" for problem in PROBLEM_TYPES] == types


def test_swagger_ui_is_version_5_and_our_own(client):
    """No file comes from another host, and none from flasgger's old bundle."""
    page = client.get("/apidocs/").text
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(assets) == 5
    for asset in assets:
        assert asset.startswith("/apidocs/")
        assert 200 == client.get(asset, buffered=True).status_code
    assert version("flask-swagger-ui").startswith("5.")
    assert "<script>" not in page
    assert 200 == client.get("/apidocs").status_code


def test_files_outside_the_docs_are_out_of_reach(client, refused):
    for path in ("..%2F..%2FLICENSE", "static/..%2f..%2fLICENSE", "nothing.js"):
        refused(client.get(f"/apidocs/{path}"), 404, "not-found")


class TestServing:
    def test_it_is_written_once_and_not_sent_again_to_who_has_it(self, client, monkeypatch):
        first = client.get("/openapi.json")
        monkeypatch.setattr("service.api.openapi.routes.build_document", None)
        again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
        assert (304, b"") == (again.status_code, again.data)
        assert first.headers["ETag"] == client.get("/openapi.json").headers["ETag"]
        assert "no-cache" == first.headers["Cache-Control"]

    def test_both_paths_lead_to_it(self, client):
        assert client.get("/apispec_1.json").data == client.get("/openapi.json").data

    def test_the_root_leads_to_the_page(self, client):
        answer = client.get("/")
        assert (302, "/apidocs/") == (answer.status_code, answer.headers["Location"])
