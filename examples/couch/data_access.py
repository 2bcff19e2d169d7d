"""Data access of an application, in a package of its own."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from postoffice import PostOffice

from datapatterns import Store

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")

with Store.from_url(URL, namespace="data_access") as store:
    office = PostOffice(store)
    ada = office.people.register("ada@example.org", "Ada")
    print(office.people.rename(ada.id, "Ada Lovelace").name)

    office.messages.send(ada.id, at=1, text="The engine turns.")
    office.messages.send(ada.id, at=2, text="It stopped.")
    print([message.text for message in office.messages.inbox(ada.id)])

    office.messages.burn(ada.id)
    office.people.leave(ada.id)
