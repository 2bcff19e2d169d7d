"""The members of both groups, of either group, and of one but not the other."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from datapatterns import Store

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")

with Store.from_url(URL, namespace="two_groups") as store:
    groups = store.groups("clubs")
    groups.add("chess", "ada", "charles", "mary")
    groups.add("music", "ada", "george", "mary")

    print(sorted(groups.intersection("chess", "music")))
    print(sorted(groups.union("chess", "music")))
    print(sorted(groups.difference("chess", "music")))

    # To know only whether there is one, counting may stop at the first.
    print(groups.intersection_size("chess", "music"))
    print(groups.intersection_size("chess", "music", at_most=1))
