"""The functions' calls to AWS, recorded on the wire."""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

SERVICES = {"DynamoDB_20120810": "dynamodb", "TrentService": "kms", "AmazonSQS": "sqs"}
CREDENTIAL = re.compile(rb"credential=([^/]+)/\d+/([^/]+)/([^/]+)/", re.IGNORECASE)
TARGET = re.compile(rb"\r\nx-amz-target: *([\w.]+)", re.IGNORECASE)
DENIED = re.compile(rb"not authorized to perform: ([\w:-]+)")
ERROR = re.compile(rb'(?:"__type" *: *"(?:[^"#]*#)?|<Code>)(\w+)')


@dataclass(frozen=True)
class Call:
    """One request and its answer."""

    path: tuple[str, str]
    at: float
    seconds: float
    access_key: str
    region: str
    service: str
    action: str
    objects: tuple[str, ...]
    status: int
    error: str
    # The missing permission, and those that the call needs: (action, table, queue, key or pool).
    denied: str
    needs: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, path, at: float, seconds: float, request, answer) -> tuple["Call", bytes]:
        """The call, and all bytes of the request and the answer."""
        head, body = request
        credential = CREDENTIAL.search(head)
        access_key, region, service = (part.decode() for part in credential.groups()) if credential else ("", "", "")
        target = TARGET.search(head)
        if target:
            prefix, action = target.group(1).decode().rsplit(".", 1)
            service = SERVICES.get(prefix, service)
        else:
            action = parse_qs(body.decode(errors="replace")).get("Action", [head.split(b"\r\n", 1)[0].decode()])[0]
        status = int(answer[0].split(b" ", 2)[1])
        error = ERROR.search(answer[1]) if status >= 400 else None
        denied = DENIED.search(answer[1]) if status >= 400 else None
        call = cls(
            path, at, seconds, access_key, region, service, action, objects(body), status,
            error.group(1).decode() if error else "", denied.group(1).decode() if denied else "",
            needs(service, action, body),
        )
        return call, head + body + b"\n" + answer[0] + answer[1] + b"\n"

    def to_peer(self) -> bool:
        """Whether the call went to another region."""
        return bool(self.path[1])


def action(head: bytes) -> str:
    """The action that a request's head names."""
    target = TARGET.search(head)
    return target.group(1).decode().rsplit(".", 1)[1] if target else ""


def parsed(body: bytes) -> dict:
    """A JSON body, or an empty object if the body is not JSON."""
    try:
        return json.loads(body)
    except ValueError:
        return {}


def needs(service: str, action: str, body: bytes) -> tuple[tuple[str, str], ...]:
    """The permissions that a call needs. A transaction needs those of its writes."""
    writes = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
    if action != "TransactWriteItems":
        return tuple((f"{service}:{action}", name) for name in objects(body))
    return tuple(sorted({(f"{service}:{writes[kind]}", each["TableName"].rsplit("/", 1)[-1])
                         for item in parsed(body).get("TransactItems", []) for kind, each in item.items()}))


def objects(body: bytes) -> tuple[str, ...]:
    """The tables, queues, keys or pools that a request names."""
    document = parsed(body)
    found = [document.get(name, "") for name in ("TableName", "QueueUrl", "KeyId", "UserPoolId")]
    for item in document.get("TransactItems", []):
        found += [action.get("TableName", "") for action in item.values()]
    found += list(document.get("RequestItems", {}))
    # SNS has form bodies.
    found += [arn.rsplit(":", 1)[-1] for arn in parse_qs(body.decode(errors="replace")).get("TopicArn", []) if not document]
    return tuple(sorted({str(name).rsplit("/", 1)[-1] for name in found if name}))


class Wire:
    """All calls of a run. The functions' requests and answers are kept in a file, to be searched."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.calls: list[Call] = []
        self.resets: Counter = Counter()
        self._lock = threading.Lock()
        self._said = file.open("wb")

    def add(self, recorded: tuple[Call, bytes]) -> None:
        """Records a call. The operator's calls are not kept: hundreds of megabytes without personal data. Nor is what a
        user pool says of its own users, which is personal data."""
        call, said = recorded
        with self._lock:
            self.calls.append(call)
            if call.path[0] != "operator" and call.service != "cognito-idp":
                self._said.write(said)

    def rejected(self, path: tuple[str, str]) -> None:
        """Records a connection that was reset because its path is broken."""
        with self._lock:
            self.resets[path] += 1

    def mark(self) -> int:
        """A position in the record, for `since`."""
        return len(self.calls)

    def since(self, mark: int, keep: Callable[[Call], bool] = lambda call: True) -> list[Call]:
        """The calls after a mark."""
        return [call for call in self.calls[mark:] if keep(call)]

    def text(self) -> bytes:
        """All recorded bytes."""
        with self._lock:
            self._said.flush()
        return self.file.read_bytes()

    def close(self) -> None:
        """Closes the file."""
        self._said.close()
