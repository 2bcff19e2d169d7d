"""Mailroom, an application in which people send messages; it uses every pattern of the library."""

from importlib.util import find_spec

for _needed in ("fastapi", "uvicorn"):
    if find_spec(_needed) is None:
        raise ImportError("Mailroom needs: pip install 'datapatterns[demo]'")
