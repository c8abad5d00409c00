"""The probe's steps of anti-entropy: tables lose items that are older than a minute, and get them back."""

import copy
import time

from .deployment import Region
from .people import Person
from .probe_queues import Scheduled
from .progress import Failed
from .story import SAFARI, SOKO

# Anti-entropy skips younger items, because they may be in flight.
SETTLED = 65.0


class Swept(Scheduled):
    """Steps of anti-entropy. Its people are registered once, so that only the first step waits for them to age."""

    settled: dict[str, Person] | None = None

    def people(self) -> dict[str, Person]:
        """Users with two identifiers, with one, renamed, erased, and a rival for an address."""
        if self.settled:
            return self.settled
        two, renamed, erased = (self.registered(self.here, name) for name in ("Pendo", "Rehema", "Sauda"))
        one = self.of_one_address("Zuri")
        self.reads(self.there, one)
        self.before = {region.name: self.held(region, renamed.id) for region in (self.here, self.there)}
        body = {"id": renamed.id, "set": {"email": self.story.people.new("Rehema").email}}
        renamed.version = self.d.call(self.here, SOKO, "update", body, 200).body["user"]["version"]
        self.reads(self.there, renamed)
        self.d.call(self.here, SOKO, "erase", {"id": erased.id}, 202)
        self.confirmed(erased)
        rival = self.story.people.new("Musa")
        self.d.proxy.cut((self.there.name, self.here.name))
        rival.id = self.d.call(self.there, SOKO, "register", rival.registration(), 201).body["user"]["id"]
        body = rival.registration() | {"password": self.story.people.secret("b")}
        self.d.call(self.here, SAFARI, "register", body, 201)
        self.d.proxy.heal()
        self.until("the retry queue fills", lambda: self.d.depth(self.there.name, f"retry-{self.here.name}") >= 2)
        self.invoke("reconcile-writes", self.there)
        self.settled = {"two": two, "one": one, "renamed": renamed, "erased": erased, "rival": rival}
        time.sleep(SETTLED)
        return self.settled

    def now(self) -> None:
        """Runs anti-entropy in the region, regardless of the last pass."""
        self.invoke("anti-entropy", payload=b'{"now": true}')

    def client(self, region: Region):
        """The tables of a region, as an operator reaches them."""
        return self.d.emulator.client("dynamodb", region.name)

    def held(self, region: Region, user: str) -> dict[str, list[dict]]:
        """The items of a user in a region."""
        tables = {"users": lambda item: item["id"]["S"] == user,
                  "identifiers": lambda item: user in item["owners"]["M"]}
        return {table: sorted((item for item in self.d.items(region.name, table) if of(item)), key=str)
                for table, of in tables.items()}

    def forget_ownerships(self, region: Region, user: str) -> None:
        """Removes a user from a region's table of ownerships."""
        table = f"{self.d.prefix}-identifiers"
        for item in self.held(region, user)["identifiers"]:
            left = copy.deepcopy(item)
            del left["owners"]["M"][user]
            if left["owners"]["M"]:
                self.client(region).put_item(TableName=table, Item=left)
            else:
                self.client(region).delete_item(TableName=table, Key={"index": item["index"]})

    def lose(self, region: Region) -> None:
        """Removes complete users, the receipts of an erasure, and the change of an address from a region."""
        people, client = self.people(), self.client(region)
        for name in ("two", "one", "rival"):
            user = people[name].id
            self.forget_ownerships(region, user)
            for part in ("profile", "credentials"):
                client.delete_item(TableName=f"{self.d.prefix}-users", Key={"id": {"S": user}, "part": {"S": part}})
        for row in self.d.items(region.name, "receipts"):
            if row["id"]["S"] == people["erased"].id:
                key = {name: row[name] for name in ("id", "key")}
                client.delete_item(TableName=f"{self.d.prefix}-receipts", Key=key)
        self.forget_ownerships(region, people["renamed"].id)
        for table, items in self.before[region.name].items():
            for item in items:
                client.put_item(TableName=f"{self.d.prefix}-{table}", Item=item)

    def equal(self) -> None:
        """Checks that both regions have the same items of all users."""
        for name, person in self.people().items():
            here, there = (self.held(region, person.id) for region in (self.here, self.there))
            if here != there or not here["users"]:
                raise Failed(f"the regions differ in {name}")
        rows = [sorted((row for row in self.d.items(region.name, "receipts")
                        if row["id"]["S"] == self.people()["erased"].id), key=str) for region in (self.here, self.there)]
        if rows[0] != rows[1] or not rows[0]:
            raise Failed("the receipts differ")

    def peer_lost(self) -> None:
        """The peer gets its lost items back."""
        self.lose(self.there)
        self.now()
        self.equal()

    def own_lost(self) -> None:
        """The region gets its lost items back."""
        self.lose(self.here)
        self.now()
        self.equal()

    def ownerships_lost(self) -> None:
        """Ownerships are derived again, and those of no user are removed."""
        people = self.people()
        for name in ("two", "one"):
            self.forget_ownerships(self.here, people[name].id)
        item = copy.deepcopy(self.held(self.here, people["renamed"].id)["identifiers"][0])
        ghost = "00000000-0000-7000-8000-000000000000"
        item["owners"]["M"][ghost] = next(iter(item["owners"]["M"].values()))
        self.client(self.here).put_item(TableName=f"{self.d.prefix}-identifiers", Item=item)
        self.now()
        if self.held(self.here, ghost)["identifiers"]:
            raise Failed("an ownership of no user is still there")
        self.equal()

    def key_lost(self) -> None:
        """A wrapped key that one side lacks comes from the other. A key that both lack is listed for repair."""
        person = self.people()["two"]
        at = {"TableName": f"{self.d.prefix}-users", "Key": {"id": {"S": person.id}, "part": {"S": "profile"}},
              "UpdateExpression": "REMOVE #keys.#region"}
        for regions in ([self.here], [self.there], [self.here, self.there]):
            for region in regions:
                names = {"#keys": "keys", "#region": self.there.name}
                self.client(region).update_item(**at, ExpressionAttributeNames=names)
            # The replicator may list the key too, but that is not the subject of this step.
            time.sleep(2)
            self.purge_keys()
            self.now()
            if len(regions) == 2:
                self.until("the repair queue fills", lambda: self.d.depth(self.here.name, "keys") >= 1)
                self.invoke("reconcile-keys")
            self.until("the key is back", lambda: self.wrapped_everywhere(person) or None)

    def purge_keys(self) -> None:
        """Empties the queue of key repairs."""
        client = self.d.emulator.client("sqs", self.here.name)
        client.purge_queue(QueueUrl=self.d.queue_url(self.here.name, "keys"))

    def wrapped_everywhere(self, person: Person) -> bool:
        """Whether the profile has every region's key in both regions."""
        names = {region.name for region in self.d.regions}
        profiles = [item for region in (self.here, self.there) for item in self.held(region, person.id)["users"]
                    if item["part"]["S"] == "profile"]
        return len(profiles) == 2 and all(set(item["keys"]["M"]) == names for item in profiles)
