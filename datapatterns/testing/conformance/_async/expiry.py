"""The tests of documents that expire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from datapatterns import (
    AsyncStore,
    Conflict,
    DataError,
    Document,
    Index,
    InvalidArgument,
    NotFound,
    UtcDatetime,
)
from datapatterns.contracts import AsyncRepository
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.waiting import async_eventually


class Session(Document):
    """A document with an end."""

    until: UtcDatetime | None = None
    user: str = ""
    badge: str = ""


class Plain(Document):
    """A document with a moment whose text does not sort by time."""

    until: datetime | None = None
    name: str = ""


BY_USER = Index("by_user", "user")
BY_BADGE = Index("by_badge", "badge", unique=True)


def _in(**time: float) -> datetime:
    """Return the moment in this time."""
    return datetime.now(UTC) + timedelta(**time)


class TestExpiry:
    """Tests that a document whose time is over is absent, and is removed."""

    pattern: ClassVar[str] = "repository"

    def _sessions(self, target: AsyncStore) -> AsyncRepository[Session]:
        unique = [BY_BADGE] if target.capabilities.unique_index else []
        indexes = [BY_USER, *unique]
        return target.repository("sessions", Session, expires="until", indexes=indexes)

    async def test_an_expired_document_is_absent(self, target: AsyncStore) -> None:
        """No reading call returns it, whether or not it has been removed."""
        sessions = self._sessions(target)
        old = await sessions.create(Session(id="old", until=_in(hours=-1), user="a", badge="1"))
        new = await sessions.create(Session(id="new", until=_in(hours=1), user="a", badge="2"))
        ever = await sessions.create(Session(id="ever", user="a", badge="3"))
        assert await sessions.find("old") is None
        assert await sessions.exists("old") is False
        assert await sessions.get_many(["old", "new"]) == [None, new]
        assert list(await sessions.list()) == [ever, new]
        assert list(await sessions.query("by_user", "a")) == [ever, new]
        assert [one async for one in sessions.iterate()] == [ever, new]
        assert [one async for one in sessions.iterate("by_user")] == [ever, new]
        assert await sessions.count() == 2
        assert await sessions.count("by_user", "a") == 2
        assert await sessions.counts("by_user") == {"a": 2}
        calls: tuple[Callable[[], Any], ...] = (
            lambda: sessions.get("old"),
            lambda: sessions.get_raw("old"),
            lambda: sessions.update("old", {"user": "b"}),
            lambda: sessions.update("old", {"until": _in(hours=1)}),
            lambda: sessions.patch("old", {"user": "b"}),
            lambda: sessions.destroy("old"),
            lambda: sessions.destroy("old", rev=old.rev),
        )
        for call in calls:
            with pytest.raises(NotFound):
                await call()
        with pytest.raises(Conflict) as raised:
            await sessions.replace(old)
        assert raised.value.reason == "stale_revision"
        assert await sessions.get("ever") == ever

    async def test_calls_on_expired_documents_that_are_stored(self, target: AsyncStore) -> None:
        """They are absent also to calls that come before anything has removed them."""
        plain = target.repository("sessions", Session)
        sessions = self._sessions(target)
        calls: tuple[Callable[[], Any], ...] = (
            lambda: sessions.get("old"),
            lambda: sessions.update("old", {"user": "b"}),
            lambda: sessions.patch("old", {"user": "b"}),
            lambda: sessions.destroy("old"),
        )
        for call in calls:
            await plain.create(Session(id="old", until=_in(hours=-1)))
            with pytest.raises(NotFound):
                await call()
            if await plain.exists("old"):
                await plain.destroy("old")

    async def test_its_id_and_values_are_free(self, target: AsyncStore) -> None:
        """Creating, putting and creating many find nothing in their way."""
        sessions = self._sessions(target)

        async def create(session: Session) -> Session:
            return await sessions.create(session)

        async def put(session: Session) -> Session:
            return await sessions.put(session)

        async def create_many(session: Session) -> Any:
            return (await sessions.create_many([session]))[0]

        for number, write in enumerate((create, put, create_many)):
            for _ in range(2):  # by its id, then by its badge
                await sessions.create(Session(id="a", until=_in(hours=-1), badge="t"))
                made = await write(Session(id="a", until=_in(hours=1), badge="t", user=str(number)))
                assert await sessions.get("a") == made
                await sessions.destroy("a")
                await sessions.create(Session(id="a", until=_in(hours=-1), badge="t"))
                made = await write(Session(id="b", until=_in(hours=1), badge="t"))
                assert await sessions.get("b") == made
                await sessions.destroy("b")
                await sessions.sweep()

    async def test_sweep_removes(self, target: AsyncStore) -> None:
        """It removes what has expired, with the entries, and returns the number."""
        sessions = self._sessions(target)
        plain = target.repository("sessions", Session, indexes=[BY_USER])
        await plain.create_many(
            Session(id=f"{n:03}", until=_in(hours=-1 if n % 2 else 1), user=str(n), badge=str(n))
            for n in range(250)
        )
        assert await sessions.sweep() == 125
        assert await sessions.sweep() == 0
        assert await plain.count() == await plain.count("by_user") == 125
        assert {int(one.user) % 2 async for one in plain.iterate()} == {0}
        with pytest.raises(InvalidArgument, match="expires"):
            await plain.sweep()

    async def test_followers_hear_of_the_removal(self, target: AsyncStore) -> None:
        """A change that says `deleted` follows, on a backend with a feed."""
        if not target.capabilities.has("changes"):
            return
        sessions = self._sessions(target)
        await sessions.create(Session(id="old", until=_in(hours=-1), badge="1"))
        await sessions.create(Session(id="new", until=_in(hours=1), badge="2"))
        await sessions.sweep()
        changes = await target.changes("sessions", Session).read()
        last = {change.id: change.deleted for change in changes if not change.id.startswith("_")}
        assert last == {"old": True, "new": False}

    async def test_its_time_may_change(self, target: AsyncStore) -> None:
        """An update that moves the end is what counts, in both directions."""
        sessions = self._sessions(target)
        await sessions.create(Session(id="a", until=_in(hours=1)))
        await sessions.update("a", {"until": _in(hours=2)})
        assert await sessions.sweep() == 0
        made = await sessions.update("a", {"until": None})
        assert await sessions.get("a") == made
        await sessions.update("a", {"until": _in(hours=-1)})
        assert await sessions.find("a") is None
        await sessions.sweep()
        assert await target.repository("sessions", Session).count() == 0

    async def test_the_end_comes_by_itself(self, target: AsyncStore) -> None:
        """A document is there before its end and absent after it."""
        sessions = self._sessions(target)
        await sessions.create(Session(id="a", until=_in(seconds=0.3)))

        async def is_gone() -> bool:
            return not await sessions.exists("a")

        await async_eventually(is_gone, "the document to expire")
        assert await sessions.find("a") is None

    async def test_sweeping_while_others_extend(self, target: AsyncStore) -> None:
        """What was extended in time stays, what was not goes; no update is lost."""
        sessions = self._sessions(target)
        ids = [str(n) for n in range(20)]
        soon = _in(seconds=0.2)
        await sessions.create_many(Session(id=id, until=soon, badge=id) for id in ids)

        async def act(what: str) -> str | None:
            if what == "sweep":
                for _ in range(10):
                    await sessions.sweep()
                return None
            try:
                made = await sessions.update(what, {"until": _in(hours=1)})
            except NotFound:
                return None
            return made.id

        extended = await concurrently(act, [("sweep",), *((id,) for id in ids), ("sweep",)])

        async def all_over() -> bool:
            await sessions.sweep()
            return datetime.now(UTC) > soon + timedelta(seconds=0.5)

        await async_eventually(all_over, "the others to expire")
        assert {one.id async for one in sessions.iterate()} == {id for id in extended if id}
        plain = target.repository("sessions", Session)
        assert await plain.count() == len([id for id in extended if id])

    async def test_other_values_never_expire(self, target: AsyncStore) -> None:
        """A document without a moment in its field stays."""
        sessions = self._sessions(target)
        await sessions.create(Session(id="a"))
        assert await sessions.sweep() == 0
        assert await sessions.exists("a")

    @pytest.mark.parametrize("expires", ["user", "nope", "", "id", 7])
    async def test_what_cannot_be_an_end(self, target: AsyncStore, expires: Any) -> None:
        """A field that is no moment, or none at all, is refused when the repository is made."""
        with pytest.raises(InvalidArgument, match="expires"):
            target.repository("sessions", Session, expires=expires)

    async def test_a_plain_datetime_cannot_be_an_end(self, target: AsyncStore) -> None:
        """Its text does not sort by time; the error names the type to use."""
        with pytest.raises(InvalidArgument, match="UtcDatetime"):
            target.repository("sessions", Plain, expires="until")

    async def test_an_end_that_is_none(self, target: AsyncStore) -> None:
        """A naive datetime is refused by the model, and nothing is stored."""
        sessions = self._sessions(target)
        wrong = Session(id="a")
        wrong.until = datetime(2026, 1, 1)
        with pytest.raises(DataError) as raised:
            await sessions.create(wrong)
        assert raised.value.status == 400
        assert await sessions.count() == 0
