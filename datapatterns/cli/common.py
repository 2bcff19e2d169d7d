"""What the commands share: options, opening a store, and errors on one line."""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer
from rich.console import Console

from datapatterns import DataError, InvalidArgument, NotFound, Store

P = ParamSpec("P")
R = TypeVar("R")

TRACEBACK = "DATAPATTERNS_TRACEBACK"
FOUND, USAGE, INTERRUPTED = 1, 2, 130

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Namespace = Annotated[
    str,
    typer.Option(
        "--namespace", "-n", help="The namespace of Store.from_url; default: none, on Redis dp."
    ),
]
Url = Annotated[
    str, typer.Argument(help="level:PATH, redis://…, couch+http://…", show_default=False)
]

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def command(fn: Callable[P, R]) -> Callable[P, R]:
    """Print each error on one line; exit with 1 for an error or a finding, 2 for wrong usage."""

    @functools.wraps(fn)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # The library logs errors; the command prints only the one line below.
        logging.getLogger("datapatterns").addHandler(logging.NullHandler())
        as_json = bool(kwargs.get("as_json"))
        try:
            return fn(*args, **kwargs)
        except DataError as error:
            usage = isinstance(error, InvalidArgument)
            _fail(error.title, error.detail, as_json, USAGE if usage else FOUND, error.code)
        except KeyboardInterrupt:
            _fail("Interrupted", "run the same command again to go on", as_json, INTERRUPTED)
        except ImportError as error:  # a missing driver; the message names the extra to install
            _fail("Missing", str(error).splitlines()[0], as_json, FOUND)
        except (typer.BadParameter, typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if os.environ.get(TRACEBACK):
                raise
            # The text of an error of another library may contain a password.
            hint = f"{type(error).__name__}; set {TRACEBACK}=1 to see the traceback"
            _fail("Unexpected", hint, as_json, FOUND)

    return run


def _fail(title: str, detail: str, as_json: bool, code: int, name: str = "") -> NoReturn:
    line = " ".join(f"{title}: {detail}".split()) if detail else title
    if as_json:
        show_json({"error": {"title": title, "code": name or title.lower(), "detail": detail}})
    else:
        sys.stderr.write(f"error: {line}\n")
    raise typer.Exit(code)


def show_json(value: Any) -> None:
    """Print a JSON value on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


@contextmanager
def opened(url: str, namespace: str, *, create: bool = False) -> Generator[Store]:
    """Yield the store at the URL; raise NotFound if its directory is missing, unless `create`."""
    if url.startswith("level:") and not create:
        path = level_path(url)
        if not is_level(path):
            raise NotFound("there is no LevelDB directory at this path; check the path")
    with Store.from_url(url, namespace=namespace) as store:
        yield store


def level_path(url: str) -> Path:
    """Return the directory of `level:PATH`, or of a plain path."""
    if not url.startswith("level:"):
        return Path(url)
    from datapatterns.level.backend import parse_url

    return Path(parse_url(url)[0])


def is_level(path: Path) -> bool:
    """Return whether the path is a LevelDB directory, without opening it, which would make one."""
    from datapatterns.level.repair.manifest import is_database

    return is_database(path)
