"""The probe's steps of the scheduled functions, which it invokes itself after creating work for them."""

import json
import time

from .deployment import Region
from .people import Person
from .progress import Failed
from .story import SOKO, Story

PATIENCE = 12.0
REPLICATIONS = ("PutItem", "UpdateItem", "TransactWriteItems")


class Scheduled:
    """Steps of the reconcilers."""

    def __init__(self, story: Story) -> None:
        self.story, self.d = story, story.deployment
        self.here, self.there = self.d.regions[0], self.d.regions[1]

    def invoke(self, function: str, region: Region | None = None, payload: bytes = b"{}") -> None:
        """Runs a scheduled function now."""
        region = region or self.here
        answer = self.d.emulator.client("lambda", region.name).invoke(
            FunctionName=f"{self.d.prefix}-{function}", Payload=payload)
        if "FunctionError" in answer:
            raise Failed(f"{function} failed: {answer['Payload'].read()[:200].decode(errors='replace')}")

    def until(self, what: str, look) -> None:
        """Waits a short while."""
        self.d.progress.until(what, look, seconds=PATIENCE)

    def reads(self, region: Region, person: Person) -> None:
        """Waits until a region has the version of a person."""
        self.d.readable(region, SOKO, person.id, person.version, PATIENCE)

    def primary(self, region: Region, user: str) -> str | None:
        """The primary account of a user."""
        return self.d.ask(region, SOKO, "lookup", {"id": user}).body.get("user", {}).get("id")

    def registered(self, region: Region, name: str = "Imani") -> Person:
        """A new person that both regions have."""
        person = self.story.register(region, SOKO, name)
        for other in self.d.regions:
            self.reads(other, person)
        return person

    def of_one_address(self, name: str) -> Person:
        """A new person here with only one identifier: a single ownership is read in another way than several."""
        person = self.story.people.new(name)
        body = person.registration()
        del body["phone_number"]
        user = self.d.call(self.here, SOKO, "register", body, 201).body["user"]
        person.id, person.version = user["id"], user["version"]
        return person

    def touched(self, person: Person) -> None:
        """Removes the peer's wrapped key from a profile there, and makes the record appear again in the stream here."""
        name = f"{self.d.prefix}-users"
        here, there = (self.d.emulator.client("dynamodb", region.name) for region in (self.here, self.there))
        at = {"TableName": name, "Key": {"id": {"S": person.id}, "part": {"S": "profile"}}}
        names = {"#keys": "keys", "#region": self.there.name}
        key = here.get_item(**at)["Item"]["keys"]["M"][self.there.name]
        remove = {"UpdateExpression": "REMOVE #keys.#region", "ExpressionAttributeNames": names}
        there.update_item(**at, **remove)
        # Writing the same item again adds no stream record, so the key is removed and added.
        here.update_item(**at, **remove)
        here.update_item(**at, UpdateExpression="SET #keys.#region = :key", ExpressionAttributeNames=names,
                         ExpressionAttributeValues={":key": key})

    def key_at_peer(self) -> None:
        """A key that only the peer lacks is replicated through the stream."""
        person = self.registered(self.here, "Yusuf")
        self.touched(person)
        self.wrapped(person)

    def key_drained(self) -> None:
        """The same through the retry queue, if the peer was down."""
        queue, person = f"retry-{self.there.name}", self.registered(self.here, "Yusuf")
        self.d.cut_off(self.there.name)
        self.touched(person)
        self.until("the retry queue fills", lambda: self.d.depth(self.here.name, queue) >= 1)
        # The stream has two records of the item, which may come in one batch or in two.
        time.sleep(2)
        self.d.proxy.heal()
        self.invoke("reconcile-writes")
        self.wrapped(person)

    def confirmed(self, person: Person) -> None:
        """Waits until the peer has all confirmations of an erasure."""
        self.until("confirmed", lambda: self.d.ask(self.there, SOKO, "erasure", {"id": person.id}).body.get(
            "receipt", {}).get("complete"))

    def apart(self, key_out: Region | None = None) -> list[Person]:
        """Creates every kind of difference while neither region reaches the other. One region's KMS may be down too."""
        known, gone = self.registered(self.here, "Pendo"), self.registered(self.here, "Rehema")
        double, undone = self.registered(self.here, "Penda"), self.registered(self.here, "Penda")
        self.d.call(self.here, SOKO, "merge", {"survivor": known.id, "duplicate": undone.id}, 200)
        self.until("the merge there", lambda: self.primary(self.there, undone.id) == known.id)
        self.d.cut_off(self.there.name)
        twin = self.story.people.new("Tatu")
        self.d.call(self.there, SOKO, "register", twin.registration(), 201)
        if key_out:
            self.d.key_service(key_out.name, False)
        self.d.call(self.here, SOKO, "register", twin.registration(), 201)
        new = self.story.register(self.here, SOKO, "Sauda")
        self.lone = self.of_one_address("Zuri")
        body = {"id": known.id, "set": {"email": self.story.people.new("Pendo").email, "phone_number": None}}
        known.version = self.d.call(self.here, SOKO, "update", body, 200).body["user"]["version"]
        self.d.call(self.here, SOKO, "unmerge", {"id": undone.id}, 200)
        self.d.call(self.here, SOKO, "merge", {"survivor": known.id, "duplicate": double.id}, 200)
        known.version = self.d.call(self.here, SOKO, "lookup", {"id": known.id}, 200).body["user"]["version"]
        self.d.call(self.here, SOKO, "erase", {"id": gone.id}, 202)
        # Two parts each of three users, three parts, two tombstones and their receipt, and rows of two merges. The
        # replicator would replicate the records that the stream still has when the path is healed.
        self.until("the retry queue fills",
                   lambda: self.d.depth(self.here.name, f"retry-{self.there.name}") >= 16)
        return [new, known, gone]

    def arrived(self, new: Person, known: Person, gone: Person) -> None:
        """Waits until the differences are gone."""
        self.reads(self.there, new)
        self.reads(self.there, self.lone)
        self.reads(self.there, known)
        self.invoke("reconcile-writes")
        self.confirmed(gone)

    def drained(self) -> None:
        """The queue is drained."""
        people = self.apart()
        self.d.proxy.heal()
        self.invoke("reconcile-writes")
        self.until("drained", lambda: self.d.depth(self.here.name, f"retry-{self.there.name}") == 0)
        self.arrived(*people)

    def postponed(self) -> None:
        """The peer answers, but rejects all writes."""
        queue = f"retry-{self.there.name}"

        def fill() -> None:
            self.d.cut_off(self.there.name)
            self.story.register(self.here, SOKO, "Upendo")
            self.until("the retry queue fills", lambda: self.d.depth(self.here.name, queue) >= 2)
            self.d.proxy.heal()

        self.fail(queue, "reconcile-writes", REPLICATIONS, fill)

    def fail(self, queue: str, function: str, actions: tuple[str, ...], fill) -> None:
        """The peer rejects all writes: messages are put back, and those that were received often are replaced."""
        client, url = self.d.emulator.client("sqs", self.here.name), self.d.queue_url(self.here.name, queue)
        for received in (0, 6):
            client.purge_queue(QueueUrl=url)
            fill()
            for _ in range(received):
                client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
            before = self.oldest(url)
            self.d.proxy.reject((self.here.name, self.there.name), *actions)
            self.invoke(function)
            self.d.proxy.heal()
            depth = self.d.depth(self.here.name, queue)
            if depth < 2:
                raise Failed(f"messages were lost: {depth} are left")
            if received and before & self.oldest(url):
                raise Failed("messages that were received often are not replaced")

    def oldest(self, url: str) -> set[str]:
        """The ids of the messages that can be received now."""
        client = self.d.emulator.client("sqs", self.here.name)
        answer = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return {message["MessageId"] for message in answer.get("Messages", [])}

    def garbage(self, queue: str, function: str) -> None:
        """An unreadable message is quarantined."""
        before = self.d.depth(self.here.name, "quarantined")
        self.d.emulator.client("sqs", self.here.name).send_message(
            QueueUrl=self.d.queue_url(self.here.name, queue), MessageBody=json.dumps({"type": "garbage"}))
        self.invoke(function)
        self.until("it is quarantined", lambda: self.d.depth(self.here.name, "quarantined") > before)

    def lacking(self, region: Region, apart: bool = False) -> list[Person]:
        """People whose parts lack a region's key."""
        try:
            if apart:
                people = self.apart(key_out=region)
            else:
                self.d.key_service(region.name, False)
                people = [self.story.register(self.here, SOKO, "Wanjiru")]
            self.until("the repair queue fills", lambda: self.d.depth(self.here.name, "keys") >= 2)
        finally:
            self.d.key_service(region.name, True)
        return people

    def wrapped(self, person: Person) -> None:
        """Every region's record has every region's key."""

        def complete() -> bool:
            items = [item for region in self.d.regions for item in self.d.items(region.name, "users")
                     if item["id"]["S"] == person.id]
            return len(items) == 4 and all(len(item["keys"]["M"]) == len(self.d.regions) for item in items)

        self.until("every region has every key", complete)

    def repaired(self) -> None:
        """The peer's wrapped key is added in both regions."""
        people = self.lacking(self.there)
        self.reads(self.there, people[0])
        self.invoke("reconcile-keys")
        self.wrapped(people[0])

    def repaired_apart(self) -> None:
        """The peer's wrapped key is missing, and the peer lacks the parts too."""
        people = self.lacking(self.there, apart=True)
        self.d.proxy.heal()
        self.invoke("reconcile-keys")
        self.wrapped(people[0])
        self.invoke("reconcile-writes")
        self.arrived(*people)

    def repaired_own(self) -> None:
        """The own wrapped key is missing: the peer's KMS unwraps the data key, and the own KMS wraps it."""
        people = self.lacking(self.here)
        self.invoke("reconcile-keys")
        self.wrapped(people[0])

    def not_repaired(self) -> None:
        """The peer rejects all writes."""
        self.fail("keys", "reconcile-keys", (*REPLICATIONS, "Encrypt"), lambda: self.lacking(self.there))
