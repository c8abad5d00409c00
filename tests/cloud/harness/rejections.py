"""Calls that the functions' roles must not allow, made with the functions' own credentials."""

from botocore.exceptions import ClientError

from .deployment import Deployment
from .progress import Failed, Progress

DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError")
BLOB = bytes(64)
NO_DATA_KEYS = ("replicator", "feed", "reconcile-writes", "reconcile-targets", "anti-entropy", "ingest")


def attempts(d: Deployment, own: str, peer: str):
    """The (function, description, service, region, method, parameters) of calls that must be rejected."""
    prefix, key = d.prefix, d.region(own).data_key
    functions = d.deployed(own)
    item = {"id": {"S": "x"}}
    for name in functions:
        yield name, "read all companies", "dynamodb", own, "scan", {"TableName": f"{prefix}-companies"}
        yield name, "delete a user", "dynamodb", own, "delete_item", {
            "TableName": f"{prefix}-users", "Key": {"id": {"S": "x"}, "part": {"S": "profile"}}}
        yield name, "change settings", "dynamodb", own, "put_item", {"TableName": f"{prefix}-settings", "Item": item}
        yield name, "add a company", "dynamodb", own, "put_item", {"TableName": f"{prefix}-companies", "Item": item}
        yield name, "add a company to a peer", "dynamodb", peer, "put_item", {
            "TableName": f"{prefix}-companies", "Item": item}
        yield name, "delete a table", "dynamodb", own, "delete_table", {"TableName": f"{prefix}-users"}
        yield name, "read another deployment's table", "dynamodb", own, "get_item", {
            "TableName": "another-users", "Key": item}
        yield name, "purge a queue", "sqs", own, "purge_queue", {"QueueUrl": d.queue_url(own, f"retry-{peer}")}
        yield name, "disable the data key", "kms", own, "disable_key", {"KeyId": key}
        yield name, "delete the data key", "kms", own, "schedule_key_deletion", {"KeyId": key}
        yield name, "change the data key's policy", "kms", own, "put_key_policy", {
            "KeyId": key, "PolicyName": "default", "Policy": "{}"}
        yield name, "give itself more", "iam", own, "put_role_policy", {
            "RoleName": "x", "PolicyName": "x", "PolicyDocument": "{}"}
        yield name, "replace a function", "lambda", own, "update_function_code", {
            "FunctionName": f"{prefix}-api", "ZipFile": b"x"}
        yield name, "read logs", "logs", own, "filter_log_events", {"logGroupName": f"/aws/lambda/{prefix}-api"}
    for name in NO_DATA_KEYS:
        yield name, "unwrap a data key", "kms", own, "decrypt", {"KeyId": key, "CiphertextBlob": BLOB}
        yield name, "unwrap a data key of a peer", "kms", peer, "decrypt", {
            "KeyId": d.region(peer).data_key, "CiphertextBlob": BLOB}
        yield name, "wrap a data key", "kms", own, "encrypt", {"KeyId": key, "Plaintext": BLOB[:32]}
        yield name, "generate a data key", "kms", own, "generate_data_key", {"KeyId": key, "KeySpec": "AES_256"}
        yield name, "read a company", "dynamodb", own, "get_item", {"TableName": f"{prefix}-companies", "Key": item}
    yield "api", "write a peer's user", "dynamodb", peer, "put_item", {
        "TableName": f"{prefix}-users", "Item": {"id": {"S": "x"}, "part": {"S": "profile"}}}
    yield "api", "receive from a retry queue", "sqs", own, "receive_message", {
        "QueueUrl": d.queue_url(own, f"retry-{peer}")}
    yield "api", "make an event", "dynamodb", own, "put_item", {
        "TableName": f"{prefix}-events", "Item": {"id": {"S": "x"}, "key": {"S": "x"}}}
    yield "feed", "write a user", "dynamodb", own, "put_item", {
        "TableName": f"{prefix}-users", "Item": {"id": {"S": "x"}, "part": {"S": "profile"}}}
    yield "feed", "write a peer's event", "dynamodb", peer, "put_item", {
        "TableName": f"{prefix}-events", "Item": {"id": {"S": "x"}, "key": {"S": "x"}}}
    yield "feed", "take rings", "sqs", own, "receive_message", {"QueueUrl": d.queue_url(own, "deliver")}
    for name in ("deliver", "reconcile-targets"):
        yield name, "write a user", "dynamodb", own, "put_item", {
            "TableName": f"{prefix}-users", "Item": {"id": {"S": "x"}, "part": {"S": "profile"}}}
        yield name, "read all users", "dynamodb", own, "scan", {"TableName": f"{prefix}-users"}
        yield name, "make an event", "dynamodb", own, "put_item", {
            "TableName": f"{prefix}-events", "Item": {"id": {"S": "x"}, "key": {"S": "x"}}}
        yield name, "generate a data key", "kms", own, "generate_data_key", {"KeyId": key, "KeySpec": "AES_256"}
    yield "deliver", "wrap a data key", "kms", own, "encrypt", {"KeyId": key, "Plaintext": BLOB[:32]}
    yield "deliver", "write a peer's account", "dynamodb", peer, "put_item", {
        "TableName": f"{prefix}-target_accounts", "Item": {"id": {"S": "x"}, "target": {"S": "x"}}}
    yield "reconcile-targets", "read a user", "dynamodb", own, "get_item", {
        "TableName": f"{prefix}-users", "Key": {"id": {"S": "x"}, "part": {"S": "profile"}}}
    yield "reconcile-targets", "settle what is due", "dynamodb", own, "delete_item", {
        "TableName": f"{prefix}-due", "Key": {"id": {"S": "x"}, "key": {"S": "x"}}}
    yield "reconcile-keys", "receive from a retry queue", "sqs", own, "receive_message", {
        "QueueUrl": d.queue_url(own, f"retry-{peer}")}
    yield "reconcile-keys", "take merges", "sqs", own, "receive_message", {"QueueUrl": d.queue_url(own, "merges")}
    yield "reconcile-keys", "write a user", "dynamodb", own, "put_item", {
        "TableName": f"{prefix}-users", "Item": {"id": {"S": "x"}, "part": {"S": "profile"}}}
    yield "reconcile-keys", "generate a data key", "kms", own, "generate_data_key", {"KeyId": key, "KeySpec": "AES_256"}
    yield "reconcile-merges", "take key repairs", "sqs", own, "receive_message", {"QueueUrl": d.queue_url(own, "keys")}
    yield "reconcile-merges", "write a peer's user", "dynamodb", peer, "put_item", {
        "TableName": f"{prefix}-users", "Item": {"id": {"S": "x"}, "part": {"S": "profile"}}}
    yield "ingest", "read a user", "dynamodb", own, "get_item", {
        "TableName": f"{prefix}-users", "Key": {"id": {"S": "x"}, "part": {"S": "profile"}}}
    yield "ingest", "write a peer's inbox", "dynamodb", peer, "put_item", {"TableName": f"{prefix}-inbox", "Item": item}
    yield "ingest", "take events", "sqs", own, "receive_message", {"QueueUrl": d.queue_url(own, "ingest")}
    yield "ingest-worker", "write a peer's user", "dynamodb", peer, "put_item", {
        "TableName": f"{prefix}-users", "Item": {"id": {"S": "x"}, "part": {"S": "profile"}}}
    yield "ingest-worker", "take a peer's events", "sqs", peer, "receive_message", {"QueueUrl": d.queue_url(peer, "ingest")}
    yield "oidc", "write a peer's session", "dynamodb", peer, "put_item", {
        "TableName": f"{prefix}-access", "Item": {"id": {"S": "x"}, "key": {"S": "x"}}}
    yield "oidc", "read what was spent", "dynamodb", own, "get_item", {"TableName": f"{prefix}-replays", "Key": item}
    yield "oidc", "have a spent code work again", "dynamodb", peer, "delete_item", {
        "TableName": f"{prefix}-replays", "Key": item}
    yield "oidc", "read all sessions", "dynamodb", own, "scan", {"TableName": f"{prefix}-access"}
    yield "oidc", "note an erasure at a peer", "dynamodb", peer, "update_item", {
        "TableName": f"{prefix}-receipts", "Key": {"id": {"S": "x"}, "key": {"S": "x"}}}
    yield "api", "write a peer's session", "dynamodb", peer, "put_item", {
        "TableName": f"{prefix}-access", "Item": {"id": {"S": "x"}, "key": {"S": "x"}}}
    yield "deliver", "end a session", "dynamodb", own, "put_item", {
        "TableName": f"{prefix}-access", "Item": {"id": {"S": "x"}, "key": {"S": "x"}}}
    yield "scim", "take events", "sqs", own, "receive_message", {"QueueUrl": d.queue_url(own, "ingest")}
    for name in d.names["pool_functions"] if own in d.pools else []:
        yield name, "write a peer's user", "dynamodb", peer, "put_item", {
            "TableName": f"{prefix}-users", "Item": {"id": {"S": "x"}, "part": {"S": "profile"}}}
        yield name, "take events", "sqs", own, "receive_message", {"QueueUrl": d.queue_url(own, "ingest")}
    if own in d.pools:
        yield "cognito", "read all users", "dynamodb", own, "scan", {"TableName": f"{prefix}-users"}
        yield "cognito", "count passwords", "dynamodb", own, "get_item", {"TableName": f"{prefix}-attempts", "Key": item}
        yield "reconcile-sources", "ring the worker", "sqs", own, "send_message", {
            "QueueUrl": d.queue_url(own, "ingest"), "MessageBody": "x"}
    yield "reconcile-writes", "take key repairs", "sqs", own, "receive_message", {"QueueUrl": d.queue_url(own, "keys")}


def credentials(d: Deployment, region: str, function: str) -> dict[str, str]:
    """The credentials of a function, which is started if it has not run yet."""
    name = f"{d.prefix}-{function}"
    found = d.functions.environment(region, name)
    if found is None:
        d.emulator.client("lambda", region).invoke(FunctionName=name, Payload=b"{}")
        found = d.functions.environment(region, name)
    if found is None:
        raise Failed(f"{name} in {region} does not run:\n{d.logs(region, function)}")
    return found


def all_rejected(d: Deployment, progress: Progress) -> None:
    """Makes each call with the credentials that the emulator gave the function. IAM must reject all of them."""
    own, peer = d.regions[0].name, d.regions[1].name
    allowed, rejected = [], 0
    for function, what, service, region, method, parameters in attempts(d, own, peer):
        client = d.emulator.client(service, region, credentials(d, own, function))
        try:
            getattr(client, method)(**parameters)
            code = "nothing"
        except ClientError as error:
            code = error.response["Error"]["Code"]
        if code in DENIED:
            rejected += 1
        else:
            allowed.append(f"{function}: {what} ({service}:{method} in {region}): {code}")
    settings = {"TableName": f"{d.prefix}-settings", "Key": {"id": {"S": d.names["settings"]["regions"]}}}
    reader = d.emulator.client("dynamodb", own, credentials(d, own, "replicator"))
    progress.check("Item" in reader.get_item(**settings), "the replicator's role reads the settings")
    progress.check(not allowed, f"{rejected} uses of functions' roles beyond their permissions are rejected by IAM"
                   + "".join(f"\n  NOT REJECTED {text}" for text in allowed))
    progress.cannot_show("That a key's policy names a role by the role's ARN: the emulator compares the session's, so "
                         "the sessions are named as operators.")
    progress.cannot_show("Conditions on kms:EncryptionContext and kms:ViaService: the emulator does not evaluate them.")
