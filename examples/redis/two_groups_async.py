"""The members of both groups, of either group, and of one but not the other."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns import AsyncStore

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="two_groups") as store:
        groups = store.groups("clubs")
        await groups.add("chess", "ada", "charles", "mary")
        await groups.add("music", "ada", "george", "mary")

        print(sorted(await groups.intersection("chess", "music")))
        print(sorted(await groups.union("chess", "music")))
        print(sorted(await groups.difference("chess", "music")))

        # To know only whether there is one, counting may stop at the first.
        print(await groups.intersection_size("chess", "music"))
        print(await groups.intersection_size("chess", "music", at_most=1))


asyncio.run(main())
