"""The tests of pages: each entry once, in order, forth and back, whatever is written meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from datapatterns import AsyncStore, InvalidArgument, Page
from datapatterns.contracts import AsyncRepository
from datapatterns.testing.conformance.samples import (
    BY_AGE,
    BY_CITY,
    BY_CITY_AND_AGE,
    BY_VALUE,
    Item,
    Person,
)

Fetch = Callable[[str | None], Any]

TOTAL = 10


async def walk(fetch: Fetch, after: str | None = None, *, back: bool = False) -> list[list[str]]:
    """Return the ids on every page from a cursor on, following `next` or `previous`."""
    pages: list[list[str]] = []
    while True:
        page = await fetch(after)
        pages.append([item.id for item in page])
        after = page.previous if back else page.next
        if after is None:
            return pages
        assert len(pages) < 1_000, "the pages never end"


def flat(pages: list[list[str]]) -> list[str]:
    """Return the ids of all the pages."""
    return [id for page in pages for id in page]


class TestPages:
    """Tests of pages and their cursors."""

    pattern: ClassVar[str] = "repository"

    async def _people(self, target: AsyncStore, ages: list[int | None]) -> AsyncRepository[Person]:
        """Return a repository with these ages under ids that sort alike."""
        people = target.repository("people", Person, indexes=[BY_AGE, BY_CITY, BY_CITY_AND_AGE])
        await people.create_many(
            Person(id=f"{n:02}", age=age, city="Oslo") for n, age in enumerate(ages)
        )
        return people

    @pytest.mark.parametrize("limit", [1, 3, TOTAL - 1, TOTAL, TOTAL + 1, 10_000])
    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("kind", ["by id", "distinct", "equal", "null", "prefix"])
    async def test_every_entry_once_forth_and_back(
        self, target: AsyncStore, limit: int, descending: bool, kind: str
    ) -> None:
        """Pages of any size give every entry in order, and back in the reverse order."""
        ages: dict[str, list[int | None]] = {"equal": [5] * TOTAL, "null": [None] * TOTAL}
        people = await self._people(target, ages.get(kind, [*range(TOTAL)]))
        options: dict[str, Any] = {"limit": limit, "descending": descending}

        async def fetch(after: str | None) -> Page[Person]:
            if kind == "by id":
                return await people.list(after=after, **options)
            if kind == "prefix":
                return await people.query("by_city_and_age", "Oslo", after=after, **options)
            return await people.query("by_age", after=after, **options)

        ids = sorted([f"{n:02}" for n in range(TOTAL)], reverse=descending)
        there = await walk(fetch)
        assert flat(there) == ids
        assert [len(page) for page in there[:-1]] == [limit] * (len(there) - 1)
        assert len(there) == -(-TOTAL // limit), "an empty page at the end"
        assert (await fetch(None)).previous is None
        last: str | None = None
        for _ in there[1:]:
            last = (await fetch(last)).next
        back = await walk(fetch, last, back=True)
        assert back == there[::-1]

    async def test_a_page_of_nothing(self, target: AsyncStore) -> None:
        """An empty collection has one empty page without cursors."""
        people = await self._people(target, [])
        for page in (await people.list(), await people.query("by_age")):
            assert (list(page), page.next, page.previous) == ([], None, None)

    async def test_any_cursor_goes_both_ways(self, target: AsyncStore) -> None:
        """From any page `previous` and then `next` lead back to it."""
        people = await self._people(target, [1] * TOTAL)

        async def fetch(after: str | None) -> Page[Person]:
            return await people.query("by_age", limit=3, after=after)

        page = await fetch((await fetch(None)).next)
        before = await fetch(page.previous)
        assert [one.id for one in before] == ["00", "01", "02"]
        assert before.previous is None
        assert await fetch(before.next) == page

    async def test_the_limit_may_change(self, target: AsyncStore) -> None:
        """Each page may have another size."""
        people = await self._people(target, [1] * TOTAL)
        after, ids = None, list[str]()
        for limit in (1, 4, 2, 10_000):
            page = await people.query("by_age", limit=limit, after=after)
            ids += [str(one.id) for one in page]
            after = page.next
        assert after is None
        assert ids == [f"{n:02}" for n in range(TOTAL)]

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("by_index", [False, True])
    async def test_inserts_and_removals_between_pages(
        self, target: AsyncStore, descending: bool, by_index: bool
    ) -> None:
        """Documents that stay come exactly once while their neighbours come and go."""
        people = await self._people(target, [7] * 20)
        after, seen = None, list[str]()
        for step in range(20):
            options: dict[str, Any] = {"limit": 2, "after": after, "descending": descending}
            page = await (people.query("by_age", **options) if by_index else people.list(**options))
            seen += [str(one.id) for one in page]
            after = page.next
            if after is None:
                break
            # The document on the boundary goes; others come on either side of it.
            edge = str(page.items[-1].id)
            if step % 2:
                await people.destroy(edge)
            for near in (f"{edge}-", f"{int(edge[:2]) - 1:02}-"):
                if near != "-1-" and await people.find(near) is None:
                    await people.create(Person(id=near, age=7))
        throughout = [id for id in seen if "-" not in id]
        assert len(seen) == len(set(seen))
        assert throughout == sorted([f"{n:02}" for n in range(20)], reverse=descending)
        assert seen == sorted(seen, reverse=descending)

    async def test_removing_all_behind_a_cursor(self, target: AsyncStore) -> None:
        """The page is empty, and its cursor leads back to the documents that are left."""
        people = await self._people(target, [7] * 6)
        page = await people.query("by_age", limit=3)
        for n in range(3, 6):
            await people.destroy(f"{n:02}")
        empty = await people.query("by_age", limit=3, after=page.next)
        assert (list(empty), empty.next) == ([], None)
        back = await people.query("by_age", limit=3, after=empty.previous)
        assert [one.id for one in back] == ["00", "01", "02"]

    async def test_cursors_of_other_queries(self, target: AsyncStore) -> None:
        """A cursor is valid for its own index, prefix, bounds, direction and collection only."""
        people = await self._people(target, [5] * TOTAL)
        items = target.repository("items", Person, indexes=[BY_AGE])
        queries: list[Callable[..., Any]] = [
            lambda **options: people.list(**options),
            lambda **options: people.list(descending=True, **options),
            lambda **options: people.query("by_age", **options),
            lambda **options: people.query("by_age", descending=True, **options),
            lambda **options: people.query("by_age", 5, **options),
            lambda **options: people.query("by_age", start=4, **options),
            lambda **options: people.query("by_age", end=6, **options),
            lambda **options: people.query("by_city", **options),
            lambda **options: items.list(**options),
            lambda **options: items.query("by_age", **options),
        ]
        await items.create_many(Person(id=f"{n:02}") for n in range(TOTAL))
        cursors = [(await query(limit=4)).next for query in queries[:9]]
        for mine, cursor in enumerate(cursors):
            assert cursor is not None
            for other, query in enumerate(queries):
                if other == mine:
                    assert len(await query(after=cursor)) == 6
                else:
                    with pytest.raises(InvalidArgument):
                        await query(after=cursor)

    async def test_cursors_that_are_none(self, target: AsyncStore) -> None:
        """A changed, cut or invented cursor raises InvalidArgument."""
        people = await self._people(target, [5] * 3)
        cursor = (await people.query("by_age", limit=1)).next
        assert cursor is not None
        changed = [
            cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
            for at in range(len(cursor) - 1)  # the last character may hold spare bits
        ]
        made_up: list[Any] = [
            "",
            " ",
            "x",
            "!",
            "AAAA",
            "\u00e9",
            "\ud800",
            5,
            b"x",
            cursor.encode(),
        ]
        for wrong in [*changed, *made_up, cursor[:-4], cursor + "AAAA", cursor * 2]:
            with pytest.raises(InvalidArgument):
                await people.query("by_age", limit=1, after=wrong)

    @pytest.mark.parametrize("limit", [0, -1, 10_001, 2**70, -(2**70), True, 1.5, "5", None])
    async def test_limits_that_are_none(self, target: AsyncStore, limit: Any) -> None:
        """A limit must be a whole number from 1 to 10,000."""
        people = await self._people(target, [1])
        with pytest.raises(InvalidArgument):
            await people.list(limit=limit)
        with pytest.raises(InvalidArgument):
            await people.query("by_age", limit=limit)

    async def test_iterate_goes_through_everything(self, target: AsyncStore) -> None:
        """`iterate` reads several pages, in both directions, with a prefix and with bounds."""
        items = target.repository("items", Item, indexes=[BY_VALUE])
        await items.create_many(Item(id=f"{n:04}", value=n // 2) for n in range(1_100))
        ids = [f"{n:04}" for n in range(1_100)]
        assert [one.id async for one in items.iterate()] == ids
        assert [one.id async for one in items.iterate("by_value", descending=True)] == ids[::-1]
        assert [one.id async for one in items.iterate("by_value", 3)] == ["0006", "0007"]
        bounded = items.iterate("by_value", start=1, end=549)
        assert [one.id async for one in bounded] == ids[2:1098]
        with pytest.raises(InvalidArgument):
            async for _ in items.iterate("by_shoe"):
                pass

    async def test_a_page_is_as_typed_as_a_document(self, target: AsyncStore) -> None:
        """Items are whole documents with their revisions; links name the page's neighbours."""
        people = await self._people(target, [1, 2, 3])
        page = await people.query("by_age", limit=2)
        assert list(page) == [await people.get("00"), await people.get("01")]
        assert 'rel="next"' in page.links("https://example.com/people?limit=2")
