"""The application of `apps.py` in Litestar, which looks for annotations in the module."""

from functools import partial

from litestar import Litestar, get, head, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody
from litestar.response import Stream
from web.apps import Exploding, Form, begun, boom

from datapatterns.web.litestar import install


@get("/sync/{kind:str}", sync_to_thread=False)
def plain(kind: FromPath[str]) -> str:
    """Raise in a sync handler."""
    boom(kind)
    return "fine"


@head("/sync/{kind:str}", sync_to_thread=False)
def bare(kind: FromPath[str]) -> None:
    """Raise in a handler that returns no body."""
    boom(kind)


@get("/async/{kind:str}")
async def waits(kind: FromPath[str]) -> str:
    """Raise in an async handler."""
    boom(kind)
    return "fine"


def needs(kind: FromPath[str]) -> None:
    """Raise in a dependency."""
    boom(kind)


@get("/dependency/{kind:str}", dependencies={"needed": Provide(needs, sync_to_thread=False)})
async def dependent(needed: NamedDependency[None]) -> str:
    """Handle a request with a dependency that raises."""
    return "fine"


@get("/begun")
async def stream() -> Stream:
    """Fail within a stream."""
    return Stream(begun())


@post("/form")
async def form(data: JSONBody[Form]) -> str:
    """Accept a form."""
    return "fine"


def litestar(*, debug: bool = False, http_errors: bool = False) -> Litestar:
    """Return the application in Litestar."""
    return Litestar(
        [plain, bare, waits, dependent, stream, form],
        debug=debug,
        middleware=[Exploding],
        on_app_init=[partial(install, http_errors=http_errors)],
        openapi_config=None,
        logging_config=None,  # it would take the root logger's handlers away
    )
