"""The command line: `datapatterns --help`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        from datapatterns.cli.commands import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("rich", "typer"):
            raise
        sys.exit("error: the command line needs: pip install 'datapatterns[cli]'")
    app()
