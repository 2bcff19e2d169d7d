"""One tree of errors in FastAPI, Flask, Django and Litestar."""

from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.test import Client
from django.urls import path
from fastapi import FastAPI
from fastapi.testclient import TestClient
from flask import Flask
from litestar import Litestar, get
from litestar.testing import TestClient as LitestarClient

from datapatterns import Conflict
from datapatterns.web import django as for_django
from datapatterns.web import fastapi as for_fastapi
from datapatterns.web import flask as for_flask
from datapatterns.web import litestar as for_litestar


def register(*request: Any) -> None:
    """A view that catches no error."""
    raise Conflict("the address is taken", reason="exists")


fastapi_app = FastAPI()
fastapi_app.get("/")(lambda: register())
for_fastapi.install(fastapi_app)

flask_app = Flask("app")
flask_app.get("/")(register)
for_flask.install(flask_app)

options: dict[str, Any] = {"ROOT_URLCONF": __name__, "ALLOWED_HOSTS": ["*"]}
for_django.install(options)  # in settings.py: install(globals())
settings.configure(**options)
django.setup()
urlpatterns = [path("", register)]


@get("/", sync_to_thread=False)
def for_all() -> None:
    register()


litestar_app = Litestar([for_all], on_app_init=[for_litestar.install])


def show(name: str, get: Callable[[str], Any]) -> None:
    answer = get("/")
    problem = answer.json() if callable(answer.json) else answer.json
    print(name, answer.status_code, answer.headers["content-type"], problem["reason"])


with TestClient(fastapi_app) as client:
    show("FastAPI ", client.get)
show("Flask   ", flask_app.test_client().get)
show("Django  ", Client().get)
with LitestarClient(litestar_app) as client:
    show("Litestar", client.get)
