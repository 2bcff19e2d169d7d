"""Groups: add and remove members, test membership, and list the groups of a member."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from datapatterns import Store

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")

with Store.from_url(URL, namespace="groups") as store:
    groups = store.groups("clubs")
    for member in ("ada", "charles", "mary"):
        groups.remove("chess", member)

    print(groups.add("chess", "ada", "charles"))  # how many were new
    print(groups.add("chess", "charles", "mary"))
    print(groups.contains("chess", "ada"), groups.contains("chess", "george"))
    print(groups.remove("chess", "ada", "george"))
    print(sorted(groups.members("chess")), groups.size("chess"))
    print(groups.groups_of("mary"), groups.groups_of("ada"))
