"""`datapatterns tour`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from datapatterns.cli.common import FOUND, Json, command, show_json
from datapatterns.errors import InvalidArgument

if TYPE_CHECKING:
    from datapatterns.demo.tour import Report


class Terminal:
    """Shows the tour with a progress bar; without a terminal in plain lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None

    def step(self, title: str) -> None:
        """Begin a step."""
        self._console.print(f"\n[bold]{title}[/bold]")

    def say(self, line: str) -> None:
        """Show a line of the step."""
        self._console.print(f"   {line}", highlight=False, markup=False)

    def progress(self, done: int, total: int) -> None:
        """Show the progress of the step."""
        if self._bar is None:
            columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
            self._bar = Progress(*columns, console=self._console)
            self._bar.start()
            self._bar.add_task("", total=total)
        self._bar.update(self._bar.task_ids[0], completed=done, total=total)
        if done >= total:
            self.finish()

    def finish(self) -> None:
        """End the progress bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


@command
def tour(
    directory: Annotated[
        Path | None, typer.Argument(help="Where to keep the data; default: a temporary directory.")
    ] = None,
    records: Annotated[
        Path | None, typer.Option(help="Gzipped JSON lines; default: the sample of 5,000.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what the embedded store does with real records.

    Exits with 1 if a step did not do what it promises.

    Example: datapatterns tour ./data
    """
    from datapatterns.demo.tour import Tour  # imports the driver of LevelDB

    if directory is not None and directory.exists() and any(directory.iterdir()):
        raise InvalidArgument("the directory is not empty; give a new one")
    with tempfile.TemporaryDirectory(prefix="datapatterns-") as temporary:
        screen = Terminal(Console(stderr=as_json))
        report = Tour(directory or Path(temporary) / "data", records, screen).run()
        screen.finish()
    if as_json:
        show_json({"ok": report.ok, "steps": report.figures, "broken": report.broken})
    else:
        _print_report(Console(), report)
    if not report.ok:
        raise typer.Exit(FOUND)


def _print_report(console: Console, report: Report) -> None:
    table = Table("step", "figures", "seconds", title="What happened")
    for step, figures in report.figures.items():
        shown = ", ".join(
            f"{name} {value:,}" for name, value in figures.items() if name != "seconds"
        )
        table.add_row(step, shown, f"{figures['seconds']:.2f}")
    console.print(table)
    if report.ok:
        console.print("[green]Every step did what it promises.[/green]")
    for broken in report.broken:
        console.print(f"[red]{broken}[/red]", markup=True)
