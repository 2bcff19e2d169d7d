"""`datapatterns migrate SOURCE TARGET`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from datapatterns.cli.common import (
    FOUND,
    Json,
    Namespace,
    Url,
    command,
    errors,
    is_level,
    level_path,
    opened,
    show_json,
)
from datapatterns.core.records import KINDS, Comparison, MigrationReport, Unit
from datapatterns.migration._sync.migration import Migration
from datapatterns.migration._sync.migration import Progress as Callback
from datapatterns.store._sync.store import Store


@command
def migrate(
    source: Url,
    target: Url,
    namespace: Namespace = "",
    to_namespace: Annotated[
        str | None, typer.Option(help="The target's namespace; default: the source's.")
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", help=f"Carry only this kind, one of {', '.join(KINDS)}."),
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Add to a target that has data, overwrite nothing.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be carried.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare both stores at the end.")
    ] = False,
    only_verify: Annotated[
        bool, typer.Option("--only-verify", help="Only compare both stores.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Carry the data of one store to another.

    The command first lists the data of the namespace, and what it cannot carry. Stop the programs
    that write to the source before you start it, and use the target only after it has ended. If it
    is killed, run it again: it continues where it was. A target that has data is refused. With
    --merge records that the target has stay as they are, and records that it lacks are added. Exits
    with 1 if --verify finds a difference.

    Example: datapatterns migrate level:./data redis://localhost --verify
    """
    goal = namespace if to_namespace is None else to_namespace
    screen = Console(stderr=as_json, highlight=False, soft_wrap=True, markup=False)
    with opened(source, namespace) as old, _at(target, goal, dry_run=dry_run) as new:
        migration = Migration(old, new, kinds=kinds, merge=merge)
        report = migration.plan(only_verify=only_verify)
        _show_plan(screen, report)
        with _bar(report) as progress:
            if not dry_run and not only_verify:
                migration.run(progress)
            if not dry_run and (verify or only_verify):
                migration.verify(progress)
    _show_outcome(screen, report, dry_run)
    if as_json:
        show_json(_as_json(report))
    if not report.ok:
        raise typer.Exit(FOUND)


@contextmanager
def _at(target: str, namespace: str, *, dry_run: bool) -> Generator[Store]:
    """Yield the target store, made if it is missing; a dry run uses an empty one in that case."""
    with ExitStack() as stack:
        if dry_run and target.startswith("level:") and not is_level(level_path(target)):
            folder = stack.enter_context(TemporaryDirectory(prefix="datapatterns-"))
            target = f"level:{folder}/empty"
        yield stack.enter_context(opened(target, namespace, create=True))


@contextmanager
def _bar(report: MigrationReport) -> Generator[Callback]:
    """Show a progress bar for carrying and one for verifying; without a terminal only their end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    total = sum(report.units.values())
    through: dict[str, dict[Unit, int]] = {}
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, TimeElapsedColumn(), console=errors) as bar:

        def progress(phase: str, unit: Unit, done: int, _: int) -> None:
            if phase not in tasks:
                tasks[phase], through[phase] = bar.add_task(phase, total=total), {}
            through[phase][unit] = done
            sofar = sum(through[phase].values())
            bar.update(tasks[phase], completed=sofar, total=max(sofar, total))

        yield progress


def _show_plan(screen: Console, report: MigrationReport) -> None:
    screen.print("to carry:" if report.units else "nothing to carry")
    for unit, count in report.units.items():
        screen.print(f"  {count:>12,}  {unit}")
    if report.left:
        screen.print("not carried:")
    for what, count in report.left.items():
        screen.print(f"  {count:>12,}  {what}")
    if report.resumed:
        screen.print("continuing where an earlier run was interrupted")


def _show_outcome(screen: Console, report: MigrationReport, dry_run: bool) -> None:
    if dry_run:
        screen.print("nothing was written")
    elif report.carried:
        carried, added = sum(report.carried.values()), sum(report.added.values())
        there = f", {carried - added:,} existed already" if carried > added else ""
        screen.print(f"carried {carried:,} records{there}")
    for unit, found in report.compared.items():
        if not found.equal:
            screen.print(
                f"differs: {unit}: {found.missing:,} missing, {found.different:,} different, "
                f"{found.extra:,} more in the target"
            )
    if report.compared:
        count = sum(found.source.count for found in report.compared.values())
        equal = "both stores are equal" if not report.merged else "the target has them all"
        screen.print(f"verified {count:,} records: {equal if report.ok else 'they differ'}")


def _as_json(report: MigrationReport) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "resumed": report.resumed,
        "merged": report.merged,
        "units": [
            {
                "kind": unit.kind,
                "name": unit.name,
                "records": count,
                "carried": report.carried.get(unit, 0),
                "added": report.added.get(unit, 0),
                "verified": _compared(report.compared.get(unit)),
            }
            for unit, count in report.units.items()
        ],
        "left": report.left,
    }


def _compared(found: Comparison | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "equal": found.equal,
        "source": {"count": found.source.count, "digest": str(found.source)},
        "target": {"count": found.target.count, "digest": str(found.target)},
        "missing": found.missing,
        "different": found.different,
        "extra": found.extra,
    }
