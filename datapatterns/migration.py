"""From one store to another: `migrate`, in both faces, and what it says of what it did."""

from datapatterns._async.migration import AsyncMigration, async_migrate
from datapatterns._sync.migration import Migration, migrate
from datapatterns.core.records import Comparison, MigrationReport, Unit

__all__ = [
    "AsyncMigration",
    "Comparison",
    "Migration",
    "MigrationReport",
    "Unit",
    "async_migrate",
    "migrate",
]
