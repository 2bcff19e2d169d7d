"""The keys of Redis: `{namespace:pattern:name}:part`, with one hash tag for each structure.

The hash tag keeps all keys of a structure in one slot of a cluster, so that one script may use them
all. Names are escaped: no name can close the tag, and two keys are equal only if all their parts
are equal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from datapatterns.core.checks import check_name

DEFAULT_NAMESPACE = "dp"  # short, since it is part of every key

# Characters with a meaning in a key ("%" begins an escape), spaces, and control characters.
_SPECIAL = re.compile(rb"[\x00-\x20%:{}\x7f]")


def escape(name: str) -> bytes:
    """Return the name in UTF-8 with special characters escaped; different names stay different."""
    return _SPECIAL.sub(lambda found: b"%%%02X" % found[0][0], name.encode())


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one structure: `keys("ready")` is `{namespace:pattern:name}:ready`."""

    tag: bytes

    @classmethod
    def of(cls, namespace: str, pattern: str, *names: str) -> Keys:
        """Return the keys of a structure; raise InvalidArgument for a bad namespace or name.

        Several names make one tag: that of one subject of a structure. So the subjects of a
        structure are spread over the nodes of a cluster.
        """
        parts = [check_name("a namespace", namespace), pattern]
        parts += [check_name("a name", name) for name in names]
        return cls(b":".join(map(escape, parts)))

    def about(self, subject: str) -> Keys:
        """Return the keys of one subject, which have a hash tag of their own."""
        return Keys(self.tag + b":" + escape(check_name("a subject", subject)))

    def of_each(self, parts: Sequence[Sequence[str]]) -> EachSubject:
        """Return a function of a subject to its keys of these parts, faster than `about`."""
        ends = [b"}:" + b":".join(map(escape, part)) for part in parts]
        return EachSubject(b"{" + self.tag + b":", tuple(ends))

    def __call__(self, *parts: str) -> bytes:
        """Return the key of a part; the parts are escaped, so one may be a user's string."""
        return b"{" + self.tag + b"}:" + b":".join(map(escape, parts))


@dataclass(frozen=True, slots=True)
class EachSubject:
    """A function that returns a subject's keys, each as `Keys.about(subject)(*part)` does."""

    start: bytes
    ends: tuple[bytes, ...]

    def __call__(self, subject: str) -> list[bytes]:
        """Return the keys of the subject's parts, in the order of the parts."""
        start = self.start + escape(check_name("a subject", subject))
        return [start + end for end in self.ends]
