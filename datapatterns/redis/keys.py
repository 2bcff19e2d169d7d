"""Keys: `{namespace:pattern:name}:part`, with one hash tag a structure.

The hash tag keeps all keys of a structure in one slot of a cluster, so that one script may touch
them all. Names are escaped so that none can close the tag, or reach into another's keys: two keys
are equal only if all their parts are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from datapatterns.names import check_name

DEFAULT_NAMESPACE = "dp"  # short, since every key carries it

# What has a meaning in a key ("%" begins an escape), and what terminals show badly.
_SPECIAL = re.compile(rb"[\x00-\x20%:{}\x7f]")


def escape(name: str) -> bytes:
    """The name in UTF-8 without `:`, `{`, `}`, spaces and controls; different names differ."""
    return _SPECIAL.sub(lambda found: b"%%%02X" % found[0][0], name.encode())


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one structure: `keys("ready")` is `{namespace:pattern:name}:ready`."""

    tag: bytes

    @classmethod
    def of(cls, namespace: str, pattern: str, *names: str) -> Keys:
        """The keys of that structure; InvalidArgument for a bad namespace or name.

        Several names make one tag: a structure of its own for each subject, so that the subjects
        spread over a cluster.
        """
        parts = [check_name("a namespace", namespace), pattern]
        parts += [check_name("a name", name) for name in names]
        return cls(b":".join(map(escape, parts)))

    def about(self, subject: str) -> Keys:
        """The keys of one subject, with a hash tag of their own."""
        return Keys(self.tag + b":" + escape(check_name("a subject", subject)))

    def of_each(self, parts: Sequence[Sequence[str]]) -> EachSubject:
        """The same parts of any subject, prepared for many of them."""
        ends = [b"}:" + b":".join(map(escape, part)) for part in parts]
        return EachSubject(b"{" + self.tag + b":", tuple(ends))

    def __call__(self, *parts: str) -> bytes:
        """The key of that part; what comes from users may be one of the parts."""
        return b"{" + self.tag + b"}:" + b":".join(map(escape, parts))


@dataclass(frozen=True, slots=True)
class EachSubject:
    """Gives a subject's keys, each as `Keys.about(subject)(*part)` would."""

    start: bytes
    ends: tuple[bytes, ...]

    def __call__(self, subject: str) -> list[bytes]:
        """The keys of the subject's parts, in their order."""
        start = self.start + escape(check_name("a subject", subject))
        return [start + end for end in self.ends]
