"""Update some fields; the last writer wins; thirty writers at once all succeed."""

import needs_couch  # says how to start a server, if none answers

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

        # Each names what it changes and nothing else. Who was overtaken merges and tries again.
        changes = [{"city": f"city {n}"} for n in range(15)]
        changes += [{"language": f"language {n}"} for n in range(15)]
        stored = await asyncio.gather(*(users.update(ada.id, change) for change in changes))
        print("all succeeded", len(stored))

        after = await users.get(ada.id)
        print(after.name, after.city.startswith("city"), after.language.startswith("language"))
        await users.destroy(ada.id)


asyncio.run(main())
