"""A check that a repository's indexes agree with its documents."""

from __future__ import annotations

from typing import Any


async def check_indexes(repository: Any, fields: dict[str, str]) -> None:
    """Assert that each index (its name: its one field) has every document, and nothing else."""
    everything = [one async for one in repository.iterate()]
    assert await repository.count() == len(everything)
    for index, field in fields.items():
        found = [one async for one in repository.iterate(index)]
        assert sorted(found, key=lambda one: str(one.id)) == everything
        assert await repository.count(index) == len(everything)
        values = [getattr(one, field) for one in everything]
        counts = await repository.counts(index)
        assert counts == {value: values.count(value) for value in values}
