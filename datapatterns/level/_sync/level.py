"""The sync face of the embedded store, which is the store itself.

The async face wraps it, because a wrapped plain call is the fastest way to read one key: nothing is
left that could be generated.
"""
# unasync: by hand

from datapatterns.level.engine.level import Level

__all__ = ["Level"]
