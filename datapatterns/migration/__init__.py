"""Migration from one store to another: `migrate` in both faces, and its report."""

from datapatterns.core.records import Comparison, MigrationReport, Unit
from datapatterns.migration._async.migration import AsyncMigration, async_migrate
from datapatterns.migration._sync.migration import Migration, migrate

__all__ = [
    "AsyncMigration",
    "Comparison",
    "Migration",
    "MigrationReport",
    "Unit",
    "async_migrate",
    "migrate",
]
