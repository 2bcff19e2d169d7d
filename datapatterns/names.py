"""What a name may be: a non-empty string that can be encoded as UTF-8, nothing else."""

from __future__ import annotations

from datapatterns.errors import InvalidArgument

# A sublevel's name must stay within these bytes (abstract-level's rule); "%" escapes the others,
# "." joins a collection and its index, and a leading "$" marks what belongs to this library.
_PLAIN = frozenset(range(0x23, 0x7F)) - frozenset(b"$%.")


def check_name(what: str, name: object) -> str:
    """The name as it came; InvalidArgument, which never quotes it, if it is none."""
    if not isinstance(name, str):
        raise InvalidArgument(f"{what} must be a string, not {type(name).__name__}")
    if not name:
        raise InvalidArgument(f"{what} must not be empty")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{what} cannot be encoded as UTF-8") from None
    return name


def escape(name: str) -> str:
    """The name within printable ASCII less `!`, `"`, `$`, `%` and `.`; different names differ."""
    return "".join(chr(b) if b in _PLAIN else f"%{b:02X}" for b in name.encode())
