"""Idempotency keys: a request that is sent again takes effect once."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from pydantic import BaseModel

from datapatterns import AsyncStore
from datapatterns.web import IdempotencyMiddleware, stored_answers
from datapatterns.web.fastapi import install

URL = os.environ.get("STORE_URL", f"level:{Path(__file__).with_suffix('.db')}")


class Order(BaseModel):
    amount: int


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncStore.from_url(URL, namespace="idempotency_key") as store:
        app.state.sold = store.counter("sold")
        app.state.answers = stored_answers(store)
        await app.state.sold.reset()
        yield


def caller(scope: dict[str, Any]) -> str:
    return "ada"  # take the caller from your authentication


app = FastAPI(lifespan=lifespan)
install(app)
app.add_middleware(
    IdempotencyMiddleware, answers=lambda scope: scope["app"].state.answers, subject=caller
)


@app.post("/orders", status_code=201)
async def order(order: Order, request: Request) -> dict[str, int]:
    return {"sold": await request.app.state.sold.increment(order.amount)}


with TestClient(app) as client:
    key = {"Idempotency-Key": str(uuid4())}
    for _ in range(2):  # the client got no answer and sends the request again
        answer = client.post("/orders", json={"amount": 3}, headers=key)
        print(answer.status_code, answer.json(), answer.headers.get("idempotency-replayed"))

    other = client.post("/orders", json={"amount": 4}, headers=key)
    print(other.status_code, other.json()["code"])
    print(client.post("/orders", json={"amount": 3}).json())  # without a key it takes effect again
