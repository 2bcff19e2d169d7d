"""`python -m datapatterns` is the command line."""

from datapatterns.cli import main

if __name__ == "__main__":
    main()
