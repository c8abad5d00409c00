"""Counts the calls to AWS per operation on the wire, and compares them with the cost estimate and the design."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from .deployment import Deployment, Region
from .story import SAFARI, SOKO, Story
from .wire import Call

ROUNDS = 2
# Read every few seconds, independently of requests.
SETTINGS = "settings"
AT_PEER = " at a peer"
# The functions that read streams.
STREAMS = ("replicator", "feed")


def operations(story: Story, here: Region) -> Iterator[tuple[str, Callable[[], object]]]:
    """The (name, call) pairs of one person's life, in order, with the names of the cost estimate."""
    d, people = story.deployment, story.people
    person = people.new("Halima")
    new_password = people.secret("another password")
    new_phone = people.new("Halima").phone_number
    number = [0]

    def ask(operation: str, code: int = 200, change: bool = False, **body) -> Callable[[], object]:
        def act() -> object:
            number[0] += 1
            key = {"idempotency_key": f"{person.id}-{number[0]}"} if change else {}
            of = body if "email" in body else {"id": person.id} | body
            return d.call(here, SOKO, operation, of, code, **key)

        return act

    def register() -> None:
        body, key = person.registration(), f"{person.email}"
        person.id = d.call(here, SOKO, "register", body, 201, idempotency_key=key).body["user"]["id"]

    yield "register", register
    yield "lookup", ask("lookup", email=person.email)
    yield "authenticate", ask("authenticate", **person.login())
    yield "update", ask("update", change=True, set={"profile": {"locale": "sw-KE"}})
    yield "update with identifier", ask("update", change=True, set={"phone_number": new_phone})
    yield "password change", ask("password/change", change=True, current_password=person.password,
                                 new_password=new_password)
    yield "status", ask("status", change=True, status="disabled", reason=people.secret("because"))
    yield "export", ask("export")
    yield "erase", ask("erase", 202, change=True, reason=people.secret("asked"))


# The design's bounds: (calls to the own KMS, calls to each peer's KMS, writes at each peer) of an operation. A changed
# part has one new data key, wrapped once by each peer, and one write at each peer. A part that is read is unwrapped
# once. An erasure opens the profile for its marks, encrypts its reason for the receipt, and adds rows of the receipt.
BUDGETS = {
    "register": (2, 2, 2), "lookup": (1, 0, 0), "authenticate": (2, 0, 0), "update": (2, 1, 1),
    "update with identifier": (2, 1, 1), "password change": (3, 1, 1), "status": (3, 1, 1), "export": (2, 0, 0),
    "erase": (2, 1, 2),
}


def forget(d: Deployment, region: Region) -> None:
    """Starts a new process, which has no unwrapped data keys. It loads its secrets before the counting begins."""
    for process in d.functions.running():
        if process.function == f"{d.prefix}-api" and process.region == region.name:
            process.kill()
    time.sleep(0.2)
    d.call(region, SAFARI, "lookup", {"username": "unknown"}, 404)


def settle(d: Deployment, seconds: float = 1.5) -> None:
    """Waits until no function that reads streams has made a call for a while."""
    while True:
        mark = d.wire.mark()
        time.sleep(seconds)
        if not any(d.caller(call) in STREAMS for call in d.wire.since(mark)):
            return


def counted(d: Deployment, function: str, region: str | None, calls: list[Call]) -> Counter:
    """The calls of one function, in one region or in all of them."""
    found: Counter = Counter()
    for call in calls:
        origin, name = d.functions.owner(call.access_key)
        tables = [each.removeprefix(f"{d.prefix}-") for each in call.objects] if call.service == "dynamodb" else []
        if name != f"{d.prefix}-{function}" or region not in (None, origin) or tables == [SETTINGS]:
            continue
        table = f" {tables[0]}" if len(tables) == 1 and call.action != "TransactWriteItems" else ""
        found[f"{call.service}:{call.action}{table}{AT_PEER if call.to_peer() else ''}"] += 1
    return found


def estimated(costs: dict, operation: str, function: str, peers: int) -> Counter:
    """The calls in the cost estimate."""
    found: Counter = Counter()
    entry = costs["operations"][operation]
    for part in (entry, *(costs["shared"][name] for name in entry.get("includes", []))):
        for side, times, suffix in (("own", 1, ""), ("peer", peers, AT_PEER)):
            for call in part.get(function, {}).get(side, []):
                table = f" {call['table']}" if "table" in call else ""
                number = call.get("times", 0 if "times_per_peer" in call else 1)
                found[f"{call['call']}{table}{suffix}"] += times * (number + peers * call.get("times_per_peer", 0))
    return found


def measure(story: Story, root: Path) -> None:
    """Plays a life a few times, and compares the maximum of each operation's calls with both bounds."""
    d, progress = story.deployment, story.progress
    here, peers = d.regions[0], len(d.regions) - 1
    rounds: dict[str, list[list[Counter]]] = {}
    for _ in range(ROUNDS):
        for name, act in operations(story, here):
            forget(d, here)
            settle(d)
            mark = d.wire.mark()
            act()
            settle(d)
            calls = d.wire.since(mark)
            # A receipt's rows come from every region, so the functions of all regions that read streams are counted.
            rounds.setdefault(name, []).append([counted(d, "api", here.name, calls),
                                                *(counted(d, function, None, calls) for function in STREAMS)])
    forget(d, here)
    repeated(story, here)
    file = root / "costs.json"
    costs = json.loads(file.read_text()) if file.exists() else {"operations": {}}
    over, beyond, under = [], [], []
    for name, found in rounds.items():
        api, sent, fed = (most([each[function] for each in found]) for function in range(3))
        progress.say(f"      {name}: {counts_of(api)}" + (f"; replicator: {counts_of(sent)}" if sent else "")
                     + (f"; feed: {counts_of(fed)}" if fed else ""))
        over += [f"{name}: {text}" for text in over_budget(name, api, sent, peers)]
        if name not in costs["operations"]:
            continue
        for function, have in (("api", api), ("replicator", sent), ("feed", fed)):
            expected = estimated(costs, name, function, peers)
            beyond += [f"{name}: {function} {number} more {call}" for call, number in (have - expected).items()]
            under += [f"{name}: {function} {number} fewer {call}" for call, number in (expected - have).items()
                      if not call.endswith((" companies", f" {SETTINGS}"))]
    progress.check(not over, f"calls to AWS of {len(rounds)} operations with {peers} peers are within the design's "
                   "budgets" + listed(over))
    if costs["operations"]:
        progress.expect(not beyond, "and within the cost estimate" + listed(beyond))
        progress.say("      the estimate has more calls than were made:" + listed(under) if under else
                     "      the estimate has exactly the calls that were made")
    else:
        progress.say("      there is no cost estimate (terraform/costs.json) to compare with")


def repeated(story: Story, here: Region) -> None:
    """An unwrapped data key is not unwrapped again."""
    d = story.deployment
    person = story.register(here, SOKO, "Halima")
    d.call(here, SOKO, "lookup", {"id": person.id}, 200)
    mark = d.wire.mark()
    d.call(here, SOKO, "lookup", {"id": person.id}, 200)
    found = counted(d, "api", here.name, d.wire.since(mark))
    kms = sum(number for call, number in found.items() if call.startswith("kms:"))
    story.progress.check(kms == 0, f"a repeated look-up calls no KMS: {counts_of(found)}")


def most(counters: list[Counter]) -> Counter:
    """The maximum of each call in any round."""
    return Counter({name: max(counter[name] for counter in counters) for counter in counters for name in counter})


def counts_of(counter: Counter) -> str:
    """The counts as text."""
    return ", ".join(f"{number} {name}" for name, number in sorted(counter.items())) or "none"


def listed(lines: list[str]) -> str:
    """Indented lines."""
    return "".join(f"\n        {line}" for line in lines)


def over_budget(name: str, api: Counter, sent: Counter, peers: int) -> list[str]:
    """The counts above the design's bounds."""

    def total(counter: Counter, keep: Callable[[str], bool]) -> int:
        return sum(number for call, number in counter.items() if keep(call))

    own, per_peer, copies = BUDGETS[name]
    rows = (
        ("calls to the own KMS", total(api, lambda call: call.startswith("kms:") and AT_PEER not in call), own),
        ("calls to peers' KMS", total(api, lambda call: call.startswith("kms:") and AT_PEER in call), per_peer * peers),
        ("calls to peers' tables by the api", total(api, lambda call: "dynamodb" in call and AT_PEER in call), 0),
        ("replicated parts", total(sent, lambda call: AT_PEER in call and (
            "PutItem users" in call or "TransactWriteItems" in call)), copies * peers),
        # It unwraps the secret of proofs when it starts.
        ("calls of the replicator to KMS but Decrypt", total(sent, lambda call: call.startswith("kms:") and "Decrypt" not in call), 0),
    )
    return [f"{found} {what}, budget {allowed}" for what, found, allowed in rows if found > allowed]
