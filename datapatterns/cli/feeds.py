"""`datapatterns changes tail URL NAME`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

import typer

from datapatterns.cli.common import Json, Namespace, Url, command, opened, show_json
from datapatterns.core.changes import Change
from datapatterns.errors import DataError

Name = Annotated[str, typer.Argument(help="The collection.", show_default=False)]
_BATCH = 500


@command
def tail(
    url: Url,
    name: Name,
    since: Annotated[
        str | None, typer.Option(help="A position, or `now`; default: the beginning.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many changes.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for further changes.")
    ] = False,
    namespace: Namespace = "",
    as_json: Json = False,
) -> None:
    """Show the changes of a collection in their order, one on a line.

    Ends after the last change, or with --follow never. With --json it shows the documents too.

    Example: datapatterns changes tail couch+http://localhost:5984 users --since now --follow
    """
    with opened(url, namespace) as store:
        feed: Any = store.changes(name, include_docs=as_json)
        found = feed.follow(since) if follow else _read(feed, since)
        try:
            for change in islice(found, limit):
                _show(change, as_json)
        except KeyboardInterrupt:
            if not follow:
                raise
        finally:
            feed.stop()


def _read(feed: Any, since: str | None) -> Iterator[Change[Any]]:
    """Yield all changes after the position, which are read in batches."""
    while batch := feed.read(since, _BATCH):
        yield from batch
        since = batch[-1].seq


def _show(change: Change[Any], as_json: bool) -> None:
    if not as_json:
        state = "deleted" if change.deleted else change.rev
        sys.stdout.write(f"{change.seq}\t{change.id!r}\t{state}\n")
        sys.stdout.flush()
        return
    line = {"seq": change.seq, "id": change.id, "rev": change.rev, "deleted": change.deleted}
    try:
        show_json({**line, "document": change.document})
    except DataError as error:
        show_json({**line, "error": error.code})
