"""Groups: add and remove members, test membership, and list the groups of a member."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns import AsyncStore

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="groups") as store:
        groups = store.groups("clubs")
        for member in ("ada", "charles", "mary"):
            await groups.remove("chess", member)

        print(await groups.add("chess", "ada", "charles"))  # how many were new
        print(await groups.add("chess", "charles", "mary"))
        print(await groups.contains("chess", "ada"), await groups.contains("chess", "george"))
        print(await groups.remove("chess", "ada", "george"))
        members = [member async for member in groups.members("chess")]
        print(sorted(members), await groups.size("chess"))
        print(await groups.groups_of("mary"), await groups.groups_of("ada"))


asyncio.run(main())
