"""A naive service on SQLite, as it is usually written, without safety.

It has the usual layers (a token checked on every call, a log line, a metric, a schema). It reads a
free row through the ORM, and then updates it: two callers can read the same row.
"""

import json
import logging
import os
import secrets
import string
import time
from typing import Any

import jwt
from flask import Flask, Response, g, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from marshmallow import Schema, fields, validate
from prometheus_client import Counter, Histogram

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["NAIVE_DATABASE_URL"]
app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 32, "connect_args": {"timeout": 30}}
db = SQLAlchemy(app)
log = logging.getLogger("naive")
logging.basicConfig(level=logging.INFO, format="%(message)s")
REQUESTS = Counter("naive_requests", "Requests.", ["method", "endpoint", "status"])
SECONDS = Histogram("naive_seconds", "Durations.", ["endpoint"])
ALPHABET = string.ascii_uppercase + string.digits


class Code(db.Model):  # type: ignore[name-defined,misc] # the extension makes its base at run time
    """A code and its holder."""

    id = db.Column(db.Integer, primary_key=True)
    brand = db.Column(db.String(64), index=True, nullable=False)
    code = db.Column(db.String(64), unique=True, nullable=False)
    user = db.Column(db.String(128), index=True)


class CreateSchema(Schema):
    """The body of create."""

    brand = fields.String(required=True, validate=validate.Length(1, 64))
    number_to_create = fields.Integer(required=True, strict=True, validate=validate.Range(1, 1000))


@app.before_request
def arrive() -> None:
    """Check the token."""
    g.began = time.perf_counter()
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    g.claims = jwt.decode(
        token, os.environ["NAIVE_SECRET"], ["HS256"], audience="discount", issuer="discount"
    )


@app.after_request
def leave(response: Response) -> Response:
    """Count and log."""
    seconds = time.perf_counter() - g.began
    REQUESTS.labels(request.method, request.endpoint, str(response.status_code)).inc()
    SECONDS.labels(request.endpoint).observe(seconds)
    line = {"path": request.path, "status": response.status_code, "seconds": seconds}
    log.info(json.dumps(line))
    return response


@app.get("/v1/discount/fetch/<brand>/<user>")
def fetch(brand: str, user: str) -> Any:
    """Reserve a code for the user."""
    held = Code.query.filter_by(brand=brand, user=user).first()
    if held is None:
        held = Code.query.filter_by(brand=brand, user=None).first()
        if held is None:
            return jsonify(error="no codes left"), 404
        held.user = user
        db.session.commit()
    return jsonify(discount_code=held.code)


@app.post("/v1/discount/create")
def create() -> Any:
    """Create codes."""
    asked = CreateSchema().load(request.get_json())
    made = []
    for _ in range(asked["number_to_create"]):
        text = "".join(secrets.choice(ALPHABET) for _ in range(12))
        db.session.add(Code(brand=asked["brand"], code=text))
        made.append(text)
    db.session.commit()
    return jsonify(made)
