"""`umoja serve --prefix`: one region's API outside Lambda, with only the permissions of the function `api`."""

import json
import os
import signal
import subprocess

from .client import Gateway
from .deployment import Region
from .progress import Failed
from .story import SAFARI, SOKO, Story
from .system import System

# The variables that Lambda sets for a function. A container has the prefix and the region on its command line.
ONLY_IN_LAMBDA = ("AWS_LAMBDA_", "LAMBDA_", "_HANDLER", "UMOJA_PREFIX")


class Container:
    """The process, as an orchestrator runs it."""

    def __init__(self, system: System, region: Region) -> None:
        d = system.deployment
        environment = d.functions.environment(region.name, f"{d.prefix}-api")
        if environment is None:
            raise Failed(f"the API has not run in {region.name}, so its permissions are unknown")
        environment = {name: value for name, value in environment.items() if not name.startswith(ONLY_IN_LAMBDA)}
        self.log = system.directory / f"serve-{region.name}.log"
        command = [str(system.umoja), "serve", "--json", "--prefix", d.prefix, "--region", region.name, "--port", "0",
                   "--metrics", "127.0.0.1:0", "--log-format", "json"]
        with self.log.open("w") as log:
            self.process = system.programs.start(command, system.directory, environment, log)
        said = ""
        while not said.endswith("}\n"):
            line = self.process.stdout.readline()
            if not line:
                raise Failed(f"`umoja serve` ended: {self.log.read_text()[-2000:]}")
            said += line
        self.said = json.loads(said)
        self.gateway = Gateway(region.gateway.base_url, int(self.said["address"].rsplit(":", 1)[1]))
        self.metrics = Gateway(self.said["metrics"], int(self.said["metrics"].rsplit(":", 1)[1].split("/")[0]))

    def end(self) -> int:
        """Sends SIGTERM and returns the exit code."""
        os.kill(self.process.pid, signal.SIGTERM)
        try:
            return self.process.wait(timeout=15)
        except subprocess.TimeoutExpired as error:
            raise Failed("`umoja serve` does not end within 15 s of SIGTERM") from error


def serves(system: System, story: Story, here: Region, there: Region) -> None:
    """Checks that the container serves the same users with the same signatures and permissions."""
    d, check = system.deployment, system.progress.check
    soko, safari = d.companies[SOKO], d.companies[SAFARI]
    container = Container(system, here)
    check(container.said["url"] == here.gateway.base_url,
          f"umoja serve --region {here.name} has the URL of its settings")
    for path in ("/healthz", "/readyz"):
        status, _, text = container.gateway.request("GET", path)
        check(status == 200, f"{path} of the container: {status} {'' if status == 200 else text[:200]}")
    amani = story.people.new("Amani")
    user = soko.call(container.gateway, "register", amani.registration(), 201).body["user"]
    amani.id, amani.version = user["id"], user["version"]
    answer = d.readable(there, SAFARI, amani.id, amani.version)
    check(answer.body["user"]["email"] == amani.email, f"a user that the container registers is known in {there.name}")
    neema = story.register(there, SOKO, "Neema")
    d.readable(here, SOKO, neema.id, neema.version)
    answer = safari.call(container.gateway, "authenticate", neema.login(), 200)
    check(answer.body["authenticated"], f"a user that registers in {there.name} logs in at the container")
    answer = safari.call(container.gateway, "authenticate", neema.login("not her password"), 200)
    check(not answer.body["authenticated"], "a wrong password is rejected")
    _, _, text = container.metrics.request("GET", "/metrics")
    check("umoja_login_failures_total 1\n" in text, "and counted at /metrics")
    code = container.end()
    check(code == 0, f"it exits with {code} on SIGTERM")
    log = container.log.read_text()
    check("stopping" in log and not [value for value in story.people.canaries if value in log],
          "its log reports it, without personal data")
