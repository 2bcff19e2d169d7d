"""How keys lie on disk: sublevels exactly as Node's abstract-level writes them.

`!users!key` for the sublevel `users`, `!a!!b!key` for `b` inside `a`. All keys of a sublevel lie
between its prefix and its upper bound (`!users!` and `!users"`). This library's own sublevels have
names that begin with `$`.
"""

from __future__ import annotations

from datapatterns.core.checks import check_name
from datapatterns.errors import InvalidArgument

SEPARATOR = 0x21


def sublevel_prefix(name: object) -> bytes:
    """Return the prefix of a user's sublevel.

    Raise InvalidArgument if the name has a byte that is not from 0x23 to 0x7e.
    """
    encoded = check_name("a sublevel's name", name).encode()
    if not all(0x22 < byte < 0x7F for byte in encoded):
        raise InvalidArgument("a sublevel's name has only the characters from # to ~")
    if encoded.startswith(b"$"):
        raise InvalidArgument("names of sublevels that begin with $ belong to this library")
    return b"!%b!" % encoded


def own_prefix(*names: str) -> bytes:
    """Return the prefix of nested sublevels; the caller escapes names that users chose."""
    return "".join(f"!{name}!" for name in names).encode()


def upper_bound(prefix: bytes) -> bytes:
    """Return the first key after all those of the sublevel with that prefix."""
    return prefix[:-1] + bytes([SEPARATOR + 1])


def enclosing(key: bytes) -> list[bytes]:
    """Return the prefixes of the sublevels around a key, the innermost first, the root last."""
    prefixes = [b""]
    at = 0
    while key[at : at + 1] == b"!":
        end = key.find(b"!", at + 1)
        if end < 0:
            break
        at = end + 1
        prefixes.append(key[:at])
    prefixes.reverse()
    return prefixes


def is_own(key: bytes) -> bool:
    """Return whether the key lies in one of this library's own sublevels."""
    return b"!$" in enclosing(key)[0]  # a name's own bytes hold no separator
