"""Mailroom: people, messages between them, and every pattern of the library around that."""

from importlib.util import find_spec

for _needed in ("fastapi", "uvicorn"):
    if find_spec(_needed) is None:
        raise ImportError("Mailroom needs: pip install 'datapatterns[demo]'")
