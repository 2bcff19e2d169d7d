"""The commands and their groups: a function in a module beside this, and its name here."""

from __future__ import annotations

import typer

from datapatterns.cli.demo import demo
from datapatterns.cli.directories import check, recover
from datapatterns.cli.feeds import tail
from datapatterns.cli.migrating import migrate
from datapatterns.cli.queues import dead, requeue, stats
from datapatterns.cli.tour import tour


def _group(help: str) -> typer.Typer:
    # No tracebacks of typer's: with their locals they show passwords. No markup: what docstrings
    # have in brackets stays.
    return typer.Typer(
        help=help,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


app = _group("Data-access patterns over LevelDB, Redis and CouchDB.")
queue = _group("Look at a work queue, and give dead items another try.")
changes = _group("Look at the changes of a collection.")

app.command()(tour)
app.command()(demo)
app.command()(migrate)
app.command()(check)
app.command()(recover)
queue.command()(stats)
queue.command()(dead)
queue.command()(requeue)
changes.command()(tail)
app.add_typer(queue, name="queue")
app.add_typer(changes, name="changes")
