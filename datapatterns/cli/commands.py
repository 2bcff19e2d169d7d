"""The commands and their groups: each command is a function in a module beside this one."""

from __future__ import annotations

import typer

from datapatterns.cli.demo import demo
from datapatterns.cli.directories import check, recover
from datapatterns.cli.feeds import tail
from datapatterns.cli.migrating import migrate
from datapatterns.cli.queues import dead, requeue, stats
from datapatterns.cli.tour import tour


def _group(help: str) -> typer.Typer:
    # Typer's tracebacks are off: their local variables show passwords. Its markup is off too, so
    # that text in brackets in a docstring stays.
    return typer.Typer(
        help=help,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


app = _group("Data-access patterns over LevelDB, Redis and CouchDB.")
queue = _group("Show a work queue, and deliver its dead letters again.")
changes = _group("Show the changes of a collection.")

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
