"""Rate-limit headers and problem documents in a web application."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient

from datapatterns import AsyncStore, Document
from datapatterns.web.fastapi import install, rate_limit

URL = os.environ.get("STORE_URL", f"level:{Path(__file__).with_suffix('.db')}")


class User(Document):
    name: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncStore.from_url(URL, namespace="limited_api") as store:
        app.state.users = store.repository("users", User)
        app.state.limiter = store.rate_limiter("api", limit=3, window=60)
        await app.state.limiter.reset("secret of ada")
        yield


limit = rate_limit(
    lambda request: request.app.state.limiter,
    subject=lambda request: request.headers.get("authorization"),
)
app = FastAPI(lifespan=lifespan, dependencies=[Depends(limit)])
install(app, http_errors=True)


@app.get("/users/{id}")
async def read(id: str, request: Request) -> User:
    return await request.app.state.users.get(id)  # NotFound becomes 404


with TestClient(app, headers={"Authorization": "secret of ada"}) as client:
    for _ in range(4):
        answer = client.get("/users/bob")
        print(answer.status_code, answer.headers["ratelimit"].split(";")[1])
    print(answer.headers["ratelimit-policy"], 0 < int(answer.headers["retry-after"]) <= 66)
    print(answer.headers["content-type"], answer.json()["code"])
    print(client.get("/users/bob", headers={"Authorization": "of charles"}).json()["title"])
