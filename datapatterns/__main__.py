"""Runs the command line: `python -m datapatterns`."""

from datapatterns.cli import main

if __name__ == "__main__":
    main()
