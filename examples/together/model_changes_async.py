"""A model changes: a field is added, one is renamed, one is split in two."""

import asyncio
import os

from pydantic import AliasChoices, Field

from datapatterns import AsyncStore, DecodeFailed, Document, Index, upgrades

URL = os.environ.get("STORE_URL", "level:./data")


class FirstUser(Document):
    """The model of the first release."""

    name: str
    mail: str


class SecondUser(Document):
    """A field is new, and has a default; `mail` is now `email`, and is read under both names."""

    name: str
    email: str = Field(validation_alias=AliasChoices("email", "mail"))
    language: str = "en"


class User(Document):
    """The name is split, which no alias can express: a new version of the schema."""

    schema_version = 2
    first: str
    last: str
    email: str = Field(validation_alias=AliasChoices("email", "mail"))
    language: str = "en"


@upgrades(User, 1)
def split_name(fields: dict) -> dict:
    """Return the fields of version 2."""
    first, _, last = fields.pop("name").rpartition(" ")
    return {**fields, "first": first, "last": last}


BY_EMAIL, BY_LANGUAGE = Index("by_email", "email"), Index("by_language", "language")


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="model_changes") as store:
        users = store.repository("users", FirstUser)
        await users.put(FirstUser(id="ada", name="Ada Lovelace", mail="ada@example.org"))

        # The second release reads what the first one stored, and so do its indexes.
        second = store.repository("users", SecondUser, indexes=[BY_EMAIL, BY_LANGUAGE])
        ada = await second.get("ada")
        print(ada.email, ada.language)
        print(await second.count("by_email", ada.email), await second.count("by_language", "en"))

        # The third one upgrades while it reads. An index has what is stored, until `rewrite`.
        by_last = Index("by_last", "last")
        third = store.repository("users", User, indexes=[BY_EMAIL, BY_LANGUAGE, by_last])
        ada = await third.get("ada")
        print(ada.last, await third.count("by_last"))
        print("rewritten:", await third.rewrite(), "and again:", await third.rewrite())
        print(await third.count("by_last", "Lovelace"), sorted(await third.get_raw("ada")))

        # The second release cannot read what the third one stored, and does not overwrite it.
        try:
            await second.update("ada", {"language": "fr"})
        except DecodeFailed as error:
            print(error.code)
        await third.destroy("ada")


asyncio.run(main())
