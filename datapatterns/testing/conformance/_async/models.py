"""The tests that documents, items and payloads of every model come back, or are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

import pytest
from pydantic_core import to_json

from datapatterns import AsyncStore, DataError, Document, InvalidArgument, InvalidData
from datapatterns.contracts import AsyncRepository
from datapatterns.testing.conformance.models import CARRIED, REFUSED, REFUSED_MODELS
from datapatterns.testing.waiting import async_eventually


def differs(found: Any, given: Document) -> str | None:
    """Return how a document differs from another one, but for its revision; None if it does not."""
    if type(found) is not type(given):
        return f"is a {type(found).__name__}"
    for name in type(given).model_fields:
        one, other = getattr(found, name), getattr(given, name)
        if name != "rev" and not (type(one) is type(other) and _same(one, other)):
            return f"{name} is {one!r} and not {other!r}"
    if found.model_extra != given.model_extra:
        return f"has the extra fields {found.model_extra} and not {given.model_extra}"
    return None


def _same(one: Any, other: Any) -> bool:
    if repr(one) == repr(other):
        return True
    # Moments of an hour that happens twice are never equal to those in another time zone.
    aware = getattr(one, "tzinfo", None) is not None
    return bool(one - other.astimezone(one.tzinfo) == one - one if aware else one == other)


class TestModels:
    """Tests that what a repository accepts comes back equal, whatever the model."""

    pattern: ClassVar[str] = "repository"

    async def test_documents_of_every_model_come_back(self, target: AsyncStore) -> None:
        """Each comes back equal, in value and type, from every call that returns documents."""
        faults: list[str] = []
        for name, document in CARRIED.items():
            repository = target.repository("models", type(document))
            faults += [f"{name}: {fault}" async for fault in self._faults(repository, document)]
        assert faults == []

    async def _faults(
        self, repository: AsyncRepository[Any], given: Document
    ) -> AsyncIterator[str]:
        """Yield what is wrong with what comes back of a document."""
        id = given.id
        changes = _values(given)
        plain = _plain(given)
        calls: list[tuple[str, Callable[[], Any]]] = [
            ("create", lambda: repository.create(given)),
            ("get", lambda: repository.get(id)),
            ("update", lambda: repository.update(id, changes)),
            ("replace", lambda: _replace(repository, given)),
            ("put", lambda: repository.put(given)),
            ("find", lambda: repository.find(id)),
        ]
        if plain is not None:
            calls.append(("patch", lambda: repository.patch(id, plain)))
        for name, call in calls:
            try:
                if fault := differs(await call(), given):
                    yield f"{name}: {fault}"
            except DataError as error:
                yield f"{name}: {type(error).__name__}: {error}"
        with suppress(DataError):
            many = [*await repository.list(), *await repository.get_many([id])]
            many += [one async for one in repository.iterate()]
            if len(many) != 3 or any(differs(one, given) for one in many):
                yield f"list, get_many and iterate give {many!r}"
            if problems := await repository.check():
                yield f"check tells {problems!r}"
            if await repository.rewrite():
                yield "rewrite has something to do"
            await repository.destroy(id)
        [again] = await repository.create_many([given])
        if fault := differs(again, given):
            yield f"create_many: {fault}"
        await repository.destroy(id)

    @pytest.mark.parametrize("name", REFUSED_MODELS)
    async def test_models_that_cannot_come_back(self, target: AsyncStore, name: str) -> None:
        """They are refused when a repository is made, with the field and what to do."""
        model, field = REFUSED_MODELS[name]
        with pytest.raises(InvalidArgument) as raised:
            target.repository("models", model)
        assert field in str(raised.value)

    async def test_documents_that_would_not_come_back(self, target: AsyncStore) -> None:
        """Every call that writes refuses them, naming the field, and stores nothing."""
        faults: list[str] = []
        for name, (document, field) in REFUSED.items():
            repository = target.repository("models", type(document))
            told = self._not_refused(repository, document, field, update=name not in VALIDATED)
            faults += [f"{name}: {fault}" async for fault in told]
        assert faults == []

    async def _not_refused(
        self, repository: AsyncRepository[Any], document: Document, field: str, *, update: bool
    ) -> AsyncIterator[str]:
        """Yield the calls that do not refuse the document."""
        stored = await repository.create(type(document)(id="stored"))
        instead = document.model_copy(update={"id": "stored", "rev": stored.rev})
        calls: dict[str, Callable[[], Any]] = {
            "create": lambda: repository.create(document),
            "create_many": lambda: _first(repository, document),
            "put": lambda: repository.put(document),
            "put over another": lambda: repository.put(instead),
            "replace": lambda: repository.replace(instead),
        }
        if update:
            changes = {field: getattr(document, field)}
            calls["update"] = lambda: repository.update("stored", changes)
        for name, call in calls.items():
            if (told := await _places(call)) != {field}:
                yield f"{name}: {told}"
        if [one async for one in repository.iterate()] != [stored]:
            yield "something was stored"
        await repository.destroy("stored")


class TestModelsOfItems:
    """Tests that what a queue accepts is delivered equal, whatever the model."""

    pattern: ClassVar[str] = "work_queue"

    async def test_items_of_every_model_come_back(self, target: AsyncStore) -> None:
        """An instance comes back equal; so does a dict of its fields as JSON has them."""
        faults: list[str] = []
        for name, document in CARRIED.items():
            queue = target.work_queue("models", type(document))
            plain: Any = document.model_dump(mode="json", by_alias=True, round_trip=True)
            for form, item in (("model", document), ("dict", plain)):
                try:
                    await queue.push(item)
                except DataError as error:
                    strict = form == "dict" and name in NOT_FROM_DICTS
                    faults += [] if strict else [f"{name}: {form}: {error!r}"]
                    continue
                delivery = await queue.take()
                fault = "is lost" if delivery is None else differs(delivery.item, document)
                faults += [f"{name}: {form}: {fault}"] if fault else []
                if delivery is not None:
                    await delivery.ack()
        assert faults == []

    @pytest.mark.parametrize("name", REFUSED_MODELS)
    async def test_models_that_cannot_come_back(self, target: AsyncStore, name: str) -> None:
        """They are refused when a queue is made, with the field and what to do."""
        model, field = REFUSED_MODELS[name]
        with pytest.raises(InvalidArgument) as raised:
            target.work_queue("models", model)
        assert field in str(raised.value)

    async def test_items_that_would_not_come_back(self, target: AsyncStore) -> None:
        """They are refused with the field, as an instance and as a dict, and nothing is queued."""
        faults: list[str] = []
        for name, (document, field) in REFUSED.items():
            queue: Any = target.work_queue("models", type(document))
            if (told := await _places(partial(queue.push, document))) != {field}:
                faults.append(f"{name}: {told}")
            if (await queue.stats()).ready or await queue.purge():
                faults.append(f"{name}: something was queued")
        assert faults == []


class TestModelsOfPayloads:
    """Tests that a model that is emitted arrives as the JSON that its class reads."""

    pattern: ClassVar[str] = "emitter"

    async def test_payloads_of_every_model_arrive(self, target: AsyncStore) -> None:
        """What listeners hear is validated to an equal instance."""
        heard: list[Any] = []
        events = target.emitter("models")
        try:
            await events.on("model", heard.append)
            for document in CARRIED.values():
                await events.emit("model", document)
            await async_eventually(lambda: len(heard) == len(CARRIED), "all payloads to arrive")
        finally:
            await events.close()
        faults: list[str] = []
        for payload, (name, document) in zip(heard, CARRIED.items(), strict=True):
            found = type(document).model_validate_json(to_json(payload))
            if fault := differs(found, document):
                faults.append(f"{name}: {fault}")
        assert faults == []

    async def test_payloads_that_would_not_arrive(self, target: AsyncStore) -> None:
        """They are refused with the field, and nobody hears them."""
        heard: list[Any] = []
        faults: list[str] = []
        events = target.emitter("models")
        try:
            await events.on("model", heard.append)
            for name, (document, field) in REFUSED.items():
                told = await _places(partial(events.emit, "model", document))
                if told != {field}:
                    faults.append(f"{name}: {told}")
            await events.emit("model", "end")
            await async_eventually(lambda: heard, "the last payload to arrive")
        finally:
            await events.close()
        assert (faults, heard) == ([], ["end"])


# Models that read their own JSON, but not the same values as a dict of Python's.
NOT_FROM_DICTS = frozenset({"strict"})
# Values that only validation makes of others: an update, which validates, takes them.
VALIDATED = frozenset({"a value of another type", "a validator that changes again"})


async def _replace(repository: AsyncRepository[Any], given: Document) -> Any:
    """Replace the stored document by the same one."""
    stored = await repository.get(given.id)
    return await repository.replace(given.model_copy(update={"rev": stored.rev}))


async def _first(repository: AsyncRepository[Any], given: Document) -> Any:
    """Create one document in a batch with another one; raise its error."""
    outcome, _ = await repository.create_many([given, type(given)(id="other")])
    await repository.destroy("other")
    if isinstance(outcome, DataError):
        raise outcome


async def _places(call: Callable[[], Any]) -> Any:
    """Return the names of the fields that a refusal lists."""
    try:
        returned = await call()
    except InvalidData as error:
        return {str(found["loc"][0]) if found["loc"] else "" for found in error.errors}
    except Exception as error:
        return repr(error)
    return f"nothing: it returned {returned!r}"


def _values(given: Document) -> dict[str, Any]:
    """Return the fields of a document by name, as Python has them."""
    fields = type(given).model_fields.keys() - {"id", "rev"}
    # A field that is parsed from JSON is given as JSON.
    as_json: Any = given.model_dump(mode="json", round_trip=True, by_alias=False)
    parsed = type(given).__name__ == "Parsed"
    return {name: as_json[name] if parsed else getattr(given, name) for name in fields}


def _plain(given: Document) -> dict[str, Any] | None:
    """Return the fields of a document as JSON has them; None if these are no fields of its own."""
    if type(given).__pydantic_decorators__.model_serializers:
        return None
    fields: Any = given.model_dump(mode="json", by_alias=True, round_trip=True)
    names = {info.serialization_alias or name for name, info in type(given).model_fields.items()}
    known = names - {"id", "rev", "_id"}
    return {name: value for name, value in fields.items() if name in known and value is not None}
