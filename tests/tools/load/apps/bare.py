"""The fastest simple service: FastAPI and asyncpg, one statement, no layers.

It has no token, log line, metric or check of input: a claim by random probe, and an answer.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import randrange

import asyncpg
from fastapi import FastAPI
from fastapi.responses import JSONResponse

CLAIM = """
    UPDATE bare SET user_id = $2 WHERE code = (
        SELECT code FROM bare WHERE brand = $1 AND user_id IS NULL AND probe >= $3
        ORDER BY probe LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING code
"""


@asynccontextmanager
async def lifespan(served: FastAPI) -> AsyncIterator[None]:
    """Keep a pool of connections while the application runs."""
    async with asyncpg.create_pool(os.environ["BARE_DSN"], min_size=16, max_size=16) as pool:
        served.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/v1/discount/fetch/{brand}/{user}")
async def fetch(brand: str, user: str) -> JSONResponse:
    """Reserve a code for the user."""
    claim = app.state.pool.fetchval
    code = await claim(CLAIM, brand, user, randrange(1 << 30))  # noqa: S311 - no secret
    if code is None:  # no free code after the point: begin at the first
        code = await claim(CLAIM, brand, user, 0)
    return JSONResponse({"discount_code": code}, 200 if code else 404)
