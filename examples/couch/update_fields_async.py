"""Update some fields: the last writer wins, and thirty writers at once all succeed."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns import AsyncStore, Document

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class User(Document):
    name: str
    city: str = ""
    language: str = ""


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="update_fields") as store:
        users = store.repository("users", User)
        ada = await users.create(User(name="Ada"))

        # Each names only the fields it changes. After a conflict `update` merges again.
        changes = [{"city": f"city {n}"} for n in range(15)]
        changes += [{"language": f"language {n}"} for n in range(15)]
        stored = await asyncio.gather(*(users.update(ada.id, change) for change in changes))
        print("all succeeded", len(stored))

        after = await users.get(ada.id)
        print(after.name, after.city.startswith("city"), after.language.startswith("language"))
        await users.destroy(ada.id)


asyncio.run(main())
