"""What the functions' roles may not do: their own credentials, used for more than their job."""

from botocore.exceptions import ClientError

from .deployment import Deployment
from .progress import Failed, Progress

DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError")
BLOB = bytes(64)
NO_DATA_KEYS = ("replicator", "reconcile-writes", "sweep")


def attempts(d: Deployment, own: str, peer: str):
    """(function, what, service, region, method, parameters) of calls that have to be refused."""
    prefix, key = d.prefix, d.region(own).data_key
    functions = d.names["functions"]
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
        yield name, "make a data key", "kms", own, "generate_data_key", {"KeyId": key, "KeySpec": "AES_256"}
        yield name, "read a company", "dynamodb", own, "get_item", {"TableName": f"{prefix}-companies", "Key": item}
    yield "api", "write a peer's user", "dynamodb", peer, "put_item", {
        "TableName": f"{prefix}-users", "Item": {"id": {"S": "x"}, "part": {"S": "profile"}}}
    yield "api", "take copies from a retry queue", "sqs", own, "receive_message", {
        "QueueUrl": d.queue_url(own, f"retry-{peer}")}
    yield "reconcile-keys", "take copies from a retry queue", "sqs", own, "receive_message", {
        "QueueUrl": d.queue_url(own, f"retry-{peer}")}
    yield "reconcile-keys", "take merges", "sqs", own, "receive_message", {"QueueUrl": d.queue_url(own, "merges")}
    yield "reconcile-keys", "write a user", "dynamodb", own, "put_item", {
        "TableName": f"{prefix}-users", "Item": {"id": {"S": "x"}, "part": {"S": "profile"}}}
    yield "reconcile-keys", "make a data key", "kms", own, "generate_data_key", {"KeyId": key, "KeySpec": "AES_256"}
    yield "reconcile-merges", "take key repairs", "sqs", own, "receive_message", {"QueueUrl": d.queue_url(own, "keys")}
    yield "reconcile-merges", "write a peer's user", "dynamodb", peer, "put_item", {
        "TableName": f"{prefix}-users", "Item": {"id": {"S": "x"}, "part": {"S": "profile"}}}
    yield "reconcile-writes", "take key repairs", "sqs", own, "receive_message", {"QueueUrl": d.queue_url(own, "keys")}


def credentials(d: Deployment, region: str, function: str) -> dict[str, str]:
    """What a function has; it is started if it has not run yet."""
    name = f"{d.prefix}-{function}"
    found = d.functions.environment(region, name)
    if found is None:
        d.emulator.client("lambda", region).invoke(FunctionName=name, Payload=b"{}")
        found = d.functions.environment(region, name)
    if found is None:
        raise Failed(f"{name} in {region} does not run:\n{d.logs(region, function)}")
    return found


def all_refused(d: Deployment, progress: Progress) -> None:
    """Tries each, with the credentials that the emulator gave the function; IAM has to refuse all of them."""
    own, peer = d.regions[0].name, d.regions[1].name
    allowed, refused = [], 0
    for function, what, service, region, method, parameters in attempts(d, own, peer):
        client = d.emulator.client(service, region, credentials(d, own, function))
        try:
            getattr(client, method)(**parameters)
            code = "nothing"
        except ClientError as error:
            code = error.response["Error"]["Code"]
        if code in DENIED:
            refused += 1
        else:
            allowed.append(f"{function}: {what} ({service}:{method} in {region}): {code}")
    settings = {"TableName": f"{d.prefix}-settings", "Key": {"id": {"S": d.names["settings"]["regions"]}}}
    reader = d.emulator.client("dynamodb", own, credentials(d, own, "replicator"))
    progress.check("Item" in reader.get_item(**settings), "the replicator's role reads the settings: it is alive")
    progress.check(not allowed, f"{refused} uses of functions' roles for more than their job are refused by IAM"
                   + "".join(f"\n  NOT REFUSED {text}" for text in allowed))
    progress.cannot_show("That a key's policy names a role by the role's ARN: the emulator compares its session's, so "
                         "the sessions are named as operators.")
    progress.cannot_show("Conditions on kms:EncryptionContext and kms:ViaService: the emulator does not evaluate them.")
