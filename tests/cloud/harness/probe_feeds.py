"""The steps of the functions of sources and SCIM, for the test of their permissions."""

import secrets
import uuid

from .deployment import Region
from .feeds import Feeds
from .progress import Failed
from .story import SAFARI, SOKO


class Fed:
    """Events and SCIM requests whose effects are looked for."""

    def __init__(self, feeds: Feeds, here: Region, there: Region) -> None:
        self.feeds, self.d, self.here, self.there = feeds, feeds.d, here, there

    def sources(self) -> None:
        """Adds the sources once."""
        if "soko-auth0" not in self.feeds.keys:
            self.feeds.add("soko-auth0", SOKO, "auth0", self.here, "--may-erase")
            self.feeds.add("soko-there", SOKO, "auth0", self.there)
            self.feeds.add("safari-scim", SAFARI, "scim", self.here, "--may-erase")

    def forget(self, function: str) -> None:
        """Forces a cold start of a function."""
        for process in self.d.functions.running():
            if process.function == f"{self.d.prefix}-{function}":
                process.kill()

    def accepted(self) -> None:
        """An event is stored and rung for, and is known afterwards."""
        self.sources()
        _, subject, event = self.feeds.registered("Imani")
        self.feeds.accepted(self.here, "soko-auth0", event)
        if self.feeds.accepted(self.here, "soko-auth0", event)["known"] != 1:
            raise Failed("the event is not known")
        self.feeds.known(self.here, SOKO, {"external_id": subject})

    def applied(self) -> None:
        """A user is made, matched, changed, suspended and erased."""
        self.sources()
        self.forget("ingest-worker")
        person, subject, event = self.feeds.registered("Jabali")
        self.feeds.accepted(self.here, "soko-auth0", event)
        self.feeds.known(self.here, SOKO, {"external_id": subject})

        def next_event(seconds: int, **user) -> dict:
            return event | {"id": str(uuid.uuid4()), "time": event["time"] + seconds, "user": event["user"] | user}

        other = self.feeds.story.people.new("Jabali").email
        self.feeds.accepted(self.here, "soko-auth0", next_event(1, email=other))
        self.feeds.known(self.here, SOKO, {"email": other})
        self.feeds.accepted(self.here, "soko-auth0", next_event(2, blocked=True))
        deletion = {"specversion": "1.0", "type": "user.deleted", "id": str(uuid.uuid4()), "time": str(event["time"] + 9),
                    "data": {"object": {"user_id": subject}}}
        self.feeds.accepted(self.here, "soko-auth0", deletion)
        self.d.progress.until("erased", lambda: self.d.ask(self.here, SOKO, "lookup", {"email": other}).status == 404)
        self.squatter()

    def squatter(self) -> None:
        """An ownership that was not verified is replaced by the event's."""
        person, subject, event = self.feeds.registered("Kioko")
        squatter = person.registration(verified=False)
        del squatter["phone_number"]
        self.d.call(self.here, SAFARI, "register", squatter, 201)
        self.feeds.accepted(self.here, "soko-auth0", event)
        self.feeds.known(self.here, SOKO, {"external_id": subject})

    def passed_on(self) -> None:
        """An event of a source with another home."""
        self.sources()
        self.forget("ingest-worker")
        _, subject, event = self.feeds.registered("Neema")
        self.feeds.accepted(self.here, "soko-there", event)
        self.feeds.known(self.there, SOKO, {"external_id": subject})

    def searched(self) -> None:
        """The schedule searches the inbox."""
        self.sources()
        self.feeds.invoke_worker(self.here)

    def written_by_scim(self) -> None:
        """A user is created, found, changed, suspended and deleted."""
        self.sources()
        self.forget("scim")
        person = self.feeds.story.people.new("Rashidi")
        body = {"userName": person.email, "active": True, "externalId": secrets.token_hex(8),
                "name": {"givenName": person.given_name}, "emails": [{"value": person.email, "primary": True}]}
        status, made = self.feeds.scim(self.here, "POST", "safari-scim", "Users", body)
        if status != 201:
            raise Failed(f"SCIM answers {status}")
        active = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
        for method, path, change in (("GET", f"Users/{made['id']}", None), ("PATCH", f"Users/{made['id']}", active),
                                     ("DELETE", f"Users/{made['id']}", None)):
            status, _ = self.feeds.scim(self.here, method, "safari-scim", path, change)
            if status not in (200, 204):
                raise Failed(f"SCIM answers {method} with {status}")
