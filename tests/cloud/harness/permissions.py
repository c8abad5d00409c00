"""Tests least privilege: each allowed action of each function's role is removed in turn."""

import copy
import json
from dataclasses import dataclass

from .feeds import Feeds
from .probe import Probe
from .progress import Failed, Progress
from .story import Story

# Used by AWS's own services with the function's role; the emulator does not ask IAM for them.
BY_SERVICES = {
    "logs:": "Lambda writes the function's log", "xray:": "Lambda sends traces",
    "dynamodb:DescribeStream": "the stream mapping", "dynamodb:GetRecords": "the stream mapping",
    "dynamodb:GetShardIterator": "the stream mapping", "dynamodb:ListStreams": "the stream mapping",
}
# Used by what no short run can show: a comparison leaves a user alone who was fed within the last hour.
DELETED = "a comparison that finds a person deleted in the pool"
FIRST = "a first login that asks a company's old system, which registers or replaces an owner"
OWN = "a person who changes or erases its own account"
RACE = "a session that begins while its user is erased"
LATER = "a session that is looked at a minute after its end"
NOT_IN_A_RUN = {("reconcile-sources", sid, action): DELETED for sid, action in (
    ("KeepSignUpsAndMarks", "dynamodb:PutItem"), ("MarkErasedUsers", "dynamodb:PutItem"),
    ("MarkErasedUsers", "dynamodb:UpdateItem"),
    ("ReadAndChangeIdentifiers", "dynamodb:DeleteItem"), ("ReadAndWriteUsers", "dynamodb:ConditionCheckItem"),
    ("UnlinkErasedUsers", "dynamodb:DeleteItem"))}
NOT_IN_A_RUN |= {("oidc", sid, action): FIRST for sid, action in (
    ("JournalConflicts", "dynamodb:Query"), ("JournalConflicts", "dynamodb:UpdateItem"), ("KeepReceipts", "dynamodb:Query"),
    ("ReadAndChangeIdentifiers", "dynamodb:BatchGetItem"), ("ReadAndChangeIdentifiers", "dynamodb:DeleteItem"),
    ("ReadAndChangeIdentifiers", "dynamodb:PutItem"), ("ReadAndWriteUsers", "dynamodb:ConditionCheckItem"),
    ("ReadAndWriteUsers", "dynamodb:PutItem"), ("RecordEvents", "dynamodb:GetItem"), ("RecordEvents", "dynamodb:PutItem"),
    ("RecordEvents", "dynamodb:Query"), ("MakeAndOpenDataKeys", "kms:GenerateDataKey"),
    ("WrapDataKeysByPeersAndUseThemWhileTheOwnIsOut", "kms:Encrypt"),
    ("WrapDataKeysByPeersAndUseThemWhileTheOwnIsOut", "kms:GenerateDataKey"))}
NOT_IN_A_RUN |= {("oidc", sid, action): OWN for sid, action in (
    ("KeepReceipts", "dynamodb:PutItem"), ("KeepReceipts", "dynamodb:UpdateItem"), ("ReadTargetAccounts", "dynamodb:Query"),
    ("ReadAndChangeLinkedAccounts", "dynamodb:DeleteItem"), ("ReadAndChangeLinkedAccounts", "dynamodb:PutItem"))}
NOT_IN_A_RUN |= {("oidc", "KeepWhatPersonsMayDo", "dynamodb:DeleteItem"): RACE,
                 ("api", "KeepWhatPersonsMayDo", "dynamodb:DeleteItem"): RACE,
                 ("deliver", "ReadSessions", "dynamodb:Query"): LATER}
STATEMENTS_BY_SERVICES = {"NoteWhatWasGivenUp": "the stream mapping's failure destination"}
# The queue mapping uses these with the role of the function whose messages it receives.
QUEUE_MAPPING = {sid: ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
                 for sid in ("ReceiveEvents", "ReceiveRings")}


@dataclass(frozen=True)
class Permission:
    """One action of one statement."""

    function: str
    sid: str
    action: str

    def __str__(self) -> str:
        return f"{self.function}: {self.action} in {self.sid}"

    def by_a_service(self) -> str | None:
        """Who uses the permission, if no step of a run can: an AWS service, or the function after a longer time."""
        for start, who in BY_SERVICES.items():
            if self.action.startswith(start):
                return who
        if self.action in QUEUE_MAPPING.get(self.sid, ()):
            return "the queue mapping"
        return STATEMENTS_BY_SERVICES.get(self.sid) or NOT_IN_A_RUN.get((self.function, self.sid, self.action))


def listed(value) -> list:
    """A list, also for the single value that a policy has without a list."""
    return value if isinstance(value, list) else [value]


def without(policy: dict, permission: Permission) -> dict:
    """The policy without one action of one statement."""
    left = copy.deepcopy(policy)
    for statement in left["Statement"]:
        if statement["Sid"] == permission.sid:
            statement["Action"] = [action for action in listed(statement["Action"]) if action != permission.action]
    left["Statement"] = [statement for statement in left["Statement"] if statement["Action"]]
    return left


def measure(story: Story, feeds: Feeds, only: str | None) -> None:
    """Tests all functions of the first region, or one."""
    d, progress = story.deployment, story.progress
    probe = Probe(story, feeds)
    findings: list[str] = []
    try:
        for function in [only] if only else d.names["functions"] + d.names["pool_functions"]:
            if function not in probe.steps:
                raise Failed(f"there is no function {function}; there are {', '.join(probe.steps)}")
            progress.chapter(f"What {function} is allowed")
            if function in d.names["pool_functions"]:
                probe.pooled.prepare()
            findings += of_function(probe, function, progress)
    finally:
        probe.systems.end()
    progress.chapter("Permissions whose removal fails no step")
    for finding in findings:
        progress.fail(finding)
    if not findings:
        progress.check(True, "none")
    for action in sorted({f"{name}...: {who}" for name, who in {**BY_SERVICES, **STATEMENTS_BY_SERVICES}.items()}):
        progress.cannot_show(f"That it is needed: {action}, for which the emulator does not ask IAM.")
    for (function, sid, action), what in NOT_IN_A_RUN.items():
        progress.cannot_show(f"That {function} needs {action} in {sid}, for {what}.")


def of_function(probe: Probe, function: str, progress: Progress) -> list[str]:
    """The findings on one role."""
    d = probe.d
    role = f"{d.prefix}-{probe.here.name}-{function}"
    iam = d.emulator.client("iam", probe.here.name)
    policies = {}
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        policies[name] = json.loads(policy) if isinstance(policy, str) else policy
    owner = (probe.here.name, f"{d.prefix}-{function}")

    def put(name: str, document: dict) -> None:
        if document["Statement"]:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
        # A new process starts, so that its work at the start is tested too.
        for process in d.functions.running():
            if (process.region, process.function) == owner:
                process.kill()

    mark = d.wire.mark()
    broken = probe.run(function)
    if broken:
        raise Failed(f"the probe fails before a permission was removed: {'; '.join(broken)}")
    own = [call for call in d.wire.since(mark) if d.functions.owner(call.access_key) == owner]
    used = {action for call in own for action, _ in call.needs}
    probe.reset()
    findings = []
    for name, permission in [(name, Permission(function, statement["Sid"], action)) for name, policy in policies.items()
                             for statement in policy["Statement"] for action in listed(statement["Action"])]:
        service = permission.by_a_service()
        if service:
            progress.say(f"      {permission}: used by {service}, not tried")
            continue
        if permission.action not in used:
            findings.append(f"{permission}: never used")
            progress.say(f"FIND  {findings[-1]}")
            continue
        mark = d.wire.mark()
        put(name, without(policies[name], permission))
        try:
            broken = probe.run(function)
        finally:
            put(name, policies[name])
        rejected = [call for call in d.wire.since(mark)
                   if d.functions.owner(call.access_key) == owner and call.denied == permission.action]
        probe.reset()
        if broken or rejected:
            breaks = "; ".join(broken) or "no step: another permission replaces it"
            progress.check(True, f"{permission}: {len(rejected)} calls rejected; breaks {breaks}")
        else:
            findings.append(f"{permission}: no step fails")
            progress.say(f"FIND  {findings[-1]}")
    return findings
