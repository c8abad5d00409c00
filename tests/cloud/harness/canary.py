"""Searches for every value of every person, to prove that no personal data is outside the encrypted records."""

import base64
import hashlib
import json
from urllib.parse import quote

from .deployment import Deployment
from .story import Story

# The minimum length of each form of a value.
LEAST = 8


def forms(value: str) -> dict[str, bytes]:
    """The forms in which a value could leak: unchanged, in the encodings in use, and hashed without a key."""
    raw = value.encode()
    found = {
        "as it is": raw, "in a URL": quote(value, safe="").encode(), "in hex": raw.hex().encode(),
        "in JSON": json.dumps(value)[1:-1].encode(),
    }
    # Base64 has three forms, depending on the offset of the value. Characters that depend on neighbours are left out.
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw)
        inner = text[-(-before * 8 // 6) : len(text) - 4]
        found[f"in base64 ({before})"] = inner
        found[f"in base64url ({before})"] = inner.replace(b"+", b"-").replace(b"/", b"_")
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, raw)
        found[f"its {name} in hex"] = digest.hexdigest().encode()
        found[f"its {name} in base64"] = base64.b64encode(digest.digest()).rstrip(b"=")
    return found


def within(text: bytes, values: set[str]) -> list[str]:
    """The values in a text and their forms, found in one pass by the first bytes of every form of every value."""
    needles: dict[bytes, list[tuple[bytes, str]]] = {}
    for value in values:
        for form, needle in forms(value).items():
            needles.setdefault(needle[:LEAST], []).append((needle, f"{value[:6]}... {form}"))
    found = set()
    for start in range(len(text) - LEAST + 1):
        for needle, what in needles.get(text[start : start + LEAST], ()):
            if text.startswith(needle, start):
                found.add(what)
    return sorted(found)


def plain(value) -> bytes:
    """An item of a table as text, with raw binary attributes."""
    parts: list[bytes] = []

    def walk(node) -> None:
        if isinstance(node, dict):
            for name, child in node.items():
                parts.append(str(name).encode())
                walk(child)
        elif isinstance(node, (list, tuple, set)):
            for child in node:
                walk(child)
        elif isinstance(node, bytes):
            parts.extend((node, base64.b64encode(node)))
        else:
            parts.append(str(node).encode())

    walk(value)
    return b"\n".join(parts)


def places(d: Deployment) -> dict[str, bytes]:
    """All data outside the functions' memory."""
    # The emulator's mail service logs to whom a user pool sends its codes.
    log = b"\n".join(line for line in d.emulator.log.read_bytes().splitlines() if b" INFO [ses] " not in line)
    found = {"calls to AWS and their answers": d.wire.text(), "the emulator's log": log}
    for region in (region.name for region in d.regions):
        logs = d.emulator.client("logs", region)
        text = []
        for page in logs.get_paginator("describe_log_groups").paginate():
            for group in page["logGroups"]:
                for events in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
                    text += [event["message"] for event in events["events"]]
        found[f"logs of {region}"] = "\n".join(text).encode()
        sqs = d.emulator.client("sqs", region)
        text = []
        for queue in d.queues(region):
            while True:
                messages = sqs.receive_message(
                    QueueUrl=d.queue_url(region, queue), MaxNumberOfMessages=10, VisibilityTimeout=30,
                    AttributeNames=["All"], MessageAttributeNames=["All"]).get("Messages", [])
                if not messages:
                    break
                text.append(json.dumps(messages, default=str))
        found[f"queues of {region}"] = "\n".join(text).encode()
        tables = [name for page in d.emulator.client("dynamodb", region).get_paginator("list_tables").paginate()
                  for name in page["TableNames"]]
        found[f"tables of {region}"] = b"\n".join(
            plain(d.items(region, name.removeprefix(f"{d.prefix}-"))) for name in tables)
        metrics = d.emulator.client("cloudwatch", region).get_paginator("list_metrics").paginate()
        found[f"metrics of {region}"] = json.dumps([page["Metrics"] for page in metrics], default=str).encode()
    return found


def search(story: Story, known: str) -> None:
    """Searches all places. `known`, a user id, must be found, or the search does not work."""
    d, progress = story.deployment, story.progress
    searched = places(d)
    wire = next(iter(searched.values()))
    progress.check(known.encode() in wire and known.encode() in searched[f"tables of {d.regions[0].name}"],
                   "the search finds a value that is there: a user's id")
    found = [f"{what} in {place}" for place, text in searched.items() for what in within(text, story.people.canaries)]
    sizes = sum(len(text) for text in searched.values())
    text = (f"{len(story.people.canaries)} personal values, each in {len(forms('x@y'))} forms, are in none of "
            f"{len(searched)} places ({sizes / 1e6:.1f} MB)")
    progress.check(not found, text + (f": {found[:10]}" if found else ""))
    formats = [stage["AccessLogSettings"]["Format"] for region in d.regions for stage in stages(d, region.name)]
    personal = ("identity", "path", "sourceIp", "userAgent", "body", "header")
    progress.check(bool(formats) and not any(word in text for text in formats for word in personal),
                   "the API's access log names no address, path or header of a caller")
    progress.cannot_show("API Gateway's access log: the emulator writes none for HTTP APIs, so its format was read.")


def stages(d: Deployment, region: str) -> list[dict]:
    """The stages of a region's API."""
    client = d.emulator.client("apigatewayv2", region)
    apis = [api for api in client.get_apis()["Items"] if api["Name"].startswith(d.prefix)]
    return [stage for api in apis for stage in client.get_stages(ApiId=api["ApiId"])["Items"]]
