"""Checks what `terraform destroy` leaves."""

from .deployment import Deployment
from .emulator import Emulator
from .progress import Progress


def left(emulator: Emulator, region: str, prefix: str) -> list[str]:
    """All resources of a deployment that a region still has, except keys that wait for their deletion."""
    found: list[str] = []

    def add(kind: str, names) -> None:
        found.extend(f"{kind} {name}" for name in names if prefix in name)

    client = emulator.client
    add("table", client("dynamodb", region).list_tables()["TableNames"])
    add("queue", client("sqs", region).list_queues().get("QueueUrls", []))
    add("function", [each["FunctionName"] for each in client("lambda", region).list_functions()["Functions"]])
    add("stream mapping", [each["FunctionArn"] for each in
                           client("lambda", region).list_event_source_mappings()["EventSourceMappings"]])
    add("API", [each["Name"] for each in client("apigatewayv2", region).get_apis()["Items"]])
    rest = client("apigateway", region)
    add("REST API", [each["name"] for each in rest.get_rest_apis()["items"]])
    add("usage plan", [each["name"] for each in rest.get_usage_plans()["items"]])
    pools = client("cognito-idp", region).list_user_pools(MaxResults=60)["UserPools"]
    found.extend(f"user pool {each['Name']}" for each in pools)
    add("schedule", [each["Name"] for each in client("scheduler", region).list_schedules()["Schedules"]])
    groups = client("scheduler", region).list_schedule_groups()["ScheduleGroups"]
    add("schedule group", [each["Name"] for each in groups])
    add("log group", [each["logGroupName"] for each in client("logs", region).describe_log_groups()["logGroups"]])
    add("topic", [each["TopicArn"] for each in client("sns", region).list_topics()["Topics"]])
    add("alarm", [each["AlarmName"] for each in client("cloudwatch", region).describe_alarms()["MetricAlarms"]])
    dashboards = client("cloudwatch", region).list_dashboards()["DashboardEntries"]
    add("dashboard", [each["DashboardName"] for each in dashboards])
    add("role", [each["RoleName"] for page in client("iam", region).get_paginator("list_roles").paginate()
                 for each in page["Roles"]])
    add("policy", [each["PolicyName"] for each in client("iam", region).list_policies(Scope="Local")["Policies"]])
    kms = client("kms", region)
    add("alias", [each["AliasName"] for each in kms.list_aliases()["Aliases"]])
    for each in kms.list_keys()["Keys"]:
        key = kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"]
        if key["KeyManager"] == "CUSTOMER" and key["KeyState"] != "PendingDeletion":
            found.append(f"key {each['KeyId']} ({key['KeyState']})")
    return found


def nothing_left(d: Deployment, regions: list[str], progress: Progress) -> None:
    """Checks that no region has resources left."""
    found = [f"{what} in {region}" for region in regions for what in left(d.emulator, region, d.prefix)]
    progress.check(not found, "destroyed: no table, queue, function, API, user pool, schedule, log group, alarm or role is left; "
                   "keys wait for their deletion" + "".join(f"\n  LEFT {text}" for text in found))
