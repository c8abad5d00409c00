"""A short story for each function, in which it uses its whole role immediately, without its schedule.

`here` is the region whose roles are tested, `there` its peer.
"""

import time

from .feeds import Feeds
from .listing import Consumer
from .people import Person
from .probe_anti_entropy import Swept
from .probe_feeds import Fed
from .probe_pools import Pooled
from .probe_systems import Systems
from .progress import Failed
from .story import SAFARI, SOKO, Story


class Probe(Swept):
    """The steps of each function, by name. A step raises on an unexpected result."""

    def __init__(self, story: Story, feeds: Feeds) -> None:
        super().__init__(story)
        fed, self.pooled = Fed(feeds, self.here, self.there), Pooled(feeds, self.here, self.there)
        pooled = self.pooled
        self.systems = Systems(feeds, self.garbage)
        self.steps = self.systems.steps() | {
            "api": {"ready": self.ready, "a life": self.life, "a squatter": self.squatter,
                    "its KMS down": self.own_key_out, "a new password": self.systems.new_password},
            "replicator": {"a life": self.life_elsewhere, "a conflict": self.conflict, "the peer down": self.peer_out,
                           "the peer's KMS down": self.peer_key_out, "a key that only the peer lacks": self.key_at_peer,
                           "poison": self.poison},
            "feed": {"a life": self.life_as_events},
            "reconcile-writes": {"messages": self.drained, "messages that fail": self.postponed,
                                 "a key that only the peer lacks": self.key_drained,
                                 "garbage": lambda: self.garbage(f"retry-{self.there.name}", "reconcile-writes")},
            "reconcile-keys": {"repairs": self.repaired, "repairs of parts that the peer lacks": self.repaired_apart,
                               "its KMS down": self.repaired_own, "repairs that fail": self.not_repaired,
                               "garbage": lambda: self.garbage("keys", "reconcile-keys")},
            "reconcile-merges": {"two users of one person": self.one_person,
                                 "its KMS down": self.one_person_by_peer,
                                 "garbage": lambda: self.garbage("merges", "reconcile-merges")},
            "ingest": {"an event, twice": fed.accepted},
            "ingest-worker": {"a life": fed.applied, "an event of another home": fed.passed_on,
                              "the schedule": fed.searched, "garbage": lambda: self.garbage("ingest", "ingest-worker")},
            "scim": {"a life": fed.written_by_scim},
            "cognito": {"a sign-up": pooled.signed_up, "a squatter": pooled.squatter, "a known person": pooled.matched,
                        "merged users": pooled.known_by_its_id, "its KMS down": pooled.own_key_out},
            "reconcile-sources": {"ghosts": pooled.compared, "a squatter": pooled.compared_squatter,
                                  "its KMS down": pooled.compared_without_own_key},
            "anti-entropy": {"losses of the peer": self.peer_lost, "its own losses": self.own_lost,
                      "ownerships": self.ownerships_lost, "a missing key": self.key_lost},
        }

    def run(self, function: str) -> list[str]:
        """Runs the steps and returns those that fail."""
        broken = []
        for name, step in self.steps[function].items():
            try:
                self.purge()
                step()
            except Exception as error:  # noqa: BLE001
                # Every failure is a result.
                broken.append(f"{name} ({str(error).splitlines()[0][:120] or type(error).__name__})")
            finally:
                self.d.proxy.heal()
        return broken

    def reset(self) -> None:
        """Makes all services reachable and drains the queues, whatever a step has left."""
        self.d.proxy.heal()
        for region in self.d.regions:
            self.d.key_service(region.name, True)
        for _ in range(3):
            for region in self.d.regions:
                for function in ("reconcile-keys", "reconcile-merges", "reconcile-writes"):
                    self.invoke(function, region)
        self.purge()

    def purge(self) -> None:
        """Empties the queues, so that an earlier step does not affect the next one."""
        for region in self.d.regions:
            client = self.d.emulator.client("sqs", region.name)
            for queue in self.d.queues(region.name):
                client.purge_queue(QueueUrl=self.d.queue_url(region.name, queue))

    def forget(self) -> None:
        """Forces a cold start of the api, without unwrapped keys."""
        for process in self.d.functions.running():
            if process.function == f"{self.d.prefix}-api":
                process.kill()
        time.sleep(0.2)

    # The api.

    def ready(self) -> None:
        """Readiness reads the tables."""
        self.until("ready", lambda: self.here.gateway.request("GET", "/readyz")[0] == 200)

    def life(self) -> None:
        """All operations on one person, and reads from the tables instead of memory."""
        d, here, person = self.d, self.here, self.story.people.new("Juma")
        body = person.registration()
        for _ in range(2):
            user = d.call(here, SOKO, "register", body, 201, idempotency_key=person.email).body["user"]
        self.forget()
        d.call(here, SOKO, "lookup", {"email": person.email}, 200)
        d.call(here, SAFARI, "authenticate", person.login(), 200)
        self.merged_and_unmerged(user["id"])
        other = self.story.people.new("Juma").email
        d.call(here, SOKO, "update", {"id": user["id"], "set": {"email": other, "phone_number": None}}, 200)
        change = {"id": user["id"], "current_password": person.password, "new_password": self.story.people.secret("a")}
        d.call(here, SOKO, "password/change", change, 200)
        d.call(here, SOKO, "status", {"id": user["id"], "status": "disabled"}, 200)
        d.call(here, SOKO, "export", {"id": user["id"]}, 200)
        d.call(here, SOKO, "events/list", {}, 200)
        d.call(here, SOKO, "erase", {"id": user["id"]}, 202)
        d.call(here, SOKO, "erasure", {"id": user["id"]}, 200)

    def merged_and_unmerged(self, survivor: str) -> Person:
        """A duplicate is merged and unmerged."""
        duplicate = self.story.register(self.here, SOKO, "Jumah")
        self.d.call(self.here, SOKO, "merge", {"survivor": survivor, "duplicate": duplicate.id}, 200)
        self.d.call(self.here, SOKO, "unmerge", {"id": duplicate.id}, 200)
        return duplicate

    def squatter(self) -> None:
        """A verified ownership replaces an unverified one, and the journal records it."""
        person = self.story.people.new("Kioko")
        first = person.registration(verified=False)
        del first["phone_number"]
        squatter = self.d.call(self.here, SOKO, "register", first, 201).body["user"]["id"]
        self.d.call(self.here, SAFARI, "register", first | {"email_verified": True}, 201)
        exported = self.d.call(self.here, SOKO, "export", {"id": squatter}, 200).body
        if not exported["journal"]:
            raise Failed("the journal has no row")

    def own_key_out(self) -> None:
        """Data keys of another region are generated and used."""
        self.d.key_service(self.here.name, False)
        try:
            person = self.story.register(self.here, SOKO, "Leila")
            self.forget()
            self.d.call(self.here, SOKO, "lookup", {"id": person.id}, 200)
        finally:
            self.d.key_service(self.here.name, True)
            self.invoke("reconcile-keys")

    # The replicator.

    def life_elsewhere(self) -> None:
        """Changes here are read there, including erasures and their confirmations."""
        self.reads(self.there, self.of_one_address("Zuri"))
        person = self.registered(self.here)
        body = {"id": person.id, "set": {"email": self.story.people.new("Imani").email}}
        person.version = self.d.call(self.here, SOKO, "update", body, 200).body["user"]["version"]
        self.reads(self.there, person)
        duplicate = self.registered(self.here, "Jumah")
        for operation, root in (("merge", person.id), ("unmerge", duplicate.id)):
            ids = {"survivor": person.id, "duplicate": duplicate.id} if operation == "merge" else {"id": duplicate.id}
            self.d.call(self.here, SOKO, operation, ids, 200)
            self.until(f"the {operation} there", lambda: self.primary(self.there, duplicate.id) == root)
        self.d.call(self.here, SOKO, "erase", {"id": person.id}, 202)
        self.confirmed(person)

    # The feed.

    def life_as_events(self) -> None:
        """A registration and an erasure become events, of a new epoch and with a new process."""
        client = self.d.emulator.client("dynamodb", self.here.name)
        client.delete_item(TableName=f"{self.d.prefix}-checkpoints", Key={"id": {"S": "feed/epoch"}})
        for process in self.d.functions.running():
            if process.function == f"{self.d.prefix}-feed":
                process.kill()
        consumer = Consumer(self.story, SOKO, int(time.time()))
        person = self.registered(self.here)
        consumer.until(self.here, "registered", person.id)
        self.d.call(self.here, SOKO, "erase", {"id": person.id}, 202)
        consumer.until(self.here, "erased", person.id)

    def same_address(self, path: tuple[str, str]) -> tuple[str, str]:
        """Registers the same address on both sides of a broken path: there first, then here. Returns the ids."""
        self.d.proxy.cut(path)
        person = self.story.people.new("Musa")
        rival = self.d.call(self.there, SOKO, "register", person.registration(), 201).body["user"]["id"]
        mine = person.registration() | {"password": self.story.people.secret("b")}
        own = self.d.call(self.here, SAFARI, "register", mine, 201).body["user"]["id"]
        self.until("the journal there", lambda: any(
            item["id"]["S"] == rival for item in self.d.items(self.there.name, "journal")) or None)
        return rival, own

    def conflict(self) -> None:
        """A replicated version conflicts at the peer, which records it in its journal."""
        self.same_address((self.there.name, self.here.name))
        self.d.proxy.heal()
        self.invoke("reconcile-writes", self.there)

    def one_person(self) -> None:
        """Two users whose common address two companies have verified become one person."""
        rival, own = self.same_address((self.there.name, self.here.name))
        self.d.proxy.heal()
        self.invoke("reconcile-writes", self.there)
        self.until("the queue of merges fills", lambda: self.d.depth(self.here.name, "merges") >= 1)
        self.invoke("reconcile-merges")
        self.until("they are merged", lambda: self.primary(self.here, rival) == self.primary(self.here, own))

    def one_person_by_peer(self) -> None:
        """The same with the peer's key."""
        rival, own = self.same_address((self.there.name, self.here.name))
        self.d.proxy.heal()
        self.invoke("reconcile-writes", self.there)
        self.until("the queue of merges fills", lambda: self.d.depth(self.here.name, "merges") >= 1)
        self.d.key_service(self.here.name, False)
        try:
            self.invoke("reconcile-merges")
        finally:
            self.d.key_service(self.here.name, True)
        self.until("they are merged", lambda: self.primary(self.here, rival) == self.primary(self.here, own))

    def peer_out(self) -> None:
        """Changes that the peer does not accept are queued."""
        queue = f"retry-{self.there.name}"
        self.d.cut_off(self.there.name)
        self.story.register(self.here, SOKO, "Neema")
        self.until("the retry queue fills", lambda: self.d.depth(self.here.name, queue) >= 2)
        self.d.proxy.heal()
        self.invoke("reconcile-writes")

    def peer_key_out(self) -> None:
        """Missing wrapped keys are listed. A key that is added later is replicated."""
        self.d.key_service(self.there.name, False)
        try:
            self.story.register(self.here, SOKO, "Omari")
            self.until("the repair queue fills", lambda: self.d.depth(self.here.name, "keys") >= 2)
        finally:
            self.d.key_service(self.there.name, True)
        self.invoke("reconcile-keys")

    def poison(self) -> None:
        """An unreadable record is quarantined."""
        before = self.d.depth(self.here.name, "quarantined")
        client, table = self.d.emulator.client("dynamodb", self.here.name), f"{self.d.prefix}-users"
        key = {"id": {"S": f"poison-{time.time_ns()}"}, "part": {"S": "profile"}}
        client.put_item(TableName=table, Item=key | {"origin": {"S": self.here.name}})
        try:
            self.until("it is quarantined", lambda: self.d.depth(self.here.name, "quarantined") > before)
        finally:
            client.delete_item(TableName=table, Key=key)
