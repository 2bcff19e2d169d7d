"""Unique indexes in LevelDB: whom they bind, and from when on."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from datapatterns import Conflict, Document, Index, IndexNotUnique, Store, Unavailable
from datapatterns.level import Repository

BY_EMAIL = Index("by_email", "email", unique=True)
PLAIN = Index("by_email", "email")
MANY = 600  # documents: more than one step goes through


class User(Document):
    """What is stored."""

    email: str


def users_of(store: Store, *indexes: Index, ensure: bool = True) -> Repository[User]:
    """Return the repository with these indexes."""
    users: Repository[User] = store.repository("users", User, indexes=indexes, ensure=ensure)  # pyright: ignore[reportAssignmentType] - the backend is known
    return users


def at(moment: int, act: Callable[[], object]) -> Callable[[int, int], None]:
    """Return a progress function that calls `act` when it is called for that time."""
    calls = count()

    def progress(done: int, total: int) -> None:
        if next(calls) == moment:
            act()

    return progress


@pytest.mark.parametrize("moment", range(4))
def test_a_value_taken_twice_beside_the_filling(tmp_path: Path, moment: int) -> None:
    """Whenever that was written it is found, and its writer was not hindered."""
    with Store.from_url(f"level:{tmp_path}/data") as store:
        plain, strict = users_of(store), users_of(store, BY_EMAIL)
        plain.create_many(User(id=f"{n:03}", email=f"{n:03}") for n in range(MANY))
        with pytest.raises(IndexNotUnique) as raised:
            strict.reindex(at(moment, lambda: plain.create(User(id="0011", email="001"))))
        assert sorted(raised.value.data["ids"]) == ["001", "0011"]
        with pytest.raises(IndexNotUnique):
            strict.ensure()
        plain.destroy("001")
        assert strict.count("by_email") == MANY
        with pytest.raises(Conflict):
            plain.create(User(email="001"))


def test_a_complete_index_binds_every_writer(tmp_path: Path) -> None:
    """Also after opening anew, from the moment that it is declared."""
    with Store.from_url(f"level:{tmp_path}/data") as store:
        users_of(store, BY_EMAIL).create(User(email="x"))
        with pytest.raises(Conflict):
            users_of(store).create(User(email="x"))
    with Store.from_url(f"level:{tmp_path}/data") as store:
        plain, strict = users_of(store), users_of(store, BY_EMAIL)
        with pytest.raises(Conflict):
            plain.create(User(email="x"))
        assert strict.counts("by_email") == {"x": 1}


def test_what_was_written_while_nobody_declared_it(tmp_path: Path) -> None:
    """An entry that was left over takes no value, and a value taken twice is found."""
    with Store.from_url(f"level:{tmp_path}/data") as store:
        users_of(store, BY_EMAIL).create(User(id="a", email="x"))
    with Store.from_url(f"level:{tmp_path}/data") as store:
        users_of(store).update("a", {"email": "y"})
        users_of(store).create(User(id="0", email="x"))
    with Store.from_url(f"level:{tmp_path}/data") as store:
        assert users_of(store, BY_EMAIL).counts("by_email") == {"x": 1, "y": 1}
    with Store.from_url(f"level:{tmp_path}/data") as store:
        users_of(store, PLAIN).create(User(id="b", email="x"))
    with Store.from_url(f"level:{tmp_path}/data") as store, pytest.raises(IndexNotUnique):
        users_of(store, BY_EMAIL).count("by_email")


def test_without_ensure_somebody_else_fills(tmp_path: Path) -> None:
    """Until then a question to the index, and a write under a unique one, are Unavailable."""
    with Store.from_url(f"level:{tmp_path}/data") as store:
        users_of(store).create(User(id="a", email="x"))
        users = users_of(store, BY_EMAIL, ensure=False)
        for call in (lambda: users.count("by_email"), lambda: users.update("a", {"email": "y"})):
            with pytest.raises(Unavailable):
                call()
        users.ensure()
        users.update("a", {"email": "y"})
    with Store.from_url(f"level:{tmp_path}/data") as store:
        assert users_of(store, BY_EMAIL, ensure=False).counts("by_email") == {"y": 1}
