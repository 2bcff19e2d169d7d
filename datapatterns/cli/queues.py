"""`datapatterns queue stats|dead|requeue URL NAME`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from datapatterns.cli.common import Json, Namespace, Url, command, console, opened, show_json
from datapatterns.errors import InvalidArgument

Name = Annotated[str, typer.Argument(help="The queue.", show_default=False)]


@command
def stats(url: Url, name: Name, namespace: Namespace = "", as_json: Json = False) -> None:
    """Show the numbers of items that are ready, delayed, leased and dead.

    `requeued` is the number of items that were taken back from lost workers since the queue began.
    A queue that does not exist shows zeros, as an empty one does: check the name and the namespace.

    Example: datapatterns queue stats redis://localhost mail
    """
    with opened(url, namespace) as store:
        found = asdict(store.work_queue(name).stats())
    if as_json:
        show_json(found)
        return
    for what, count in found.items():
        console.print(f"{what:9}{count:>12,}")


@command
def dead(
    url: Url,
    name: Name,
    limit: Annotated[int, typer.Option(help="Show at most so many.")] = 100,
    namespace: Namespace = "",
    as_json: Json = False,
) -> None:
    """Show the dead letters, the oldest first.

    Each line has the id, the number of attempts, the time and the last error; with --json the item
    too.

    Example: datapatterns queue dead redis://localhost mail --limit 10
    """
    with opened(url, namespace) as store:
        letters = store.work_queue(name).dead_letters(limit)
    if as_json:
        show_json([asdict(letter) for letter in letters])
        return
    table = Table("id", "attempts", "died at (UTC)", "error", box=None)
    for letter in letters:
        row: list[Any] = [letter.id, letter.attempts, f"{letter.died_at:%F %T}", letter.error]
        table.add_row(*(_plain(str(cell)) for cell in row))
    console.print(table if letters else "no dead letters")


def _plain(text: str) -> str:
    """Return the text without control characters and markup."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return shown.replace("[", "\\[")


@command
def requeue(
    url: Url,
    name: Name,
    ids: Annotated[
        list[str] | None, typer.Argument(help="The ids of dead letters.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    namespace: Namespace = "",
    as_json: Json = False,
) -> None:
    """Make dead letters ready again: those with the given ids, or all.

    Example: datapatterns queue requeue redis://localhost mail --all
    """
    if bool(ids) == everything:
        raise InvalidArgument("give the ids of dead letters, or --all, not both")
    with opened(url, namespace) as store:
        count = store.work_queue(name).requeue_dead(ids or None)
    if as_json:
        show_json({"requeued": count})
    else:
        console.print(f"{count:,} requeued")
