"""Sets the system up and destroys it: emulator, packages, Terraform, the operator's commands."""

import json
import secrets
import shutil
from pathlib import Path

from . import build
from .browser import ISSUER
from .client import Company
from .deployment import Deployment
from .emulator import ACCOUNT, Emulator
from .leftovers import nothing_left
from .programs import Programs
from .progress import Progress
from .proxy import OPERATOR, Proxy
from .story import SAFARI, SOKO
from .terraform import Terraform
from .wire import Wire


class System:
    """Owns every process and every file of a run."""

    def __init__(self, options, repository: Path, directory: Path, progress: Progress) -> None:
        self.options, self.repository, self.directory, self.progress = options, repository, directory, progress
        self.programs = Programs()
        self.emulator = Emulator(directory)
        self.wire = Wire(directory / "wire.log")
        self.proxy = Proxy(self.emulator.port, self.wire)
        self.names = json.loads((repository / "schema/generated/names.json").read_text())
        self.deployment = Deployment(self.emulator, self.proxy, self.wire, options.prefix, self.names, progress)
        self.terraform: Terraform | None = None
        # The user pools, by region.
        self.pools: dict[str, Terraform] = {}
        self.packages = Path()
        self._sources_keys: dict[str, str] = {}
        self.umoja = Path()

    def prepare(self) -> None:
        """Builds the programs that are not given, and starts the emulator."""
        progress, options = self.progress, self.options
        progress.chapter("Packages")
        begin = progress.elapsed()
        functions = self.names["functions"] + self.names["pool_functions"]
        self.packages = build.packages(self.repository, options.packages, self.directory, functions, self.programs)
        self.umoja = build.umoja(self.repository, options.umoja, self.directory, self.programs)
        progress.say(f"      {', '.join(functions)} and umoja")
        progress.packaged = progress.elapsed() - begin
        progress.chapter("Setting the system up")
        self.emulator.start(self.proxy.url())
        progress.say(f"      MiniStack enforces IAM at {self.emulator.url}")
        environment = self.emulator.environment(self.proxy.url(OPERATOR))
        self.terraform = Terraform(self.repository, self.directory, self.programs, environment)
        self.terraform.init()

    def apply(self, names: list[str]) -> None:
        """Writes each region's variables file and applies all of them."""
        # The emulator uses the ARN of a role's session as `aws:PrincipalArn`, where AWS uses the role's ARN.
        sessions = [f"arn:aws:sts::{ACCOUNT}:assumed-role/{self.options.prefix}-{name}-{function}/*"
                    for name in names for function in self.names["functions"] + self.names["pool_functions"]]
        for name in names:
            self.terraform.write_variables(name, {
                "operators": sessions,
                "prefix": self.options.prefix, "region": name, "regions": names, "packages": str(self.packages),
                "endpoints": {peer: self.proxy.url((name, peer)) for peer in names if peer != name},
                "deletion_protection": False, "log_retention_days": 1,
                # Targets and webhooks of the run are on this machine.
                "deliver": {"loopback": True},
                "oidc": {"issuer": ISSUER},
                # The test of permissions needs scheduled functions that run only when invoked.
                "schedules": {"enabled": not self.options.permissions},
                # The emulator makes no value of its own, and one of two regions with the same value does not work.
                "sources_key": self._sources_keys.setdefault(name, secrets.token_hex(20)),
                **self.reachable(name),
            })
        begin = self.progress.elapsed()
        self.terraform.apply(names)
        self.progress.check(True, f"terraform apply in {', '.join(names)} ({self.progress.elapsed() - begin:.0f} s)")

    def apply_pool(self, name: str, source: str, direction: str) -> dict:
        """Applies `modules/cognito` in a region, as its README has it. Returns the outputs."""
        outputs = self.terraform.outputs(name)
        begin = self.progress.elapsed()
        names = [region.name for region in self.deployment.regions]
        pool = self.pools[name] = self.terraform.of_module("cognito", name, {
            "prefix": self.options.prefix, "region": name, "regions": names, "name": source, "source_id": source,
            "direction": direction, "packages": str(self.packages), "deletion_protection": False, "log_retention_days": 1,
            "endpoints": {peer: self.proxy.url((name, peer)) for peer in names if peer != name},
            **{key: outputs[key] for key in ("data_key", "proof_key", "rest_key", "alarm_topic")},
        })
        pool.apply([name])
        self.deployment.pools.append(name)
        self.progress.check(True, f"terraform apply of modules/cognito in {name} ({self.progress.elapsed() - begin:.0f} s)")
        return pool.outputs(name)

    def changes(self) -> dict[str, list[str]]:
        """What a second apply would change, by region."""
        found = self.terraform.changes([region.name for region in self.deployment.regions])
        for name, pool in self.pools.items():
            for region, lines in pool.changes([name]).items():
                found[region] = found.get(region, []) + lines
        return found

    def reachable(self, name: str) -> dict:
        """The URL at which a program on this machine reaches the REST API of a region that was applied before."""
        if name not in [region.name for region in self.deployment.regions]:
            return {}
        api = self.terraform.outputs(name)["sources_api_id"]
        return {"sources": {"url": f"{self.emulator.url}/_aws/execute-api/{api}/feeds"}}

    def operator(self, *arguments: str, codes=(0,)) -> str:
        """Runs an `umoja` command with the operator's credentials and returns its output."""
        command = [str(self.umoja), *arguments]
        environment = self.emulator.environment(self.proxy.url(OPERATOR))
        _, output = self.programs.run(command, self.directory, environment, codes, self.directory / "umoja.log")
        return output

    def found(self, names: list[str]) -> None:
        """`umoja init`, and two companies."""
        prefix, first = self.options.prefix, names[0]
        self.operator("init", "--prefix", prefix, "--regions", ",".join(names))
        self.progress.check(True, f"umoja init --prefix {prefix} --regions {','.join(names)}")
        for name in names:
            self.deployment.join(name)
        for company in (SOKO, SAFARI):
            file = self.directory / f"{company}.json"
            self.operator("company", "add", company, "--prefix", prefix, "--region", first, "--out", str(file),
                          "--scopes", "all", "--trusted", "--phone-country", "KE")
            self.deployment.companies[company] = Company(file)
        self.progress.check(True, f"umoja company add: {SOKO} and {SAFARI}")
        self.status(first)

    def status(self, region: str) -> None:
        """`umoja region list` and `umoja status`."""
        prefix = self.options.prefix
        listed = self.operator("region", "list", "--prefix", prefix, "--region", region)
        names = [known.name for known in self.deployment.regions]
        self.progress.check(all(name in listed for name in names), f"umoja region list names {', '.join(names)}")
        said = self.operator("status", "--prefix", prefix, "--region", region, codes=(0, 1))
        self.progress.check(all(name in said for name in names), "umoja status shows every region")
        self.progress.say("\n".join("      " + line for line in said.splitlines()))

    def add_region(self, name: str) -> None:
        """Adds a variables file, applies the longer list in every region, and runs `umoja region add`."""
        names = [region.name for region in self.deployment.regions]
        self.apply([*names, name])
        self.operator("region", "add", name, "--prefix", self.options.prefix, "--region", names[0])
        self.deployment.join(name)
        self.progress.check(True, f"umoja region add {name}")
        self.status(name)

    def destroy(self) -> None:
        """Runs `terraform destroy` in every region, and checks that no resource is left."""
        names = [region.name for region in self.deployment.regions]
        begin = self.progress.elapsed()
        for name, pool in self.pools.items():
            pool.destroy([name])
        self.terraform.destroy(names)
        self.progress.say(f"      terraform destroy ({self.progress.elapsed() - begin:.0f} s)")
        nothing_left(self.deployment, names, self.progress)

    def last_words(self) -> None:
        """Prints the ends of the logs after a failure."""
        for region in self.deployment.regions:
            for function in self.deployment.deployed(region.name):
                said = self.deployment.logs(region.name, function)
                if said and said != "(no log)":
                    self.progress.chapter(f"log of {function} in {region.name}")
                    print(said)
        self.progress.chapter("log of the emulator")
        print(self.emulator.tail())

    def stop(self) -> None:
        """Ends all processes, and removes all files unless they are to be kept."""
        self.programs.stop()
        self.emulator.stop()
        self.proxy.stop()
        self.wire.close()
        if self.options.keep_files:
            self.progress.say(f"      the run's files are in {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
