"""Measures how long a write takes from region to region, and the emulator's share of it."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from .story import SAFARI, SOKO, Story


def quantiles(values: list[float]) -> tuple[float, float, float]:
    """Median, 99th percentile (nearest rank) and maximum."""
    ordered = sorted(values)
    rank = max(0, -(-99 * len(ordered) // 100) - 1)
    return statistics.median(ordered), ordered[rank], ordered[-1]


def replication(story: Story, users: int) -> None:
    """Registers people one after the other in each region in turn, and measures when the other regions have them."""
    d, progress = story.deployment, story.progress
    seen: list[float] = []
    mark = d.wire.mark()
    for number in range(users):
        here = d.regions[number % len(d.regions)]
        others = [region for region in d.regions if region is not here]
        person = story.register(here, SOKO, "Grace")
        begin = time.monotonic()

        def arrives(region, person=person, begin=begin) -> float:
            d.readable(region, SAFARI, person.id, person.version)
            return time.monotonic() - begin

        with ThreadPoolExecutor(len(others)) as pool:
            seen += pool.map(arrives, others)
    median, p99, most = quantiles(seen)
    progress.check(True, f"{users} people, each readable in every other region")
    progress.figure(f"replication, answer in A to answer in B: p50 {median * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, "
                    f"most {most * 1000:.0f} ms ({len(seen)} arrivals of {users} people)")
    polls = stream_delays(story, mark)
    if polls:
        median, p99, most = quantiles(polls)
        progress.figure(f"of that, from the write to the replicator's first call (the emulator looks at streams after "
                        f"each write and at least each second, in one thread for all regions): p50 "
                        f"{median * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, most {most * 1000:.0f} ms")


def stream_delays(story: Story, mark: int) -> list[float]:
    """The times from each write of a user by the api to the next call of its region's replicator."""
    d = story.deployment
    table = f"{d.prefix}-users"
    writes: list[tuple[float, str]] = []
    copies: list[tuple[float, str]] = []
    for call in d.wire.since(mark, lambda call: call.service == "dynamodb"):
        region, function = d.functions.owner(call.access_key)
        if function == f"{d.prefix}-api" and call.action in ("TransactWriteItems", "PutItem") and table in call.objects:
            writes.append((call.at + call.seconds, region))
        if function == f"{d.prefix}-replicator":
            copies.append((call.at, region))
    delays = []
    for at, region in writes:
        later = [copied for copied, origin in copies if origin == region and copied >= at]
        if later:
            delays.append(min(later) - at)
    return delays
