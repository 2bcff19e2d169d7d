"""`datapatterns demo`."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer
from rich.console import Console
from rich.table import Table

from datapatterns.cli.common import FOUND, Json, command, console, show_json
from datapatterns.cli.tour import Terminal
from datapatterns.errors import InvalidArgument

if TYPE_CHECKING:
    from datapatterns.demo.mailroom.office import Settings
    from datapatterns.demo.tour import Report

_TOUR_WINDOW = 4.0  # seconds, at most: the tour waits for the limiter, and should not wait long


@command
def demo(
    documents: Annotated[
        str | None,
        typer.Option(
            envvar="MAILROOM_DOCUMENTS",
            help="level:PATH or couch+http://…; default: a temporary directory.",
        ),
    ] = None,
    fast: Annotated[
        str | None,
        typer.Option(
            envvar="MAILROOM_FAST", help="redis://… or level:PATH; default: same as --documents."
        ),
    ] = None,
    namespace: Annotated[str, typer.Option(help="The namespace in the stores.")] = "mailroom",
    smtp: Annotated[
        str | None,
        typer.Option(
            envvar="MAILROOM_SMTP",
            help="The mail server, smtp://HOST:PORT; default: a sink within the process.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="The port; default: 8025, or a free one.", min=0, max=65_535)
    ] = None,
    limit: Annotated[
        int, typer.Option(help="Requests that a person may make in a window.", min=5)
    ] = 30,
    window: Annotated[float, typer.Option(help="The window, in seconds.", min=1.0)] = 10.0,
    sample: Annotated[bool, typer.Option(help="Start with some people and messages.")] = True,
    tour: Annotated[
        bool, typer.Option("--tour", help="Use every part of it over HTTP, and exit.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Serve Mailroom, an application that uses every pattern, until it is stopped.

    With --tour exit with 1 if a part did not do what it promises.

    Example: datapatterns demo --documents level:./mailroom
    """
    from datapatterns.demo.mailroom.office import Settings

    with ExitStack() as stack:
        if documents is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mailroom-"))
            documents = f"level:{folder}/data"
        settings = Settings(documents, fast or None, namespace, smtp, limit, window, sample)
        if tour:
            _tour(settings, as_json)
        else:
            _serve(settings, host, port, as_json)


def _serve(settings: Settings, host: str, port: int | None, as_json: bool) -> None:
    from datapatterns.demo.mailroom.server import address, bind, serve

    try:
        listener = bind(host, port)
    except OSError as error:
        raise InvalidArgument(f"cannot listen on {host}:{port}: {error.strerror}") from error

    def ready() -> None:
        if as_json:
            show_json({"url": address(listener)})
        else:
            console.print(f"Mailroom is at [bold]{address(listener)}[/bold] (Ctrl-C stops it)")

    with listener:
        asyncio.run(serve(settings, listener, ready))


def _tour(settings: Settings, as_json: bool) -> None:
    from datapatterns.demo.mailroom.tour import Tour

    # A namespace of its own: the tour must neither use nor change data that is in the stores.
    own, window = f"tour-{uuid4().hex[:12]}", min(settings.window, _TOUR_WINDOW)
    settings = replace(settings, namespace=own, window=window, sample=False)
    screen = Terminal(Console(stderr=as_json, soft_wrap=True))
    report = Tour(settings, screen).run()
    screen.finish()
    if as_json:
        show_json({"ok": report.ok, "parts": report.figures, "broken": report.broken})
    else:
        _print_report(Console(), report)
    if not report.ok:
        raise typer.Exit(FOUND)


def _print_report(out: Console, report: Report) -> None:
    table = Table("part", "figures", "seconds", title="What happened")
    for part, figures in report.figures.items():
        shown = ", ".join(f"{name} {value}" for name, value in figures.items() if name != "seconds")
        table.add_row(part, shown, f"{figures['seconds']:.2f}")
    out.print(table)
    if report.ok:
        out.print("[green]Every part did what it promises.[/green]")
    for broken in report.broken:
        out.print(f"[red]{broken}[/red]", markup=True)
