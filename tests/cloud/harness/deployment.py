"""The deployed system: its regions, and the checks and faults that the story needs."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .client import Answer, Company, Gateway
from .emulator import Emulator
from .processes import Functions
from .progress import HANG, Failed, Progress
from .proxy import Path, Proxy
from .wire import Call, Wire

# Tables that are equal in every region when no message is in flight.
REPLICATED = ("users", "journal", "receipts", "audit", "events", "target_accounts", "access")


@dataclass
class Region:
    """One region, as its settings describe it."""

    name: str
    gateway: Gateway
    data_key: str
    queues: str


class Deployment:
    """All regions under one prefix."""

    def __init__(self, emulator: Emulator, proxy: Proxy, wire: Wire, prefix: str, names: dict, progress: Progress):
        self.emulator, self.proxy, self.wire, self.prefix, self.names = emulator, proxy, wire, prefix, names
        self.progress = progress
        self.functions = Functions(emulator)
        self.regions: list[Region] = []
        # The regions that have a user pool.
        self.pools: list[str] = []
        self.companies: dict[str, Company] = {}

    def settings(self, region: str, name: str) -> dict:
        """A document of a region's settings."""
        key = {"id": {"S": name}}
        table = f"{self.prefix}-settings"
        item = self.emulator.client("dynamodb", region).get_item(TableName=table, Key=key).get("Item")
        if item is None:
            raise Failed(f"{region} has no setting `{name}`")
        return json.loads(item[self.names["document"]]["S"])

    def join(self, name: str) -> Region:
        """Adds a region once its settings exist."""
        said = self.settings(name, self.names["settings"]["infrastructure"])
        gateway = Gateway(said["base_url"], self.emulator.port)
        self.regions.append(Region(name, gateway, said["data_key"], said["queues"]))
        return self.regions[-1]

    def deployed(self, name: str) -> list[str]:
        """The functions of a region, without the prefix."""
        return self.names["functions"] + (self.names["pool_functions"] if name in self.pools else [])

    def names_of_peers(self, name: str) -> list[str]:
        """All regions but one."""
        return [region.name for region in self.regions if region.name != name]

    # Companies' calls.

    def ask(self, region: Region, who: str, operation: str, body: dict, **more) -> Answer:
        """Sends a signed request, whatever the status of its answer."""
        return self.companies[who].ask(region.gateway, operation, body, **more)

    def call(self, region: Region, who: str, operation: str, body: dict, status: int, **more) -> Answer:
        """Sends a signed request that must be answered with this status."""
        return self.companies[who].call(region.gateway, operation, body, status, **more)

    def readable(self, region: Region, who: str, user: str, version: str, seconds: float = HANG) -> Answer:
        """Waits until a region has caught up with a version."""

        def look() -> Answer | None:
            answer = self.ask(region, who, "lookup", {"id": user, "min_version": version})
            if answer.status not in (200, 503):
                raise Failed(f"lookup in {region.name} was answered with {answer.status} {answer.code}")
            return answer if answer.status == 200 else None

        return self.progress.until(f"{region.name} has the version", look, pause=0.02, seconds=seconds)

    # The operator's view.

    def items(self, region: str, table: str) -> list[dict]:
        """All items of a table."""
        client = self.emulator.client("dynamodb", region)
        pages = client.get_paginator("scan").paginate(TableName=f"{self.prefix}-{table}", ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def queue_url(self, region: str, queue: str) -> str:
        """The URL of a queue, named without the prefix."""
        return f"{self.region(region).queues}/{self.prefix}-{queue}"

    def region(self, name: str) -> Region:
        """A region by its name."""
        return next(region for region in self.regions if region.name == name)

    def depth(self, region: str, queue: str) -> int:
        """The number of messages in a queue, including messages in flight and delayed messages."""
        client = self.emulator.client("sqs", region)
        attributes = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
        found = client.get_queue_attributes(QueueUrl=self.queue_url(region, queue), AttributeNames=attributes)
        return sum(int(found["Attributes"][name]) for name in attributes)

    def queues(self, region: str) -> list[str]:
        """The names of a region's queues without the prefix."""
        client = self.emulator.client("sqs", region)
        urls = client.list_queues(QueueNamePrefix=f"{self.prefix}-").get("QueueUrls", [])
        return sorted(url.rsplit("/", 1)[-1].removeprefix(f"{self.prefix}-") for url in urls)

    def depths(self) -> dict[str, int]:
        """All queues that are not empty."""
        pairs = [(region.name, queue) for region in self.regions for queue in self.queues(region.name)]
        with ThreadPoolExecutor(8) as pool:
            found = pool.map(lambda pair: self.depth(*pair), pairs)
        return {f"{queue} in {region}": depth for (region, queue), depth in zip(pairs, found, strict=True) if depth}

    def difference(self) -> str | None:
        """The difference between the regions, or None if they are equal and every region has wrapped every key."""
        waiting = self.depths()
        if waiting:
            return f"queues: {waiting}"
        everywhere = {region.name for region in self.regions}
        for table in REPLICATED:
            held = [{json.dumps(item, sort_keys=True, default=repr) for item in self.items(region.name, table)}
                    for region in self.regions]
            if any(other != held[0] for other in held[1:]):
                return f"{table} differ: {[len(items) for items in held]} items"
        for item in self.items(self.regions[0].name, "users"):
            if "keys" in item and set(item["keys"]["M"]) != everywhere:
                return "a part lacks wrapped keys"
        return None

    def agreed(self) -> int:
        """Waits until all regions are equal, and returns the number of items of users."""
        last: list[str | None] = [None]

        def same() -> bool:
            last[0] = self.difference()
            return last[0] is None

        try:
            self.progress.until("all regions are equal", same, pause=1.0)
        except Failed as failed:
            raise Failed(f"{failed}: {last[0]}") from None
        return len(self.items(self.regions[0].name, "users"))

    # Faults and their end.

    def paths_of(self, name: str) -> list[Path]:
        """Every path that begins or ends in a region."""
        others = self.names_of_peers(name)
        return [(other, name) for other in others] + [(name, other) for other in others]

    def cut_off(self, name: str) -> None:
        """No peer reaches the region, and it reaches no peer."""
        self.proxy.cut(*self.paths_of(name))

    def key_service(self, name: str, enabled: bool) -> None:
        """Disables or enables a region's key for data keys."""
        client, key = self.emulator.client("kms", name), self.region(name).data_key
        if enabled:
            client.enable_key(KeyId=key)
        else:
            client.disable_key(KeyId=key)

    # Calls on the wire.

    def caller(self, call: Call) -> str:
        """The function that made a call, without the prefix."""
        return self.functions.owner(call.access_key)[1].removeprefix(f"{self.prefix}-")

    def logs(self, region: str, function: str, lines: int = 20, characters: int = 4_000) -> str:
        """The last lines that a function logged."""
        client = self.emulator.client("logs", region)
        try:
            pages = client.get_paginator("filter_log_events").paginate(
                logGroupName=f"/aws/lambda/{self.prefix}-{function}")
            messages = [event["message"] for page in pages for event in page["events"]]
        except client.exceptions.ResourceNotFoundException:
            return "(no log)"
        said = [line for line in messages if not line.startswith(("START ", "END ", "REPORT "))]
        return "\n".join(said[-lines:])[-characters:]
