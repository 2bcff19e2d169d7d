"""Rolling deployments: programs with different indexes write one collection of Redis at once.

Programs of three releases: one without the unique index, one with it, and one whose model reads
the field under two names, so that its unique index has another definition. Whatever they do in
whichever order, no two documents have one address once an index is complete, and no entry is
missing.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from pydantic import AliasChoices, Field
from redis import Redis

from datapatterns import Conflict, DataError, Document, Index, IndexNotUnique, NotFound, Unavailable
from datapatterns.core.indexes import entry
from datapatterns.redis import Repository
from datapatterns.redis._sync import indexing
from datapatterns.redis.hashes import parse, raw_of
from datapatterns.redis.index_states import IndexState
from datapatterns.testing.servers.redis import HOST, RedisServer

IDS, EMAILS = "abcdefg", "uvwxyz"
Client = Redis


class Old(Document):
    """A document of the first release."""

    email: str
    city: str = "Rome"


class Later(Document):
    """The same document in a release that prepares for another name of the stored address."""

    address: str = Field(
        validation_alias=AliasChoices("email", "address"), serialization_alias="email"
    )
    city: str = "Rome"


UNIQUE, BY_CITY = Index("unique", "email", unique=True), Index("by_city", "city")
RELEASES: dict[str, tuple[type[Document], list[Index], str]] = {
    "old": (Old, [], "email"),
    "new": (Old, [UNIQUE, BY_CITY], "email"),
    "later": (Later, [UNIQUE, BY_CITY], "address"),
}


def program(client: Client, namespace: str, release: str) -> Any:
    """Return the repository as a program of this release makes it."""
    model, indexes, _ = RELEASES[release]
    return Repository(client, "users", model, indexes=indexes, namespace=namespace)


def user(release: str, id: str, email: str, rev: str | None = None) -> Document:
    """Return a document with this address, in the model of the release."""
    model, _, field = RELEASES[release]
    return model.model_validate({"id": id, "rev": rev, field: email})


def states_of(people: Any) -> dict[bytes, IndexState]:
    """Return the states of the indexes by their names in Redis."""
    found = people.redis.hgetall(people._indexing.states)
    return {name: IndexState.of(text) for name, text in found.items()}


def stored_in(people: Any) -> dict[str, str]:
    """Return the addresses by id, read from the hashes alone."""
    prefix = people._indexing.key("x")[:-1]
    found: dict[str, str] = {}
    for key in people.redis.scan_iter(match=prefix + b"*", count=1_000):
        fields = parse(raw_of(people.redis.hgetall(key)) or {})
        found[key[len(prefix) :].decode()] = fields["email"]
    return found


def entries_in(people: Any, name: bytes) -> set[bytes]:
    """Return the entries of an index without its name."""
    members = people.redis.zrange(people._indexing.set, 0, -1)
    return {each[1 + len(name) :] for each in members if each.startswith(b"e" + name)}


def repeated(emails: dict[str, str]) -> bool:
    """Return whether two documents have one address."""
    return max(Counter(emails.values()).values(), default=0) > 1


# --- any order


class Rolling(RuleBasedStateMachine):
    """Programs of all releases write, fill and forget, beside a dictionary of addresses."""

    server: ClassVar[RedisServer]
    counted: ClassVar[Counter[str]] = Counter()

    @initialize()
    def begin(self) -> None:
        """Begin with programs that know nothing of each other, on an empty collection."""
        self.client = Redis(host=HOST, port=self.server.port)
        self.namespace = f"test-{uuid.uuid4()}"
        self.programs = {name: program(self.client, self.namespace, name) for name in RELEASES}
        self.emails: dict[str, str] = {}
        self.filling: dict[str, Any] = {}
        self.counted["runs"] += 1

    def teardown(self) -> None:
        """Remove what is stored."""
        if hasattr(self, "client"):
            for key in self.client.scan_iter(match=f"*{self.namespace}*", count=1_000):
                self.client.delete(key)
            self.client.close()

    def binding(self) -> bool:
        """Return whether a unique index is complete."""
        return any(
            one.complete and one.definition for one in states_of(self.programs["old"]).values()
        )

    def attempt(self, release: str, id: str, email: str | None, call: Callable[[], Any]) -> None:
        """Make a call that gives the document this address, and expect what the contract says."""
        others = [other for each, other in self.emails.items() if each != id]
        own = self.programs[release]._indexing.names.get("unique")
        state = None if own is None else states_of(self.programs["old"]).get(own)
        ready = own is None or (state is not None and state.complete)
        self.counted["writes"] += 1
        if not ready and repeated(self.emails):
            with pytest.raises(IndexNotUnique) as refused:
                call()
            first, second = refused.value.data["ids"]
            assert first != second
            assert self.emails[first] == self.emails[second]
            self.counted["not unique"] += 1
        elif (own is not None or self.binding()) and email in others:
            with pytest.raises(Conflict) as taken:
                call()
            assert taken.value.data == {"index": "unique"}
            self.counted[f"refused to {release}"] += 1
        else:
            call()
            if email is not None:
                self.emails[id] = email

    @rule(
        release=st.sampled_from(list(RELEASES)),
        id=st.sampled_from(IDS),
        email=st.sampled_from(EMAILS),
    )
    def create_or_update(self, release: str, id: str, email: str) -> None:
        """Create the document, or give it another address."""
        people, field = self.programs[release], RELEASES[release][2]
        if id in self.emails:
            self.attempt(release, id, email, lambda: people.update(id, {field: email}))
        else:
            self.attempt(release, id, email, lambda: people.create(user(release, id, email)))

    @rule(
        release=st.sampled_from(list(RELEASES)),
        id=st.sampled_from(IDS),
        email=st.sampled_from(EMAILS),
    )
    def put(self, release: str, id: str, email: str) -> None:
        """Store the document, whether or not there is one."""
        people = self.programs[release]
        self.attempt(release, id, email, lambda: people.put(user(release, id, email)))

    @rule(release=st.sampled_from(list(RELEASES)), id=st.sampled_from(IDS))
    def destroy(self, release: str, id: str) -> None:
        """Remove the document."""
        if self.emails.pop(id, None) is None:
            with pytest.raises(NotFound):
                self.programs[release].destroy(id)
        else:
            self.programs[release].destroy(id)

    @rule(release=st.sampled_from(["new", "later"]))
    def fill_a_step(self, release: str) -> None:
        """Begin to fill the unique index of a release, or go on with it; others write between."""
        people = self.programs[release]
        if release not in self.filling:
            state = people._indexing._declare()["unique"]
            self.filling[release] = people._indexing._fill(people._indexes["unique"], state)
        try:
            next(self.filling[release])
        except StopIteration:
            del self.filling[release]
        except IndexNotUnique:
            assert repeated(self.emails)
            del self.filling[release]

    @rule(
        release=st.sampled_from(["new", "later"]),
        id=st.sampled_from(IDS),
        email=st.sampled_from(EMAILS),
        later=st.integers(0, 3),
    )
    def write_within_a_step(self, release: str, id: str, email: str, later: int) -> None:
        """An old program writes between the reading and the writing of a step of filling."""
        filler, old = program(self.client, self.namespace, release), self.programs["old"]
        read, left = filler._indexing.read_many, [None] * later

        def read_many(ids: Any) -> Any:
            found = read(ids)
            if left:
                left.pop()
            else:
                filler._indexing.read_many = read
                self.attempt("old", id, email, lambda: old.put(user("old", id, email)))
            return found

        filler._indexing.read_many = read_many
        try:
            filler.ensure()
        except IndexNotUnique:
            assert repeated(self.emails)

    @rule(release=st.sampled_from(list(RELEASES)))
    def reindex(self, release: str) -> None:
        """Fill the release's indexes anew, and forget those of the others."""
        if repeated(self.emails) and release != "old":
            with pytest.raises(IndexNotUnique):
                self.programs[release].reindex()
        else:
            self.programs[release].reindex()
        self.filling.clear()

    @rule()
    def count(self) -> None:
        """A query of an ordinary index has every document."""
        if not repeated(self.emails):
            assert self.programs["new"].count("by_city") == len(self.emails)

    @invariant()
    def complete_means_unique_and_whole(self) -> None:
        """A complete unique index has an entry for each document, and no others."""
        if not hasattr(self, "client"):
            return
        people = self.programs["old"]
        assert stored_in(people) == self.emails
        for release in ("new", "later"):
            one = self.programs[release]._indexing
            state = states_of(people).get(one.names["unique"])
            if state is not None and state.complete:
                assert not repeated(self.emails)
                index = one.indexes["unique"]
                wanted = {
                    entry(values, id)
                    for id, email in self.emails.items()
                    for values in index.values({"email": email})
                }
                assert entries_in(people, one.names["unique"]) == wanted
                self.counted["looks at a complete index"] += 1


def test_programs_of_three_releases_in_any_order(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, figures: Callable[..., None]
) -> None:
    """No duplicate gets in, and no entry is missing, in any sequence of what programs do."""
    monkeypatch.setattr(indexing, "_STEP", 2)  # documents a step, so that filling takes several

    class Machine(Rolling):
        server = redis_server

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
    found = Machine.counted
    assert found["refused to old"]
    assert found["looks at a complete index"]
    figures(
        "rolling deployments in any order", **{k.replace(" ", "_"): n for k, n in found.items()}
    )


# --- at once


@pytest.mark.parametrize("server", ["redis_server", "valkey_server"])
def test_programs_of_three_releases_at_once(
    request: pytest.FixtureRequest, server: str, figures: Callable[..., None]
) -> None:
    """While programs of all releases write at once, an index is filled and then holds."""
    port = request.getfixturevalue(server).port
    namespace, counted, lock = f"test-{uuid.uuid4()}", Counter[str](), threading.Lock()
    emails = [f"{n}@example.org" for n in range(120)]
    begin, complete = threading.Event(), threading.Event()

    def write(release: str, seed: int, rounds: int) -> None:
        choose, client = random.Random(seed), Redis(host=HOST, port=port)
        people, field = program(client, namespace, release), RELEASES[release][2]
        for turn in range(rounds):
            if turn == rounds // 4:
                begin.set()
            id, email = f"{choose.randrange(100):03}", choose.choice(emails)
            kind = choose.choice(["create", "update", "put", "destroy", "create_many"])
            outcome = "done"
            try:
                if kind == "create":
                    people.create(user(release, id, email))
                elif kind == "update":
                    people.update(id, {field: email})
                elif kind == "put":
                    people.put(user(release, id, email))
                elif kind == "destroy":
                    people.destroy(id)
                else:
                    pairs = zip(choose.sample(range(100), 5), choose.sample(emails, 5), strict=True)
                    people.create_many(user(release, f"{n:03}", mail) for n, mail in pairs)
            except IndexNotUnique as error:  # made before the index was complete: remove one
                outcome = "not unique"
                with suppress(DataError):
                    people.destroy(error.data["ids"][0])
            except (Conflict, NotFound, Unavailable) as error:
                outcome = type(error).__name__
            with lock:
                counted[f"{release}_{outcome}"] += 1
        client.close()

    def fill() -> None:
        client = Redis(host=HOST, port=port)
        people = program(client, namespace, "new")
        begin.wait(60)
        while not complete.is_set():
            try:
                people.ensure()
                complete.set()
            except IndexNotUnique as error:
                with suppress(DataError):
                    people.destroy(error.data["ids"][0])
            except Unavailable:
                pass
        client.close()

    work = [("old", 1, 400), ("old", 2, 400), ("new", 3, 200), ("later", 4, 200)]
    threads = [threading.Thread(target=write, args=each) for each in work]
    threads.append(threading.Thread(target=fill))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    client = Redis(host=HOST, port=port)
    stored = stored_in(program(client, namespace, "old"))
    assert not repeated(stored)
    for release in ("new", "later"):
        reader = program(client, namespace, release)
        assert reader.count("unique") == reader.count() == len(stored)
        assert sorted(one.id for one in reader.iterate("unique")) == sorted(stored)
        assert reader.count("by_city") == len(stored)
    client.close()
    found = {name.replace(" ", "_"): number for name, number in sorted(counted.items())}
    figures(f"rolling deployment at once, {server}", documents=len(stored), **found)
