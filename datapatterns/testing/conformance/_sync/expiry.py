# Generated from datapatterns/testing/conformance/_async/expiry.py by scripts/unasync.py; do not edit.
"""The tests of documents that expire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from datapatterns import (
    Conflict,
    DataError,
    Document,
    Index,
    InvalidArgument,
    NotFound,
    Store,
    UtcDatetime,
)
from datapatterns.contracts import Repository
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.waiting import eventually


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

    def _sessions(self, target: Store) -> Repository[Session]:
        unique = [BY_BADGE] if target.capabilities.unique_index else []
        indexes = [BY_USER, *unique]
        return target.repository("sessions", Session, expires="until", indexes=indexes)

    def test_an_expired_document_is_absent(self, target: Store) -> None:
        """No reading call returns it, whether or not it has been removed."""
        sessions = self._sessions(target)
        old = sessions.create(Session(id="old", until=_in(hours=-1), user="a", badge="1"))
        new = sessions.create(Session(id="new", until=_in(hours=1), user="a", badge="2"))
        ever = sessions.create(Session(id="ever", user="a", badge="3"))
        assert sessions.find("old") is None
        assert sessions.exists("old") is False
        assert sessions.get_many(["old", "new"]) == [None, new]
        assert list(sessions.list()) == [ever, new]
        assert list(sessions.query("by_user", "a")) == [ever, new]
        assert [one for one in sessions.iterate()] == [ever, new]
        assert [one for one in sessions.iterate("by_user")] == [ever, new]
        assert sessions.count() == 2
        assert sessions.count("by_user", "a") == 2
        assert sessions.counts("by_user") == {"a": 2}
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
                call()
        with pytest.raises(Conflict) as raised:
            sessions.replace(old)
        assert raised.value.reason == "stale_revision"
        assert sessions.get("ever") == ever

    def test_calls_on_expired_documents_that_are_stored(self, target: Store) -> None:
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
            plain.create(Session(id="old", until=_in(hours=-1)))
            with pytest.raises(NotFound):
                call()
            if plain.exists("old"):
                plain.destroy("old")

    def test_its_id_and_values_are_free(self, target: Store) -> None:
        """Creating, putting and creating many find nothing in their way."""
        sessions = self._sessions(target)

        def create(session: Session) -> Session:
            return sessions.create(session)

        def put(session: Session) -> Session:
            return sessions.put(session)

        def create_many(session: Session) -> Any:
            return (sessions.create_many([session]))[0]

        for number, write in enumerate((create, put, create_many)):
            for _ in range(2):  # by its id, then by its badge
                sessions.create(Session(id="a", until=_in(hours=-1), badge="t"))
                made = write(Session(id="a", until=_in(hours=1), badge="t", user=str(number)))
                assert sessions.get("a") == made
                sessions.destroy("a")
                sessions.create(Session(id="a", until=_in(hours=-1), badge="t"))
                made = write(Session(id="b", until=_in(hours=1), badge="t"))
                assert sessions.get("b") == made
                sessions.destroy("b")
                sessions.sweep()

    def test_sweep_removes(self, target: Store) -> None:
        """It removes what has expired, with the entries, and returns the number."""
        sessions = self._sessions(target)
        plain = target.repository("sessions", Session, indexes=[BY_USER])
        plain.create_many(
            Session(id=f"{n:03}", until=_in(hours=-1 if n % 2 else 1), user=str(n), badge=str(n))
            for n in range(250)
        )
        assert sessions.sweep() == 125
        assert sessions.sweep() == 0
        assert plain.count() == plain.count("by_user") == 125
        assert {int(one.user) % 2 for one in plain.iterate()} == {0}
        with pytest.raises(InvalidArgument, match="expires"):
            plain.sweep()

    def test_followers_hear_of_the_removal(self, target: Store) -> None:
        """A change that says `deleted` follows, on a backend with a feed."""
        if not target.capabilities.has("changes"):
            return
        sessions = self._sessions(target)
        sessions.create(Session(id="old", until=_in(hours=-1), badge="1"))
        sessions.create(Session(id="new", until=_in(hours=1), badge="2"))
        sessions.sweep()
        changes = target.changes("sessions", Session).read()
        last = {change.id: change.deleted for change in changes if not change.id.startswith("_")}
        assert last == {"old": True, "new": False}

    def test_its_time_may_change(self, target: Store) -> None:
        """An update that moves the end is what counts, in both directions."""
        sessions = self._sessions(target)
        sessions.create(Session(id="a", until=_in(hours=1)))
        sessions.update("a", {"until": _in(hours=2)})
        assert sessions.sweep() == 0
        made = sessions.update("a", {"until": None})
        assert sessions.get("a") == made
        sessions.update("a", {"until": _in(hours=-1)})
        assert sessions.find("a") is None
        sessions.sweep()
        assert target.repository("sessions", Session).count() == 0

    def test_the_end_comes_by_itself(self, target: Store) -> None:
        """A document is there before its end and absent after it."""
        sessions = self._sessions(target)
        sessions.create(Session(id="a", until=_in(seconds=0.3)))

        def is_gone() -> bool:
            return not sessions.exists("a")

        eventually(is_gone, "the document to expire")
        assert sessions.find("a") is None

    def test_sweeping_while_others_extend(self, target: Store) -> None:
        """What was extended in time stays, what was not goes; no update is lost."""
        sessions = self._sessions(target)
        ids = [str(n) for n in range(20)]
        soon = _in(seconds=0.2)
        sessions.create_many(Session(id=id, until=soon, badge=id) for id in ids)

        def act(what: str) -> str | None:
            if what == "sweep":
                for _ in range(10):
                    sessions.sweep()
                return None
            try:
                made = sessions.update(what, {"until": _in(hours=1)})
            except NotFound:
                return None
            return made.id

        extended = concurrently(act, [("sweep",), *((id,) for id in ids), ("sweep",)])

        def all_over() -> bool:
            sessions.sweep()
            return datetime.now(UTC) > soon + timedelta(seconds=0.5)

        eventually(all_over, "the others to expire")
        assert {one.id for one in sessions.iterate()} == {id for id in extended if id}
        plain = target.repository("sessions", Session)
        assert plain.count() == len([id for id in extended if id])

    def test_other_values_never_expire(self, target: Store) -> None:
        """A document without a moment in its field stays."""
        sessions = self._sessions(target)
        sessions.create(Session(id="a"))
        assert sessions.sweep() == 0
        assert sessions.exists("a")

    @pytest.mark.parametrize("expires", ["user", "nope", "", "id", 7])
    def test_what_cannot_be_an_end(self, target: Store, expires: Any) -> None:
        """A field that is no moment, or none at all, is refused when the repository is made."""
        with pytest.raises(InvalidArgument, match="expires"):
            target.repository("sessions", Session, expires=expires)

    def test_a_plain_datetime_cannot_be_an_end(self, target: Store) -> None:
        """Its text does not sort by time; the error names the type to use."""
        with pytest.raises(InvalidArgument, match="UtcDatetime"):
            target.repository("sessions", Plain, expires="until")

    def test_an_end_that_is_none(self, target: Store) -> None:
        """A naive datetime is refused by the model, and nothing is stored."""
        sessions = self._sessions(target)
        wrong = Session(id="a")
        wrong.until = datetime(2026, 1, 1)
        with pytest.raises(DataError) as raised:
            sessions.create(wrong)
        assert raised.value.status == 400
        assert sessions.count() == 0
