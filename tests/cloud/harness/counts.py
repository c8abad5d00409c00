"""Calls to AWS per operation, counted on the wire, and what they may be."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .deployment import Deployment, Region
from .progress import Progress
from .story import SAFARI, SOKO, Story
from .wire import Call, tally

ROUNDS = 3
# Read each few seconds, whatever is asked for: not part of an operation.
SHARED = ("companies", "settings")


@dataclass(frozen=True)
class Budget:
    """The most calls of one operation: to DynamoDB and KMS by the api, and per peer by the replicator."""

    reads: int
    writes: int
    kms: int
    kms_per_peer: int
    copies_per_peer: int


# From the design: a look-up is one read of the claim and one Query; the request's id is one write; each part that
# changes is one data key, wrapped once by each peer, one write here and one conditional write at each peer (which reads
# what it replaces first, if identifiers are concerned). What is read is unwrapped once.
BUDGETS: dict[str, Budget] = {
    "register": Budget(reads=2, writes=2, kms=2, kms_per_peer=2, copies_per_peer=5),
    "lookup by id": Budget(reads=1, writes=1, kms=1, kms_per_peer=0, copies_per_peer=0),
    "lookup by e-mail": Budget(reads=2, writes=1, kms=1, kms_per_peer=0, copies_per_peer=0),
    "the same again": Budget(reads=2, writes=1, kms=0, kms_per_peer=0, copies_per_peer=0),
    "authenticate": Budget(reads=2, writes=1, kms=2, kms_per_peer=0, copies_per_peer=0),
    "authenticate, another company": Budget(reads=2, writes=2, kms=3, kms_per_peer=1, copies_per_peer=2),
    "update the profile": Budget(reads=1, writes=2, kms=2, kms_per_peer=1, copies_per_peer=2),
    "update the e-mail": Budget(reads=4, writes=2, kms=2, kms_per_peer=1, copies_per_peer=5),
    "change the password": Budget(reads=1, writes=2, kms=3, kms_per_peer=1, copies_per_peer=2),
    "set the status": Budget(reads=1, writes=2, kms=3, kms_per_peer=1, copies_per_peer=2),
    "export": Budget(reads=3, writes=1, kms=2, kms_per_peer=0, copies_per_peer=0),
    "erase": Budget(reads=4, writes=4, kms=3, kms_per_peer=1, copies_per_peer=8),
    "receipt": Budget(reads=2, writes=1, kms=1, kms_per_peer=0, copies_per_peer=0),
}

READS = ("GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems")


def operations(story: Story, here: Region):
    """(name, the call) of one person's life, in order; a name with `.` in front is not counted."""
    d, people = story.deployment, story.people
    person = people.new("Halima")
    new_password = people.secret("another password")
    new_email = people.new("Halima").email

    def ask(who: str, operation: str, status: int, **body) -> Callable[[], object]:
        return lambda: d.call(here, who, operation, body, status)

    def register() -> None:
        person.id = d.call(here, SOKO, "register", person.registration(), 201).body["user"]["id"]

    def by_id(operation: str, status: int = 200, **body) -> Callable[[], object]:
        return lambda: d.call(here, SOKO, operation, {"id": person.id} | body, status)

    yield "register", register
    yield ".forget keys", lambda: forget(d, here)
    yield "lookup by id", by_id("lookup")
    yield ".forget keys", lambda: forget(d, here)
    yield "lookup by e-mail", ask(SOKO, "lookup", 200, email=person.email)
    yield "the same again", ask(SOKO, "lookup", 200, email=person.email)
    yield ".forget keys", lambda: forget(d, here)
    yield "authenticate", ask(SOKO, "authenticate", 200, **person.login())
    yield ".forget keys", lambda: forget(d, here)
    yield "authenticate, another company", ask(SAFARI, "authenticate", 200, **person.login())
    yield ".forget keys", lambda: forget(d, here)
    yield "update the profile", by_id("update", set={"profile": {"locale": "sw-KE"}})
    yield ".forget keys", lambda: forget(d, here)
    yield "update the e-mail", by_id("update", set={"email": new_email})
    yield ".forget keys", lambda: forget(d, here)
    yield "change the password", by_id("password/change", current_password=person.password, new_password=new_password)
    yield ".forget keys", lambda: forget(d, here)
    yield "set the status", by_id("status", status="disabled", reason=people.secret("because"))
    yield ".forget keys", lambda: forget(d, here)
    yield "export", by_id("export")
    yield ".forget keys", lambda: forget(d, here)
    yield "erase", by_id("erase", 202, reason=people.secret("asked"))
    yield "receipt", by_id("erasure")


def forget(d: Deployment, region: Region) -> None:
    """A new process: it has no unwrapped keys, and its own secrets are unwrapped before it is counted."""
    for process in d.functions.running():
        if process.function == f"{d.prefix}-api" and process.region == region.name:
            process.kill()
    time.sleep(0.2)
    d.call(region, SOKO, "lookup", {"username": "nobody"}, 404)
    d.call(region, SAFARI, "lookup", {"username": "nobody"}, 404)


def counted(d: Deployment, region: str, function: str, calls: list[Call]) -> list[Call]:
    """Those of one function that belong to an operation."""
    shared = {f"{d.prefix}-{table}" for table in SHARED}
    owner = (region, f"{d.prefix}-{function}")
    return [call for call in calls if d.functions.owner(call.access_key) == owner and not set(call.objects) <= shared
            or d.functions.owner(call.access_key) == owner and call.service == "kms"]


def settle(d: Deployment, seconds: float = 1.5) -> None:
    """Waits until no replicator has called anybody for a while."""
    while True:
        mark = d.wire.mark()
        time.sleep(seconds)
        if not any(d.caller(call) == "replicator" for call in d.wire.since(mark)):
            return


def measure(story: Story, root: Path) -> None:
    """Plays a life a few times, and compares the most calls of each operation with its budget."""
    d, progress = story.deployment, story.progress
    here = d.regions[0]
    peers = len(d.regions) - 1
    api: dict[str, list[Counter]] = {}
    copies: dict[str, list[Counter]] = {}
    for _ in range(ROUNDS):
        for name, act in operations(story, here):
            settle(d)
            mark = d.wire.mark()
            act()
            if name.startswith("."):
                continue
            settle(d)
            calls = d.wire.since(mark)
            api.setdefault(name, []).append(tally(counted(d, here.name, "api", calls)))
            copies.setdefault(name, []).append(tally(counted(d, here.name, "replicator", calls)))
    over = []
    measured = {}
    for name, budget in BUDGETS.items():
        usual, sent = most(api[name]), most(copies[name])
        measured[name] = {"api": dict(usual), "replicator": dict(sent)}
        progress.say(f"      {name}: {told(usual)}" + (f"; replicator: {told(sent)}" if sent else ""))
        over += [f"{name}: {text}" for text in exceeded(usual, sent, budget, peers)]
    progress.check(not over, f"calls to AWS of {len(BUDGETS)} operations, on the wire with {peers} peers, are within "
                   "their budgets" + "".join(f"\n  OVER {text}" for text in over))
    estimate(measured, root, peers, progress)


def most(counters: list[Counter]) -> Counter:
    """The most of each call in any round."""
    return Counter({name: max(counter[name] for counter in counters) for counter in counters for name in counter})


def told(counter: Counter) -> str:
    """As text."""
    return ", ".join(f"{number} {name}" for name, number in sorted(counter.items())) or "none"


def exceeded(api: Counter, sent: Counter, budget: Budget, peers: int) -> list[str]:
    """What is above the budget."""

    def total(counter: Counter, keep: Callable[[str, str, bool], bool]) -> int:
        found = 0
        for name, number in counter.items():
            call, _, at_peer = name.partition(" at a peer")
            service, action = call.split(":", 1)
            if keep(service, action, " at a peer" in name):
                found += number
        return found

    rows = (
        ("reads", total(api, lambda s, a, _: s == "dynamodb" and a in READS), budget.reads),
        ("writes", total(api, lambda s, a, _: s == "dynamodb" and a not in READS), budget.writes),
        ("calls to its KMS", total(api, lambda s, _, p: s == "kms" and not p), budget.kms),
        ("calls to peers' KMS", total(api, lambda s, _, p: s == "kms" and p), budget.kms_per_peer * peers),
        ("calls of the replicator to peers", total(sent, lambda s, _, p: p), budget.copies_per_peer * peers),
        ("calls of the replicator to KMS", total(sent, lambda s, _, p: s == "kms"), 0),
    )
    return [f"{found} {what}, budget {allowed}" for what, found, allowed in rows if found > allowed]


def estimate(measured: dict, root: Path, peers: int, progress: Progress) -> None:
    """The cost estimate counts the same calls, if there is one."""
    file = root / "costs.json"
    if not file.exists():
        progress.say("      there is no cost estimate (terraform/costs.json) to compare with")
        return
    progress.say(f"      {json.dumps(json.loads(file.read_text()))[:200]}")
