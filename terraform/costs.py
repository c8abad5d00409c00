#!/usr/bin/env python3
"""Generates ../docs/costs.md from costs.json.

`--check` fails if the page is out of date. `--calls PEERS` prints the calls of each operation as JSON, those to peers
separately and summed over all peers, to compare with the calls on the wire."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
PAGE = HERE.parent / "docs" / "costs.md"
DATA = json.loads((HERE / "costs.json").read_text())
ASSUMED = DATA["assumptions"]
MONTH = DATA["month"]
NAMES = json.loads((HERE.parent / "schema" / "generated" / "names.json").read_text())
TABLES, METRICS = NAMES["tables"], len(NAMES["metrics"]["units"])


def sample_items(regions):
    """An item of each kind, as long as real ones; bytes are bytes, numbers are DynamoDB numbers."""
    user, region, millis = "u" * 36, "eu-west-1", 1_763_700_000_000
    version = f"0-{'0' * 16}-{region}"
    sealed = lambda info: {"fmt": 1, "suite": 1, "mid": bytes(32), "iv": bytes(16), "kc": bytes(32), "tag": bytes(32), "info": bytes(info)}
    keys = {name: bytes(ASSUMED["wrapped_key_bytes"]) for name in regions}
    ownership = {"kind": "phone_number", "key_version": 1, "owned_since": millis, "region": region, "verified": True}
    part = {"id": user, "part": "credentials", "version": version, "origin": region, "keys": keys, "proof": bytes(36)}
    source = {"company": "example-company", "at": 1_763_700_000}
    identity = {
        "email": "customer.example@mail.example",
        "phone_number": "+491701234567",
        "profile": {"given_name": "Customer", "family_name": "Of-Example", "birthdate": "1990-01-01", "locale": "de-DE"},
        "registered_by": "h" * 43,
        "sources": {name: source for name in ["email", "phone_number", "accounts.example-company", "profile.given_name", "profile.family_name", "profile.birthdate", "profile.locale"]},
    }
    credentials = {"secret": "$argon2id$v=19$m=19456,t=2,p=1$" + "s" * 22 + "$" + "h" * 43, "password_source": source}
    padded = lambda value: 16 * (len(json.dumps(value, separators=(",", ":"))) // 16 + 1)
    return {
        "profile": part | {"data": sealed(padded(identity)), "created_at": millis, "ownerships": {"i" * 43 + str(n): ownership for n in (1, 2)}, "links": {"example-company": {"since": millis, "state": "active"}}},
        "credentials": part | {"data": sealed(padded(credentials)), "status": "active"},
        "ownership": {"index": "i" * 43, "owners": {user: ownership}},
        "row": {"id": user, "key": f"confirm#{region}#credentials", "at": "0" * 16, "origin": region, "kind": "confirm", "fields": {"region": region, "company": "example-company", "reason": bytes(120)}, "proof": bytes(36)},
        "audit": {"id": user, "key": f"{region}#{'0' * 16}", "at": "0" * 16, "origin": region, "kind": "identifiers_changed", "fields": {"by": "company", "company": "example-company", "kid": "example-company-1", "identifiers": "phone_number", "previous": bytes(32), "previous_at": "0" * 16, "nonce": bytes(8), "mac": bytes(32)}, "proof": bytes(36)},
        "event": {"id": user, "key": f"{region}#{'0' * 20}", "at": "0" * 16, "origin": region, "kind": "event", "fields": {"user": user, "changed": user, "part": "credentials", "version": version, "min_version": "m" * 120, "previous": "0" * 20, "notices": {"": "profile_changed given_name family_name"}}, "expires_at": 1_763_700_000, "proof": bytes(36)},
        "made": {"id": user, "key": f"{region}#credentials#{'0' * 16}#example-company", "at": "0" * 16, "origin": region, "kind": "made", "fields": {}, "expires_at": 1_763_700_000, "proof": bytes(36)},
        "access": {"id": user, "key": "session#" + "s" * 22, "version": version, "origin": region, "fields": {"auth_time": millis, "amr": ["pwd"], "created_at": millis, "client": "example-web"}, "expires_at": 1_763_700_000, "proof": bytes(36)},
        "checkpoint": {"id": "feed/epoch", "state": bytes(60)},
        "replay": {"id": "h" * 64, "expires_at": 1_763_700_000},
        "attempt": {"id": "h" * 64, "count": 1, "locked_until": 0, "expires_at": 1_763_700_000},
        "outcome": {"id": "h" * 64, "expires_at": 1_763_700_000, "document": "d" * 240},
        "setting": {"id": "regions", "document": "d" * 350 * len(regions)},
        "company": {"id": "example-company", "document": "d" * 1500},
    }


def size(value):
    """Bytes of a value by DynamoDB's rules ("DynamoDB item sizes and formats", Developer Guide)."""
    if isinstance(value, bool):
        return 1
    if isinstance(value, int):
        return (len(str(value)) + 1) // 2 + 1
    if isinstance(value, dict):
        return 3 + sum(len(name) + size(inner) + 1 for name, inner in value.items())
    return len(value)


def item_size(item):
    return sum(len(name) + size(value) for name, value in item.items())


def up(number, step):
    return -(-number // step)


FUNCTIONS = ("api", "replicator", "feed")
BY_STREAMS = FUNCTIONS[1:]


class Call:
    """One call: how often it is made to one region, its units, and the bytes that it sends."""

    def __init__(self, call, sizes, peers):
        self.name = call["call"] + (f" {call['table']}" if "table" in call else "")
        self.table = call.get("table")
        self.times = call.get("times", 0 if "times_per_peer" in call else 1) + call.get("times_per_peer", 0) * peers
        read = [sizes[name] for name in call.get("read", [])]
        written = [sizes[name] for name in call.get("write", [])]
        together = [sizes[name] for name in call.get("transaction", [])]
        if self.name.startswith("dynamodb:Query"):
            read = [sum(read)] if read else []
        self.reads = sum(up(bytes_, 4096) for bytes_ in read) + call.get("missing", 0)
        self.writes = sum(up(bytes_, 1024) for bytes_ in written) + 2 * sum(up(bytes_, 1024) for bytes_ in together)
        self.kms = int(self.name.startswith("kms:"))
        self.sent = ASSUMED["request_overhead_bytes"] + sum(written) + sum(together)
        self.received = ASSUMED["response_overhead_bytes"] + sum(read)


def calls_of(operation, sizes, peers):
    """{(a function, "own" | "peer"): calls}"""
    parts = [DATA["shared"][name] for name in operation["includes"]] + [operation]
    found = {}
    for function in FUNCTIONS:
        for place in ("own", "peer"):
            listed = [call for part in parts for call in part.get(function, {}).get(place, [])]
            found[function, place] = [Call(call, sizes, peers) for call in listed]
    return found


def prices_of(region):
    prices = DATA["prices"][region]
    return DATA["prices"][prices["like"]] if "like" in prices else prices


def cost(operation, regions):
    """Dollars per million of an operation in the first region, by billed item; and the calls."""
    own, peers = prices_of(regions[0]), [prices_of(name) for name in regions[1:]]
    sizes = {name: item_size(item) for name, item in sample_items(regions).items()}
    calls = calls_of(operation, sizes, len(peers))
    of = lambda place: [call for function in FUNCTIONS for call in calls[function, place]]
    units = lambda place, unit: sum(call.times * getattr(call, unit) for call in of(place))
    money = lambda place, prices: units(place, "writes") * prices["dynamodb_write"] + units(place, "reads") * prices["dynamodb_read"]
    peer_millis = ASSUMED["peer_call_millis"][str(len(regions))]

    steps = operation["steps"]
    api_millis = ASSUMED["overhead_millis"] + steps["own"] * ASSUMED["own_call_millis"] + steps["peer"] * peer_millis + steps["hashes"] * ASSUMED["hash_millis"]
    parts = [DATA["shared"][name] for name in operation["includes"]] + [operation]
    streamed = [part[function] for part in parts for function in BY_STREAMS if "batches" in part.get(function, {})]
    batches = sum(entry["batches"] for entry in streamed)
    steps_of = lambda place: sum(entry["steps"].get(place, 0) for entry in streamed)
    stream_millis = batches * ASSUMED["overhead_millis"] + steps_of("own") * ASSUMED["own_call_millis"] + steps_of("peer") * peer_millis
    gb_seconds = api_millis * ASSUMED["api_memory_mb"] / 1024 / 1000 + stream_millis * ASSUMED["stream_memory_mb"] / 1024 / 1000

    log_bytes = ASSUMED["api_log_bytes"] + batches * ASSUMED["stream_log_bytes"]
    out = sum(call.times * call.sent for call in of("peer"))
    back = sum(call.times * call.received for call in of("peer"))
    gigabytes = lambda bytes_: bytes_ * 1e6 / 1e9
    lines = {
        "DynamoDB, own": money("own", own),
        "DynamoDB, peers": sum(money("peer", prices) for prices in peers),
        "KMS": units("own", "kms") * own["kms"] + sum(units("peer", "kms") * prices["kms"] for prices in peers),
        "Lambda": (1 + batches) * own["lambda_request"] + gb_seconds * 1e6 * own["lambda_gb_second"],
        "HTTP API": own["http_api"],
        "Logs, traces": gigabytes(log_bytes) * own["log_gb"] + ASSUMED["traced_share"] * (1 + batches) * own["trace"],
        "Transfer": len(peers) * gigabytes(out) * own["transfer_region_gb"]
        + sum(gigabytes(back) * prices["transfer_region_gb"] for prices in peers)
        + gigabytes(ASSUMED["answer_bytes"]) * own["transfer_internet_gb"],
    }
    facts = {
        "own writes": units("own", "writes"), "own reads": units("own", "reads"),
        "peer writes": units("peer", "writes"), "peer reads": units("peer", "reads"),
        "own kms": units("own", "kms"), "peer kms": units("peer", "kms"),
        "api ms": api_millis, "batches": batches, "stream ms": stream_millis,
        "log bytes": log_bytes, "sent": out, "received": back,
    }
    return lines, facts, calls


def table(head, rows):
    text = [head, ["---"] + ["---:"] * (len(head) - 1)] + rows
    return "\n".join("| " + " | ".join(row) + " |" for row in text)


def dollars(amount):
    return f"{amount:.2f}"


def named(calls):
    listed = [f"{call.name} x{call.times}" if call.times > 1 else call.name for call in calls if call.times]
    return ", ".join(text.replace("dynamodb:", "").replace("kms:", "KMS ") for text in listed) or "nothing"


def operations_section(regions):
    peers = len(regions) - 1
    head, rows, sums = None, [], []
    for name, operation in DATA["operations"].items():
        lines, facts, _ = cost(operation, regions)
        head = ["operation"] + list(lines) + ["**a million**"]
        rows.append([name] + [dollars(line) for line in lines.values()] + [f"**{dollars(sum(lines.values()))}**"])
        own, peer = prices_of(regions[0]), prices_of(regions[1])
        sums.append(
            f"- **{name}**: own {facts['own writes']} WRU x {own['dynamodb_write']} + {facts['own reads']} RRU x {own['dynamodb_read']}; "
            f"each peer {facts['peer writes']} WRU x {peer['dynamodb_write']} + {facts['peer reads']} RRU x {peer['dynamodb_read']}; "
            f"KMS ({facts['own kms']} + {peers} x {facts['peer kms']}) x {own['kms']}; "
            f"Lambda {1 + facts['batches']} x {own['lambda_request']} + ({facts['api ms']} ms x {ASSUMED['api_memory_mb']} MB + {facts['stream ms']} ms x {ASSUMED['stream_memory_mb']} MB) x {own['lambda_gb_second'] * 1e6:.4f} per million GB-s; "
            f"logs {facts['log bytes']} B x {own['log_gb']} and {ASSUMED['traced_share']:.0%} of {1 + facts['batches']} traced x {own['trace']}; "
            f"transfer {peers} x ({facts['sent']} B + {facts['received']} B) x {own['transfer_region_gb']} + {ASSUMED['answer_bytes']} B x {own['transfer_internet_gb']}."
        )
    return table(head, rows) + "\n\n" + "\n".join(sums)


def calls_section():
    sizes = {name: item_size(item) for name, item in sample_items(DATA["deployments"]["3"]).items()}
    rows = []
    for name, operation in DATA["operations"].items():
        calls = calls_of(operation, sizes, 2)
        rows.append([f"{name} ({operation['what']})"] + [named(calls[key]) for key in [("api", "own"), ("api", "peer"), ("replicator", "own"), ("replicator", "peer"), ("feed", "own")]])
    return table(["operation", "api, own region", "api, each peer", "replicator, own", "replicator, each peer", "feed, own"], rows).replace("---:", "---")


def sizes_section():
    rows = []
    for name in sample_items(["a"]):
        cells = [item_size(sample_items(regions)[name]) for regions in DATA["deployments"].values()]
        rows.append([name] + [f"{cell} B: {up(cell, 1024)} WRU" for cell in cells])
    return table(["item", "2 regions", "3 regions"], rows)


def month_section():
    rows = []
    for count, regions in DATA["deployments"].items():
        peers, prices = len(regions) - 1, prices_of(regions[0])
        functions, queues, ends = len(NAMES["functions"]), peers + len(NAMES["queues"]) - 1, 3
        alarms = 22 + 2 + 2 + 2 * peers + queues + ends + 2 * functions + 2 * len(TABLES)
        runs = MONTH["schedule_runs"]
        # The list of what is due is read each minute, from the settings and for each system.
        looks = runs * (prices["lambda_request"] / 1e6 + MONTH["looking_seconds"] * MONTH["reconciler_memory_mb"] / 1024 * prices["lambda_gb_second"])
        lambdas = looks + 3 * runs * (prices["lambda_request"] / 1e6 + MONTH["reconciler_seconds"] * MONTH["reconciler_memory_mb"] / 1024 * prices["lambda_gb_second"])
        # The queue of deliveries is asked by Lambda.
        polls = (runs * (peers + 2) + MONTH["queue_polls"]) * prices["sqs"] / 1e6
        probes = runs * (3 + peers) * 0.5 * prices["dynamodb_read"] / 1e6
        logs = 3 * runs * 400 / 1e9 * prices["log_gb"]
        lines = [3 * MONTH["kms_key"], alarms * MONTH["alarm"], METRICS * MONTH["metric"], MONTH["dashboard"], lambdas, polls + probes + logs]
        rows.append([count, f"{alarms}"] + [dollars(line) for line in lines] + [f"**{dollars(sum(lines))}**"])
    return table(["regions", "alarms", "3 KMS keys", "alarms", f"{METRICS} metrics", "dashboard", "reconcilers", "their polls, probes, logs", "**a region, a month**"], rows)


def event_section():
    rows = []
    for name in ("eu-west-1", "us-east-1"):
        prices, size = prices_of(name), MONTH["event_bytes"]
        seconds = (MONTH["event_millis"] + MONTH["worker_millis"]) / 1000 * MONTH["worker_memory_mb"] / 1024
        lines = [
            prices["rest_api"],
            2 * up(size, 1024) * prices["dynamodb_write"] + up(size, 4096) * prices["dynamodb_read"],
            prices["sns"] + 2 * prices["sqs"],
            2 * prices["lambda_request"] + seconds * 1e6 * prices["lambda_gb_second"],
            2 * ASSUMED["api_log_bytes"] * 1e6 / 1e9 * prices["log_gb"],
        ]
        idle = MONTH["queue_polls"] * prices["sqs"] / 1e6 + MONTH["worker_runs"] * (prices["lambda_request"] / 1e6 + 0.1 * MONTH["worker_memory_mb"] / 1024 * prices["lambda_gb_second"])
        scan = MONTH["worker_runs"] * up(size * 100_000, 4096) * prices["dynamodb_read"] / 1e6
        rows.append([name] + [dollars(line) for line in lines] + [f"**{dollars(sum(lines))}**", dollars(idle), dollars(scan)])
    return table(["a million events", "REST API", "inbox", "topic and queue", "Lambda", "logs", "**sum**", "a month without events", "looking through 100,000 kept events, a month"], rows)


def delivery_section():
    rows = []
    sizes = {name: item_size(item) for name, item in sample_items(DATA["deployments"]["2"]).items()}
    for name in ("eu-west-1", "us-east-1"):
        prices = prices_of(name)
        second = MONTH["delivery_memory_mb"] / 1024 * prices["lambda_gb_second"]
        read, write = prices["dynamodb_read"], prices["dynamodb_write"]
        message = 3 * prices["sqs"] + prices["lambda_request"]
        # A turn is taken and ended: two reads and two writes, and a look for the next row.
        turn = message + 2 * write + 3 * read
        # A row rung for, leased and settled, each time two items in a transaction; the user; the row of the account twice.
        account = 3 * 4 * write + 5 * read + up(sizes["profile"], 4096) * read + up(sizes["credentials"], 4096) * read + prices["kms"] + 2 * write
        # A row of the user written and settled around the call, and the position.
        event = 4 * 4 * write + 4 * read + write
        took = MONTH["delivery_millis"] * 1000 * second
        # Every write of a user starts the feed of a peer too.
        fed = prices["lambda_request"] + 3 * read + 0.02 * 1e6 * ASSUMED["stream_memory_mb"] / 1024 * prices["lambda_gb_second"]
        rows.append([name] + [dollars(line) for line in (fed, turn, account + took, event + took)])
    return table(["a million of each", "changes that reach a peer's feed", "turns", "changes of an account", "events at a webhook"], rows)


def sign_on_section():
    rows = []
    for regions in DATA["deployments"].values():
        own, peers = prices_of(regions[0]), [prices_of(name) for name in regions[1:]]
        sizes = {name: item_size(item) for name, item in sample_items(regions).items()}
        for name, flow in DATA["sign_on"].items():
            calls = {place: [Call(call, sizes, len(peers)) for call in flow[place]] for place in ("own", "peer")}
            units = lambda place, unit: sum(call.times * getattr(call, unit) for call in calls[place])
            money = lambda place, prices: units(place, "writes") * prices["dynamodb_write"] + units(place, "reads") * prices["dynamodb_read"]
            millis = flow["requests"] * ASSUMED["overhead_millis"] + flow["steps"]["own"] * ASSUMED["own_call_millis"] + flow["steps"]["hashes"] * ASSUMED["hash_millis"]
            sent = flow["batches"] * (ASSUMED["overhead_millis"] + ASSUMED["peer_call_millis"][str(len(regions))])
            gb_seconds = (millis * ASSUMED["api_memory_mb"] + sent * ASSUMED["stream_memory_mb"]) / 1024 / 1000
            log_bytes = flow["requests"] * ASSUMED["api_log_bytes"] + flow["batches"] * ASSUMED["stream_log_bytes"]
            lines = [
                flow["requests"] * own["rest_api"],
                money("own", own) + sum(money("peer", prices) for prices in peers),
                units("own", "kms") * own["kms"],
                (flow["requests"] + flow["batches"]) * own["lambda_request"] + gb_seconds * 1e6 * own["lambda_gb_second"],
                log_bytes * 1e6 / 1e9 * own["log_gb"],
            ]
            rows.append([str(len(regions)), f"**{name}**: {flow['what']}"] + [dollars(line) for line in lines] + [f"**{dollars(sum(lines))}**"])
    return table(["regions", "a million of each", "REST API", "DynamoDB", "KMS", "Lambda", "logs", "**sum**"], rows)


def listing_section():
    rows = []
    for name in ("eu-west-1", "us-east-1"):
        prices, asked = prices_of(name), 30 * 86400 / MONTH["wait_secs"]
        second = ASSUMED["api_memory_mb"] / 1024 * prices["lambda_gb_second"]
        request = (prices["http_api"] + prices["lambda_request"]) / 1e6
        polls = MONTH["wait_secs"] * 2 * 3 * prices["dynamodb_read"] / 1e6
        calls = (3 * prices["dynamodb_read"] + 2 * prices["dynamodb_write"]) / 1e6
        waits = asked * (request + calls + polls + MONTH["wait_secs"] * second)
        asks = asked * (request + calls + MONTH["list_millis"] / 1000 * second)
        rows.append([name, dollars(waits), dollars(asks)])
    seconds = MONTH["wait_secs"]
    return table(["a consumer, a month", f"always waits, {seconds} s at a time", f"asks every {seconds} s without waiting"], rows)


def storage_section():
    rows = []
    for count, regions in DATA["deployments"].items():
        prices = prices_of(regions[0])
        sizes = {name: item_size(item) for name, item in sample_items(regions).items()}
        user = sizes["profile"] + sizes["credentials"] + 2 * sizes["ownership"] + sizes["audit"] + 4 * 100
        gigabytes = user * 1e6 / 1e9
        # Within the region: users and ownerships. With each peer: the users of both.
        peers, parts, ownerships = len(regions) - 1, (sizes["profile"] + sizes["credentials"]) * 1e6, 2 * sizes["ownership"] * 1e6
        units = ((1 + 2 * peers) * parts + ownerships) / 4096
        anti_entropy = 30 * (units * prices["dynamodb_read"] / 1e6 + peers * parts / 1e9 * prices["transfer_region_gb"])
        cells = [gigabytes * prices["dynamodb_storage_gb_month"], gigabytes * prices["dynamodb_backup_gb_month"], anti_entropy]
        rows.append([count, f"{user} B", f"{gigabytes:.2f} GB", f"{units:,.0f} RRU"] + [dollars(cell) for cell in cells] + [f"**{dollars(sum(cells))}**"])
    return table(["regions", "a user", "a million users", "an anti-entropy pass", "storage", "point-in-time recovery", "daily anti-entropy", "**a region, a month**"], rows)


def page():
    eu, us = prices_of("eu-west-1"), prices_of("us-east-1")
    names = {
        "dynamodb_write": "DynamoDB on demand, a million write units (WRU)", "dynamodb_read": "DynamoDB on demand, a million read units (RRU)",
        "dynamodb_storage_gb_month": "DynamoDB storage, GB and month", "dynamodb_backup_gb_month": "Point-in-time recovery, GB and month",
        "kms": "KMS, a million calls (0.03 per 10,000)", "lambda_request": "Lambda, a million requests", "lambda_gb_second": "Lambda on x86, GB-second (arm64: a fifth less)",
        "http_api": "HTTP API, a million requests", "rest_api": "REST API, a million requests", "sns": "SNS, a million requests", "sqs": "SQS, a million requests", "log_gb": "CloudWatch Logs, GB taken in", "trace": "X-Ray, a million traces",
        "transfer_region_gb": "Transfer to another region, GB", "transfer_internet_gb": "Transfer to the internet, GB",
    }
    prices = table(["price, USD", "eu-west-1", "us-east-1"], [[text, f"{eu[key]:.10g}", f"{us[key]:.10g}"] for key, text in names.items()])
    two, three = DATA["deployments"]["2"], DATA["deployments"]["3"]
    register = [sum(cost(DATA["operations"]["register"], regions)[0].values()) for regions in (two, three)]
    login = [sum(cost(DATA["operations"]["authenticate"], regions)[0].values()) for regions in (two, three)]
    return f"""# What a deployment costs

<!-- terraform/costs.py makes this page from terraform/costs.json; edit those. -->

US dollars per million of each operation, without taxes, free tiers and volume discounts. A million registrations cost {register[0]:.0f} in two regions and {register[1]:.0f} in three, a
million logins {login[0]:.0f}. **KMS is the largest part of most operations**, as each write makes a data key that every region wraps.

What the figures rest on:

- **Prices are from memory, of {ASSUMED['date']}, not fetched**: compare them with AWS's pages before you rely on a sum. They are a table in `terraform/costs.json`.
  Change them there, and run `terraform/costs.py`.
- **Calls** were counted by reading the code. They are in the same file, and the cloud run compares them with the calls on the wire
  (`costs.py --calls PEERS` prints them as it counts). {DATA['case']}
  An instance reserves up to ten requests of a company's limit in one `UpdateItem` on attempts, in each window of ten seconds. Under load that is a tenth of a write for a request, not one.
- **Times are assumptions**: {ASSUMED['own_call_millis']} ms for a call in the own region, {ASSUMED['peer_call_millis']['2']} ms (two regions) or {ASSUMED['peer_call_millis']['3']} ms (three) for one to the farthest peer, {ASSUMED['hash_millis']} ms of argon2id at {ASSUMED['api_memory_mb']} MB (docs/functions.md: measured on one machine; slower ones take three times as long), {ASSUMED['overhead_millis']} ms of
  everything else. The batches of the replicator and the feed are an assumption too: one for each operation and table, as at low load. Under load a batch carries up to 100 records.
- Not included: reserved capacity, support, the sending of alarms, Route 53 (about 1 a month for a region's health check), cold starts, which cost their duration.

## An operation in {two[0]}, with a peer in {two[1]}

{operations_section(two)}

## An operation in {three[0]}, with peers in {three[1]} and {three[2]}

{operations_section(three)}

## Calls

The calls are those of three regions. Only an erasure's calls depend on the number: the regions confirm it to each other. `TransactWriteItems` of n items costs as 2n writes.

{calls_section()}

An operation also causes work that is free of charge: Lambda's reading of the streams; the peers' streams, whose echoes are filtered out before they start a function; TTL's deletions of the
rows for seen requests. No message is sent while every region answers. An item that a peer does not accept costs a `SendMessage`, later a `ReceiveMessage` and a `DeleteMessage`
(together {3 * eu['sqs']:.2f} a million), a read of the region's own item, and the replication itself. A missing wrapped key costs the same, one `Decrypt`, one `Encrypt` and one write in each region.

Caches lower the costs: a data key in the function's cache (5 minutes, {10000:,} keys a function) saves its `Decrypt`, a company in the cache (5 s) and settings (30 s) save their reads.

## Events of sources

An event of {MONTH['event_bytes']} bytes, posted alone: the request, its row in the inbox written twice, the topic, the queue, and both functions
at {MONTH['worker_memory_mb']} MB. What the event does to a user is not included: it costs as `register` or `update` above. SCIM costs as the API does.

{event_section()}

Without events, Lambda asks the queue about 15 times a minute, and the worker looks for events that wait every five minutes. It reads the
whole inbox for that, which has what was applied in the last seven days: where that is much, let `schedules.ingest_worker` look less often.
A paused source costs no messages.

## Events for companies

Every change of a user makes an event for each company that is linked to it; the figures above are for one company. An event is two
rows in every region for 30 days.

A function serves one request at a time, so a request that waits for events occupies an instance. On AWS it is cheaper to ask again after a
while than to wait, and slower:

{listing_section()}

## Webhooks and targets

{delivery_section()}

A change of a user starts the feed of its own region, which the tables above have, and that of every peer, which rings where a target or a
webhook has its home. A turn is the work at one system until nothing is due there; under load it has many deliveries, and alone it has one. A call
of {MONTH['delivery_millis']} ms is assumed, at {MONTH['delivery_memory_mb']} MB. A target that is out costs a probe and a turn now and then. What the calls send to
the internet is not included.

## Single sign-on

{sign_on_section()}

The first sign-in of a person at a client is the dearest: a session, a subject and a client of the session are written and replicated. Nothing of
clients and keys is in the function's cache. An answer of `userinfo` opens the profile, whose key the sign-in has opened already where one instance answers both. A web ACL costs what AWS
WAF asks for it. The rows are small, and DynamoDB deletes them when they have expired.

## Items

Made-up users of everyday length, by DynamoDB's rules for sizes: an e-mail address, a phone number, four profile fields, one company, {ASSUMED['wrapped_key_bytes']} bytes for a data key wrapped by KMS.
A tombstone is about 100 bytes, and writing it costs what it replaces.

{sizes_section()}

## Standing costs

These costs do not depend on calls, in {two[0]}; `rate(1 minute)` for the three reconcilers at {MONTH['reconciler_memory_mb']} MB and {MONTH['reconciler_seconds']} s a run, most of which is waiting for an empty queue.

{month_section()}

KMS adds 1 a month for each of a key's first two yearly rotations. DynamoDB asks KMS for a table's key about every five minutes for each caller while the table is in use, well
under a dollar a month for a region.

{storage_section()}

An anti-entropy pass of a region reads its users and identifiers once, and once for each peer the users of both regions (strongly
consistent; transfer between regions included). Where a bucket differs, it reads the tables concerned once more, so twice
that at most. On the other side it then reads one item for each that is in a differing bucket: of 32,768 buckets, one holds
about 30 of a million users. Logs are extra and small. `schedules.anti_entropy` says how often it may run.

## Prices

{prices}
"""


def calls_by_operation(peers):
    """{operation: {function: {call: times}}}"""
    sizes = {name: item_size(item) for name, item in sample_items(DATA["deployments"]["3"]).items()}
    found = {}
    for name, operation in DATA["operations"].items():
        counts = {function: {} for function in FUNCTIONS}
        for (function, place), calls in calls_of(operation, sizes, peers).items():
            for call in calls:
                key = call.name.split(" ")[0] + (" at a peer" if place == "peer" else "")
                times = call.times * (peers if place == "peer" else 1)
                if times and call.table not in ("settings", "companies"):
                    counts[function][key] = counts[function].get(key, 0) + times
        found[name] = counts
    return found


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--calls":
        print(json.dumps(calls_by_operation(int(sys.argv[2])), indent=2))
        return
    text = page()
    if sys.argv[1:] == ["--check"]:
        if not PAGE.exists() or PAGE.read_text() != text:
            sys.exit("docs/costs.md is not what terraform/costs.py makes of terraform/costs.json: run it")
    elif sys.argv[1:]:
        sys.exit("usage: costs.py [--check | --calls PEERS]")
    else:
        PAGE.write_text(text)


main()
