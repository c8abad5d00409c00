"""Outages and their repair: an unreachable region, and a disabled key."""

import time

from .disagreement import Pair, pair
from .people import Person
from .progress import Failed
from .story import SAFARI, SOKO, Story

WRITES = ("PutItem", "TransactWriteItems", "UpdateItem")


def region_out(story: Story, amina: Person) -> tuple[Pair, Pair]:
    """A region is cut off. The retry queues fill, and the scheduled function drains them. Returns
    the pairs of users that both sides registered for one person meanwhile.

    Failure: peer region down
    """
    d, progress = story.deployment, story.progress
    here, there = d.regions[0], d.regions[1]
    others = [region for region in d.regions if region not in (here, there)]
    before = d.wire.mark()
    d.cut_off(there.name)
    try:
        baraka = story.register(here, SOKO, "Baraka")
        progress.check(True, f"{there.name} is cut off; soko still registers Baraka in {here.name}")
        body = {"id": amina.id, "set": {"profile": {"nickname": story.people.secret("Amie")}}}
        amina.version = d.call(here, SOKO, "update", body, 200).body["user"]["version"]
        answer = d.call(there, SAFARI, "lookup", {"id": amina.id, "min_version": amina.version}, 503)
        progress.check(answer.code == "behind", f"{there.name} answers that it is behind, not that she is unknown")
        chausiku = story.register(there, SAFARI, "Chausiku")
        progress.check(True, f"safari registers Chausiku in {there.name}")
        pairs = pair(story, here, there, "Zawadi", True), pair(story, here, there, "Zuri", False)
        progress.check(True, f"Zawadi and Zuri register in {here.name} and in {there.name}, each with one address")
        for region in others:
            d.readable(region, SAFARI, baraka.id, baraka.version)
            progress.check(True, f"{region.name} has Baraka meanwhile: other peers are unaffected")

        def waiting(region: str, peer: str, copies: int) -> int:
            return progress.until(f"the queue of {region} for {peer} fills", lambda: (
                lambda depth: depth if depth >= copies else None)(d.depth(region, f"retry-{peer}")), pause=0.5)

        # Baraka's two parts and Amina's profile in the one, Chausiku's two in the other.
        copies = waiting(here.name, there.name, 3), waiting(there.name, here.name, 2)
        progress.check(True, f"{copies[0]} messages wait in {here.name}, {copies[1]} in {there.name}")
        runs = calls_of(story, here.name, "reconcile-writes", before)
        progress.until("the scheduled function runs while the region is out", lambda: (
            calls_of(story, here.name, "reconcile-writes", before) > runs))
        quiet(story, here.name, "reconcile-writes")
        progress.check(d.depth(here.name, f"retry-{there.name}") >= 3 and not dead(story),
                       "a scheduled run leaves the messages alone while the region is out")
    finally:
        d.proxy.heal()
    begin = time.monotonic()
    parts = d.agreed()
    seconds = time.monotonic() - begin
    progress.check(True, f"healed: the schedule drained the queues, and all regions have the same {parts} parts")
    progress.figure(f"outage: all regions equal {seconds:.0f} s after the path was healed, by the schedule alone")
    d.readable(there, SAFARI, amina.id, amina.version)
    d.readable(here, SOKO, chausiku.id, chausiku.version)
    copied = d.wire.since(before, lambda call: call.path == (here.name, there.name) and (
        d.caller(call) == "reconcile-writes" and call.action in WRITES))
    progress.check(len(copied) >= 3, f"it was the function on its schedule: reconcile-writes made {len(copied)} of the "
                   f"writes in {there.name}")
    return pairs


def calls_of(story: Story, region: str, function: str, mark: int) -> int:
    """The number of calls that a function of a region has made since a mark."""
    d = story.deployment
    name = (region, f"{d.prefix}-{function}")
    return len(d.wire.since(mark, lambda call: d.functions.owner(call.access_key) == name))


def quiet(story: Story, region: str, function: str, seconds: float = 5.0) -> None:
    """Waits until a function has made no call for a while: its run has ended."""
    mark = -1
    while mark < 0 or calls_of(story, region, function, mark):
        mark = story.deployment.wire.mark()
        time.sleep(seconds)


def dead(story: Story) -> dict[str, int]:
    """The dead letters, by queue."""
    return {queue: depth for queue, depth in story.deployment.depths().items() if "-dead in " in queue}


def key_out(story: Story) -> None:
    """A region's KMS key is disabled. Other regions generate data keys, and the schedule adds the missing wrapped keys.

    Failure: KMS key disabled
    """
    d, progress = story.deployment, story.progress
    here, there = d.regions[0], d.regions[1]
    before = d.wire.mark()
    d.key_service(here.name, False)
    try:
        dalila = story.register(here, SOKO, "Dalila")
        progress.check(True, f"the KMS key of {here.name} is disabled; soko registers Dalila there: another region "
                       "generates her keys")
        d.readable(here, SOKO, dalila.id, dalila.version)
        progress.check(True, f"she is read in {here.name} with another region's key")
        emeka = story.register(there, SAFARI, "Emeka")
        d.readable(here, SOKO, emeka.id, emeka.version)
        progress.check(True, f"Emeka, registered in {there.name}, is read in {here.name} the same way")
        lacking = missing(story, here.name)
        progress.check(lacking >= 4, f"{lacking} parts lack the key of {here.name}")

        def waiting() -> int | None:
            found = sum(d.depth(region.name, "keys") for region in d.regions)
            return found if found >= lacking else None

        queued = progress.until("the key repair queues fill", waiting, pause=0.5)
        progress.check(True, f"{queued} repairs wait in the queues")
        calls = d.wire.mark()
        time.sleep(20)
        tried = d.wire.since(calls, lambda call: call.service == "kms" and call.status >= 400)
        progress.check(len(tried) <= 40, f"no hot loop: {len(tried)} rejected calls to KMS in 20 s")
    finally:
        d.key_service(here.name, True)
    begin = time.monotonic()
    d.agreed()
    seconds = time.monotonic() - begin
    progress.check(missing(story, here.name) == 0, "enabled: the schedule added the missing keys in all regions")
    progress.figure(f"KMS key disabled: repaired {seconds:.0f} s after it was enabled, by the schedule alone")
    wrapped = d.wire.since(before, lambda call: d.caller(call) == "reconcile-keys" and call.action == "Encrypt")
    progress.check(len(wrapped) >= 4, f"it was the function on its schedule: reconcile-keys had {len(wrapped)} keys "
                   f"wrapped by {here.name}")
    alone(story, [dalila, emeka])


def missing(story: Story, region: str) -> int:
    """The number of parts that lack a region's wrapped key in any region."""
    d = story.deployment
    found = set()
    for holder in d.regions:
        for item in d.items(holder.name, "users"):
            if "keys" in item and region not in item["keys"]["M"]:
                found.add((item["id"]["S"], item["part"]["S"]))
    return len(found)


def alone(story: Story, people: list[Person]) -> None:
    """Every region reads all people with only its own key, in functions that start without a peer."""
    d = story.deployment
    paths = [(a.name, b.name) for a in d.regions for b in d.regions if a is not b]
    for process in d.functions.running():
        if process.function == f"{d.prefix}-api":
            process.kill()
    d.proxy.cut(*paths)
    try:
        for region in d.regions:
            for person in people:
                answer = d.ask(region, SOKO, "lookup", {"id": person.id})
                if answer.status != 200:
                    raise Failed(f"{region.name} does not read alone: {answer.status} {answer.code}")
    finally:
        d.proxy.heal()
    story.progress.check(True, "after a cold start without a peer, every region reads them with its own key")
