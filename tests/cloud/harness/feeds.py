"""Sources: an Action's event becomes a person in every region, and SCIM clients write people through the gateway."""

import http.client
import json
import secrets
import time
import uuid
from urllib.parse import quote

from .deployment import Region
from .people import Person
from .progress import HANG, Failed
from .story import SAFARI, SOKO, Story
from .system import System

STAGE = "feeds"
# The worker rings again for an event after this time.
RINGS_AFTER = 62


class Feeds:
    """The sources of the run, and their providers."""

    def __init__(self, system: System, story: Story) -> None:
        self.system, self.story, self.d = system, story, story.deployment
        self.keys: dict[str, dict] = {}
        self._gateway_keys: dict[str, str] = {}

    # The operator.

    def umoja(self, *arguments: str, codes=(0,)) -> str:
        """A command of `umoja source`."""
        place = ("--prefix", self.d.prefix, "--region", self.d.regions[0].name)
        return self.system.operator("source", *arguments, *place, codes=codes)

    def add(self, source: str, company: str, kind: str, home: Region, *more: str) -> None:
        """Adds a source and keeps its keys."""
        file = self.system.directory / f"{source}.json"
        self.umoja("add", source, "--company", company, "--kind", kind, "--home", home.name, "--out", str(file), *more)
        self.keys[source] = json.loads(file.read_text()) | {"file": str(file)}

    def add_pool(self, pool: str, home: Region) -> None:
        """Adds the source whose users a user pool has."""
        self.add("soko-pool", SOKO, "cognito", home, "--pool", pool, "--direction", "from-pool")

    def events(self, source: str, region: Region) -> dict:
        """The counts of a source's events in a region."""
        listed = json.loads(self.umoja("list", "--json"))["sources"]
        found = next(each for each in listed if each["id"] == source)
        return next(each["events"] for each in found["events"] if each["region"] == region.name)

    def api_id(self, region: Region) -> str:
        """The id of the REST API."""
        return self.system.terraform.outputs(region.name)["sources_api_id"]

    def gateway_key(self, region: Region) -> str:
        """The gateway's key, as Terraform prints it."""
        if region.name not in self._gateway_keys:
            self._gateway_keys[region.name] = self.system.terraform.outputs(region.name)["sources_key"]
        return self._gateway_keys[region.name]

    def admit(self, region: Region, source: str) -> None:
        """Adds a source's own key to the usage plan, for a sender of one header."""
        gateway = self.d.emulator.client("apigateway", region.name)
        key = gateway.create_api_key(name=f"{self.d.prefix}-{source}", enabled=True, value=self.keys[source]["api_key"])
        plan = self.system.terraform.outputs(region.name)["sources_plan"]
        gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")

    # The provider.

    def request(self, region: Region, method: str, source: str, headers: dict, body: str | None = None, query: str = ""):
        """Status, headers and text of an answer of the REST API."""
        connection = http.client.HTTPConnection("127.0.0.1", self.d.emulator.port, timeout=HANG)
        host = f"{self.api_id(region)}.execute-api.localhost"
        path = f"/{STAGE}/v1/sources/{source}/events{query}"
        connection.request(method, path, body, {"Host": host, "Content-Type": "application/json"} | headers)
        answer = connection.getresponse()
        said = {name.lower(): value for name, value in answer.getheaders()}
        text = answer.read().decode(errors="replace")
        connection.close()
        return answer.status, said, text

    def post(self, region: Region, source: str, event: dict, key: str | None = None, gateway: str | None = None):
        """Posts an event with the keys of the gateway and of the source."""
        headers = {"x-api-key": self.gateway_key(region) if gateway is None else gateway,
                   "Authorization": f"Bearer {key or self.keys[source]['api_key']}"}
        status, _, text = self.request(region, "POST", source, headers, json.dumps(event))
        return status, text

    def accepted(self, region: Region, source: str, event: dict) -> dict:
        """Posts an event that must be accepted."""
        status, text = self.post(region, source, event)
        if status != 202:
            raise Failed(f"an event is not accepted in {region.name}: {status} {text[:300]}")
        return json.loads(text)

    def registered(self, given_name: str) -> tuple[Person, str, dict]:
        """A new person of an Auth0 tenant, its id there, and the event of its registration."""
        person, subject = self.story.people.new(given_name), f"auth0|{secrets.token_hex(12)}"
        user = {"user_id": subject, "email": person.email, "email_verified": True,
                "given_name": person.given_name, "family_name": person.family_name}
        return person, subject, {"v": 1, "id": str(uuid.uuid4()), "trigger": "post-user-registration",
                                 "time": int(time.time() * 1000), "user": user}

    def known(self, region: Region, company: str, body: dict) -> dict:
        """Waits until a region finds a user."""

        def look() -> dict | None:
            answer = self.d.ask(region, company, "lookup", body)
            return answer.body["user"] if answer.status == 200 else None

        return self.d.progress.until(f"{region.name} has the user", look, pause=0.1)

    def invoke_worker(self, region: Region) -> None:
        """Runs the worker as its schedule does."""
        client = self.d.emulator.client("lambda", region.name)
        answer = client.invoke(FunctionName=f"{self.d.prefix}-ingest-worker", Payload=b"{}")
        if "FunctionError" in answer:
            raise Failed(f"the worker failed in {region.name}: {answer['Payload'].read()[:500]}")

    def is_silent(self, region: Region) -> bool:
        """Whether no message about an event is left."""
        return self.d.depth(region.name, "ingest") == 0

    def scim(self, region: Region, method: str, source: str, path: str, body: dict | None = None, token: str | None = None):
        """A request of a SCIM client: status and body."""
        headers = {"Content-Type": "application/scim+json",
                   "Authorization": f"Bearer {token or self.keys[source]['api_key']}"}
        company = self.keys[source]["company"]
        status, _, text = region.gateway.request(method, f"/scim/v2/{company}/{path}",
                                                 json.dumps(body) if body else None, headers)
        return status, json.loads(text) if text.strip() else {}


def fed(system: System, story: Story, here: Region, there: Region) -> None:
    """Plays the chapter."""
    feeds, check = Feeds(system, story), story.progress.check
    feeds.add("soko-auth0", SOKO, "auth0", here)
    feeds.add("safari-auth0", SAFARI, "auth0", here)
    feeds.add("soko-slow", SOKO, "auth0", here)
    feeds.add("soko-old", SOKO, "auth0", here, "--legacy-get", "users")
    feeds.add("safari-scim", SAFARI, "scim", here)
    check("safari-scim" in feeds.umoja("list"), "umoja source add and list, with --prefix")
    paused, waiting = pause(feeds, here), time.monotonic()
    posted(feeds, here, there)
    rejected(feeds, here)
    poison(feeds, here)
    legacy(feeds, here, there)
    scim(feeds, here, there)
    resume(feeds, here, paused, waiting)
    tested(feeds, here)


def posted(feeds: Feeds, here: Region, there: Region) -> None:
    """An Action's events, posted in two regions."""
    check, d = feeds.story.progress.check, feeds.d
    person, subject, event = feeds.registered("Imani")
    begin = time.monotonic()
    receipt = feeds.accepted(here, "soko-auth0", event)
    check(receipt == {"accepted": 1, "known": 0},
          f"{here.name} accepts an Action's event through the REST API ({time.monotonic() - begin:.2f} s)")
    user = feeds.known(there, SOKO, {"external_id": subject})
    check(user["email"] == person.email, f"{there.name} knows her {time.monotonic() - begin:.2f} s later, by her id at Auth0")
    check(feeds.accepted(here, "soko-auth0", event) == {"accepted": 0, "known": 1}, "the event again changes nothing")
    status, _ = feeds.post(here, "soko-auth0", event | {"trigger": "post-login"})
    check(status == 409, "its id with another body is rejected: 409")
    person, subject, event = feeds.registered("Jabali")
    feeds.accepted(there, "soko-auth0", event)
    user = feeds.known(here, SOKO, {"external_id": subject})
    check(user["email"] == person.email, f"an event that {there.name} accepts is applied by the home of its source")
    feeds.accepted(here, "soko-auth0", event | {
        "id": str(uuid.uuid4()), "time": event["time"] + 5, "user": event["user"] | {"blocked": True}})
    d.progress.until("he is suspended", lambda: "suspended" in json.dumps(
        d.call(there, SOKO, "lookup", {"external_id": subject}, 200).body), pause=0.1)
    check(True, f"blocked at Auth0: suspended at {SOKO} in {there.name}")


def rejected(feeds: Feeds, here: Region) -> None:
    """Callers without one of the keys."""
    check = feeds.story.progress.check
    _, _, event = feeds.registered("Mallory")
    statuses = [feeds.post(here, "soko-auth0", event, gateway=key)[0] for key in ("", "a" * 40)]
    check(statuses == [403, 403], "without a key of the gateway no request reaches the function: 403")
    other = feeds.keys["safari-auth0"]["api_key"]
    statuses = [feeds.post(here, "soko-auth0", event, key=key)[0] for key in ("wrong", other, feeds.gateway_key(here))]
    check(statuses == [401, 401, 401], "the gateway's key and another company's key are no keys of a source: 401")
    status, _ = feeds.post(here, "soko-auth0", event | {"more": "x" * (1 << 20)})
    check(status == 413, "a too large body is rejected: 413")


def poison(feeds: Feeds, here: Region) -> None:
    """An event that cannot be applied is parked, and a message that says nothing is quarantined.

    Failure: inbox poison
    """
    check, d = feeds.story.progress.check, feeds.d
    _, _, event = feeds.registered("Neema")
    feeds.accepted(here, "soko-auth0", event | {"user": {"user_id": None}})
    d.progress.until("it is parked", lambda: feeds.events("soko-auth0", here)["parked"] == 1)
    check(feeds.is_silent(here), "an event that cannot be applied is parked, and its message is gone")
    check("1 event" in feeds.umoja("redrive", "soko-auth0"), "umoja source redrive has it tried again")
    d.progress.until("it is parked again", lambda: feeds.events("soko-auth0", here)["parked"] == 1)
    sqs = d.emulator.client("sqs", here.name)
    sqs.send_message(QueueUrl=d.queue_url(here.name, "ingest"), MessageBody=json.dumps({"type": "garbage"}))
    d.progress.until("it is quarantined", lambda: d.depth(here.name, "quarantined") == 1)
    sqs.purge_queue(QueueUrl=d.queue_url(here.name, "quarantined"))
    check(feeds.is_silent(here), "a message that cannot be read is quarantined")
    feeds.umoja("drop", "soko-auth0", "--all", "--yes")
    check(feeds.events("soko-auth0", here)["parked"] == 0, "umoja source drop gives the parked event up")


def tested(feeds: Feeds, here: Region) -> None:
    """`umoja source test`, through the gateway. The URL is the one that the last `apply` was given."""
    check, directory = feeds.story.progress.check, feeds.system.directory
    event, key = directory / "event.json", directory / "gateway.key"
    person, subject, body = feeds.registered("Pili")
    event.write_text(json.dumps(body))
    key.write_text(feeds.gateway_key(here) + "\n")
    feeds.system.operator("init", "--prefix", feeds.d.prefix, "--region", here.name)
    said = feeds.umoja("test", "soko-auth0", "--event", str(event), "--keys", feeds.keys["soko-auth0"]["file"],
                       "--gateway-key", str(key), "--at", here.name)
    check("applied" in said, "umoja source test posts an event through the gateway and follows it")
    check(feeds.known(here, SOKO, {"external_id": subject})["email"] == person.email, "which is applied")


def legacy(feeds: Feeds, here: Region, there: Region) -> None:
    """The published form of an old Action: a GET whose query string has everything."""
    check = feeds.story.progress.check
    subject = f"auth0|{secrets.token_hex(12)}"
    message = quote(json.dumps({"user_id": subject, "email": "left.out@example.com"}), safe="")
    query, headers = f"?topic=users&subject=New&message={message}", {"x-api-key": feeds.keys["soko-old"]["api_key"]}
    status, _, _ = feeds.request(here, "GET", "soko-old", headers, query=query)
    check(status == 403, "a sender of one header needs its key in the usage plan: 403")
    feeds.admit(here, "soko-old")
    status, said, text = feeds.request(here, "GET", "soko-old", headers, query=query)
    check((status, json.loads(text)) == (200, {"status": "OK"}) and "deprecation" in said,
          f"an old Action's GET is answered as it expects, with Deprecation: {said.get('deprecation')}")
    user = feeds.known(there, SOKO, {"external_id": subject})
    check("email" not in user, f"{there.name} knows the user by the id alone; the rest of the message was dropped")
    status, _, _ = feeds.request(here, "GET", "soko-old", headers, query=query.replace("users", "others"))
    check(status == 401, "another topic is rejected: 401")
    status, _, _ = feeds.request(here, "GET", "soko-auth0", {
        "x-api-key": feeds.gateway_key(here), "Authorization": f"Bearer {feeds.keys['soko-auth0']['api_key']}"}, query=query)
    check(status == 405, "a source that may not use that form gets 405")


def scim(feeds: Feeds, here: Region, there: Region) -> None:
    """A SCIM client, through the HTTP API."""
    check, people = feeds.story.progress.check, feeds.story.people
    person = people.new("Rashidi")
    body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": person.email, "active": True,
            "externalId": secrets.token_hex(8), "name": {"givenName": person.given_name, "familyName": person.family_name},
            "emails": [{"value": person.email, "primary": True}]}
    status, _ = feeds.scim(here, "POST", "safari-scim", "Users", body, token="wrong")
    check(status == 401, "SCIM without a token is rejected: 401")
    status, made = feeds.scim(here, "POST", "safari-scim", "Users", body)
    check(status == 201, f"SCIM creates a user through the gateway of {here.name} ({status} {made.get('detail', '')})")
    user = feeds.known(there, SAFARI, {"email": person.email})
    check(user["id"] == made["id"], f"{there.name} knows him")
    status, found = feeds.scim(there, "GET", "safari-scim", f"Users/{made['id']}")
    check(status == 200 and found["userName"] == person.email, f"SCIM reads him in {there.name}")
    operations = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                  "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
    status, _ = feeds.scim(here, "PATCH", "safari-scim", f"Users/{made['id']}", operations)
    check(status in (200, 204), "Entra's PATCH suspends him")
    status, _ = feeds.scim(here, "DELETE", "safari-scim", f"Users/{made['id']}")
    check(status == 204, "DELETE removes him")


def pause(feeds: Feeds, here: Region) -> str:
    """A paused source takes an event, and no message stays in the queue for it. Returns the id of the user."""
    check, d = feeds.story.progress.check, feeds.d
    feeds.umoja("pause", "soko-slow")
    time.sleep(5.5)
    _, subject, event = feeds.registered("Sanaa")
    feeds.accepted(here, "soko-slow", event)
    d.progress.until("its message is gone", lambda: feeds.is_silent(here))
    check(feeds.events("soko-slow", here)["waiting"] == 1, "a paused source takes an event, which waits without a message")
    return subject


def resume(feeds: Feeds, here: Region, subject: str, since: float) -> None:
    """The schedule rings for the event once the source is resumed."""
    feeds.umoja("resume", "soko-slow")
    time.sleep(max(5.5, since + RINGS_AFTER - time.monotonic()))
    feeds.invoke_worker(here)
    feeds.known(here, SOKO, {"external_id": subject})
    feeds.story.progress.check(True, "resumed: the worker's schedule rings for the event, and it is applied")

