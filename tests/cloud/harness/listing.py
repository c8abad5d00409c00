"""Companies list events: in the other region, with one cursor for both, and while a region is cut off."""

import time
from concurrent.futures import ThreadPoolExecutor

from .deployment import Region
from .progress import Failed
from .story import SAFARI, SOKO, Story
from .system import System

TYPE = "umoja.user."


class Consumer:
    """A company's backend that reads events, with one cursor for all regions."""

    def __init__(self, story: Story, who: str, after: int) -> None:
        self.d, self.who = story.deployment, who
        self.position: dict = {"after": after}
        self.seen: list[dict] = []
        self._ids: set[tuple[str, str]] = set()
        self._last: dict[str, str] = {}

    def read(self, region: Region, wait_secs: int = 0) -> list[dict]:
        """One page of a region. No event comes twice, and those of one source come in their order."""
        body = self.position | {"limit": 100, "wait_secs": wait_secs}
        answer = self.d.call(region, self.who, "events/list", body, 200).body
        for event in answer["events"]:
            name = event["source"], event["id"]
            if name in self._ids or event["sequence"] <= self._last.get(event["source"], ""):
                raise Failed(f"an event of {event['source']} comes twice or out of order")
            self._ids.add(name)
            self._last[event["source"]] = event["sequence"]
        self.position = {"cursor": answer["cursor"]}
        self.seen += answer["events"]
        return answer["events"]

    def has(self, kind: str, user: str) -> dict | None:
        """An event that was read."""
        found = (event for event in self.seen if event["type"] == TYPE + kind and event["data"]["user"] == user)
        return next(found, None)

    def until(self, region: Region, kind: str, user: str) -> dict:
        """Reads in a region until an event is there."""

        def look() -> dict | None:
            self.read(region)
            return self.has(kind, user)

        return self.d.progress.until(f"{region.name} lists the event", look, pause=0.1)

    def ids(self) -> set[tuple[str, str]]:
        """The events that were read."""
        return self._ids


def listed(system: System, story: Story, here: Region, there: Region) -> None:
    """Plays the chapter."""
    begin = int(time.time())
    soko, safari = Consumer(story, SOKO, begin), Consumer(story, SAFARI, begin)
    elsewhere(story, soko, safari, here, there)
    waited(story, soko, here, there)
    cut(story, soko, here, there)
    erased(story, soko, here, there)
    fresh = Consumer(story, SOKO, begin)

    def same() -> bool:
        soko.read(there)
        fresh.read(here)
        return fresh.ids() == soko.ids()

    story.progress.until("both consumers have the same events", same, pause=0.5)
    story.progress.check(True, f"a consumer that begins at the same time in {here.name} reads the same "
                         f"{len(soko.ids())} events")
    kept(system, story, here, there)


def elsewhere(story: Story, soko: Consumer, safari: Consumer, here: Region, there: Region) -> None:
    """What changes in one region is listed in the other, and the cursor continues in the first."""
    d, check = story.deployment, story.progress.check
    begin = time.monotonic()
    person = story.register(here, SOKO, "Latifa")
    event = soko.until(there, "registered", person.id)
    check(event["source"] == f"urn:umoja:{here.name}:{SOKO}",
          f"registered in {here.name}: {there.name} lists it {time.monotonic() - begin:.2f} s later")
    answer = d.readable(there, SOKO, event["subject"], event["data"]["min_version"])
    check(answer.body["user"]["email"] == person.email, "and looks the user up with the version of the event")
    body = {"id": person.id, "set": {"profile": {"nickname": story.people.secret("Tifa")}}}
    d.call(there, SOKO, "update", body, 200)
    event = soko.until(here, "profile_changed", person.id)
    check(event["data"]["changed"] == ["profile.nickname"], f"changed in {there.name}: {here.name} lists the name of the "
          "member with the cursor of the other region")
    safari.read(here)
    check(not any(event["data"]["user"] == person.id for event in safari.seen), "a company that is not linked gets no event")


def waited(story: Story, soko: Consumer, here: Region, there: Region) -> None:
    """A request waits for an event."""
    while soko.read(there):
        pass
    with ThreadPoolExecutor(1) as pool:
        begin = time.monotonic()
        waiting = pool.submit(soko.read, there, 20)
        time.sleep(1)
        person = story.register(here, SOKO, "Makena")
        events = waiting.result()
    story.progress.check([event["data"]["user"] for event in events] == [person.id],
                         f"a request that waits through API Gateway gets the event ({time.monotonic() - begin:.2f} s)")
    answer = story.deployment.call(there, SOKO, "events/list", soko.position | {"wait_secs": 20}, 200)
    story.progress.check(answer.body["events"] == [], f"one without an event is answered after its time ({answer.seconds:.1f} s)")


def cut(story: Story, soko: Consumer, here: Region, there: Region) -> None:
    """A region is cut off, and one cursor is used on both sides.

    Failure: peer region down
    """
    d, check = story.deployment, story.progress.check
    d.cut_off(there.name)
    try:
        mine, theirs = story.register(here, SOKO, "Nuru"), story.register(there, SOKO, "Odera")
        soko.until(here, "registered", mine.id)
        soko.until(there, "registered", theirs.id)
        check(True, f"{there.name} is cut off: each side lists what happens there, by one cursor")
        later = story.register(here, SOKO, "Pendo")
        soko.read(there)
        check(soko.has("registered", later.id) is None, f"{there.name} does not list what it does not have yet")
    finally:
        d.proxy.heal()
    begin = time.monotonic()
    soko.until(there, "registered", later.id)
    check(True, f"healed: {there.name} lists it {time.monotonic() - begin:.0f} s later, and no event came twice")
    d.agreed()


def erased(story: Story, soko: Consumer, here: Region, there: Region) -> None:
    """An erasure is listed in the other region."""
    d = story.deployment
    person = story.register(there, SOKO, "Rehema")
    d.readable(here, SOKO, person.id, person.version)
    d.call(here, SOKO, "erase", {"id": person.id}, 202)
    soko.until(there, "erased", person.id)
    story.progress.check(True, f"erased in {here.name}: {there.name} lists it")


def kept(system: System, story: Story, here: Region, there: Region) -> None:
    """`umoja events keep`, and when the rows of a new event expire."""
    place, check = ("--prefix", story.deployment.prefix, "--region", here.name), story.progress.check
    system.operator("events", "keep", "--days", "60", *place)
    check("60" in system.operator("events", "keep", *place), "umoja events keep, with --prefix")
    story.register(there, SOKO, "Subira")
    days = lambda: max(int(item["expires_at"]["N"]) for item in story.deployment.items(there.name, "events"))
    story.progress.until("a row is kept for longer", lambda: days() > time.time() + 59 * 86400, pause=0.5)
    check(True, f"{there.name} keeps new events for 60 days")
    system.operator("events", "keep", "--days", "30", *place)
