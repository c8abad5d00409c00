"""Terraform over a copy of the root module: one state and one variables file per region, as an operator has them."""

import copy
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .programs import Programs
from .progress import Failed

PROVIDER = "terraform-provider-aws_v*"
# The plugin directories of machines without a network.
PLACES = ("~/.terraform.d/plugins", "~/.local/share/terraform", "/usr/local/share/terraform", "/usr/share/terraform",
          "/opt")


def plugins() -> str | None:
    """The plugin directory, if there is one: five levels above the AWS provider."""
    if "TF_PLUGIN_DIR" in os.environ:
        return os.environ["TF_PLUGIN_DIR"] or None
    for place in PLACES:
        # <directory>/<host>/<namespace>/<name>/<version>/<platform>/<provider>
        for depth in ("*/*/*/*/*", "*/*/*/*/*/*"):
            for file in sorted(Path(place).expanduser().glob(f"{depth}/{PROVIDER}")):
                return str(file.parents[5])
    return None

# The emulator's DescribeAlarms omits these in the protocol (Query) that the provider uses.
NOT_SAID_OF_ALARMS = {
    "actions_enabled", "alarm_actions", "alarm_description", "datapoints_to_alarm", "dimensions", "extended_statistic",
    "evaluate_low_sample_count_percentiles", "insufficient_data_actions", "metric_query", "ok_actions", "period",
    "statistic", "threshold", "treat_missing_data", "unit",
}


class Terraform:
    """A copy of the root module, so that Terraform writes no file into the repository."""

    def __init__(self, repository: Path, directory: Path, programs: Programs, environment: dict[str, str]) -> None:
        self._programs = programs
        self._copy = directory / "infrastructure"
        self.log = directory / "terraform.log"
        for part in ("terraform", "schema/generated"):
            shutil.copytree(repository / part, self._copy / part,
                            ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfplan", "*_override.tf"))
        self.root = self._copy / "terraform"
        configuration = directory / "terraform.rc"
        configuration.write_text("")
        self._environment = environment | {
            "TF_CLI_CONFIG_FILE": str(configuration), "TF_IN_AUTOMATION": "1", "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
        }

    def _run(self, *arguments: str, codes=(0,)) -> tuple[int, str]:
        return self._programs.run(["terraform", *arguments], self.root, self._environment, codes, self.log)

    def init(self) -> None:
        """`terraform init`, from a plugin directory if there is one."""
        directory = plugins()
        self._run("init", "-no-color", *([f"-plugin-dir={directory}"] if directory else []))

    def of_module(self, name: str, region: str, variables: dict) -> "Terraform":
        """Another root module beside this one, as an operator writes it: one module of `terraform/modules` with these
        variables."""
        other = copy.copy(self)
        other.root = self._copy / f"{name}-{region}"
        other.root.mkdir(exist_ok=True)
        tags = {"tags": {"umoja:deployment": variables["prefix"]}}
        outputs = {each: {"value": f"${{module.this.{each}}}"} for each in ("pool", "client", "functions")}
        (other.root / "main.tf.json").write_text(json.dumps({
            "provider": {"aws": {"region": region, "default_tags": tags}},
            "module": {"this": {"source": f"../terraform/modules/{name}"} | variables},
            "output": outputs,
        }, indent=2))
        other.write_variables(region, {})
        other.init()
        return other

    def write_variables(self, region: str, variables: dict) -> None:
        """A region's variables file."""
        (self.root / f"{region}.tfvars.json").write_text(json.dumps(variables, indent=2))

    def _with(self, region: str) -> tuple[str, str]:
        return f"-state={region}.tfstate", f"-var-file={region}.tfvars.json"

    def apply(self, regions: list[str]) -> None:
        """Applies regions at the same time, because none depends on another's state."""

        def one(region: str) -> None:
            self._run("apply", "-auto-approve", "-no-color", *self._with(region))

        self._all(one, regions)

    def changes(self, regions: list[str]) -> dict[str, list[str]]:
        """The changes that another apply would make, by region. There should be none."""
        found = {}

        def one(region: str) -> None:
            plan = f"-out={region}.tfplan"
            code, _ = self._run("plan", "-detailed-exitcode", "-no-color", plan, *self._with(region), codes=(0, 2))
            if code == 0:
                return
            _, output = self._run("show", "-json", "-no-color", f"{region}.tfplan")
            changed = [line for change in json.loads(output)["resource_changes"] if (line := described(change))]
            if changed:
                found[region] = changed

        self._all(one, regions)
        return found

    def destroy(self, regions: list[str]) -> None:
        """Destroys all applied regions."""

        def one(region: str) -> None:
            if (self.root / f"{region}.tfstate").exists():
                self._run("destroy", "-auto-approve", "-no-color", *self._with(region))

        self._all(one, regions)

    def outputs(self, region: str) -> dict:
        """The outputs of a region's state."""
        _, output = self._run("output", "-json", "-no-color", f"-state={region}.tfstate")
        return {name: value["value"] for name, value in json.loads(output).items()}

    def _all(self, one, regions: list[str]) -> None:
        pool = ThreadPoolExecutor(len(regions))
        try:
            failures = [str(error) for error in pool.map(lambda region: attempt(one, region), regions) if error]
        except BaseException:
            self._programs.stop()
            raise
        finally:
            pool.shutdown()
        if failures:
            raise Failed("\n".join(failures))


def described(change: dict) -> str | None:
    """A change of a plan as text. None without a change, or if it is only about omitted attributes of alarms."""
    actions = change["change"]["actions"]
    if actions in (["no-op"], ["read"]):
        return None
    before, after = (change["change"][side] or {} for side in ("before", "after"))
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    alarm = change["type"] == "aws_cloudwatch_metric_alarm"
    if alarm and actions == ["update"] and NOT_SAID_OF_ALARMS.issuperset(names):
        return None
    return f"{'/'.join(actions)} {change['address']}: {', '.join(names)}"


def attempt(one, region: str) -> Failed | None:
    """The failure of a region, returned so that the others can end first."""
    try:
        one(region)
    except Failed as failed:
        return failed
    return None
