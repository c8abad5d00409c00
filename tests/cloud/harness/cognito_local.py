"""npm's cognito-local as the pool that Terraform made: it calls the triggers that the emulator's own Cognito does not."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request

from .client import unb64url
from .deployment import Region
from .emulator import ACCESS_KEY, SECRET_KEY, free_port
from .people import Person
from .progress import HANG, Failed
from .system import System

# The code that it confirms every sign-up with.
CODE = "123456"
MADE = "2026-01-01T00:00:00.000Z"
TRIGGERS = ("PreSignUp", "PostConfirmation", "PreTokenGeneration", "PostAuthentication", "UserMigration")


class Said(Exception):
    """It answered with an error."""


class CognitoLocal:
    """One process with one pool, whose triggers are the function of a region."""

    def __init__(self, system: System, region: Region, pool: str, triggers: tuple[str, ...] = TRIGGERS) -> None:
        self.pool, self.client = pool, "cognitolocal1"
        _, folder = system.programs.run([str(system.repository / ".ci/cognito-local")], system.repository,
                                        dict(os.environ), log=system.directory / "npm.log")
        home, port = system.directory / f"cognito-local-{region.name}", free_port()
        data = home / ".cognito/db"
        data.mkdir(parents=True)
        aws = {"endpoint": system.emulator.url, "region": region.name,
               "credentials": {"accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY}}
        self._write(data.parent / "config.json", {
            "LambdaClient": aws, "TriggerFunctions": {name: f"{system.options.prefix}-cognito" for name in triggers}})
        # The pool has the id that Terraform's has, because a source has one pool.
        self._write(data / f"{pool}.json", {"Users": {}, "Options": {
            "Id": pool, "UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"], "MfaConfiguration": "OFF"}})
        self._write(data / "clients.json", {"Clients": {self.client: {
            "ClientId": self.client, "ClientName": "run", "UserPoolId": pool, "CreationDate": MADE, "LastModifiedDate": MADE}}})
        self._log, self._url = home / "log", f"http://127.0.0.1:{port}"
        program = f"{folder.strip()}/node_modules/cognito-local/lib/bin/start.js"
        environment = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": str(port), "CODE": CODE}
        self._process = system.programs.start(["sh", "-c", 'exec node "$0" >"$1" 2>&1', program, str(self._log)], home,
                                              environment, subprocess.DEVNULL)
        begin = time.monotonic()
        while not self._healthy():
            if self._process.poll() is not None or time.monotonic() - begin > HANG:
                raise Failed(f"cognito-local did not start:\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)

    def end(self) -> None:
        """Ends the process."""
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait()

    def sign_up(self, person: Person) -> str:
        """A person signs up. Returns the `sub`."""
        names = {"email": person.email, "given_name": person.given_name, "family_name": person.family_name}
        attributes = [{"Name": name, "Value": value} for name, value in names.items()]
        return self.call("SignUp", ClientId=self.client, Username=person.email, Password=person.password,
                         UserAttributes=attributes)["UserSub"]

    def confirm(self, person: Person) -> None:
        """A person confirms the sign-up with the code."""
        self.call("ConfirmSignUp", ClientId=self.client, Username=person.email, ConfirmationCode=CODE)

    def claims(self, person: Person, password: str | None = None) -> dict:
        """A person logs in. Returns the claims of the ID token."""
        said = self.call("InitiateAuth", ClientId=self.client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={
            "USERNAME": person.email, "PASSWORD": password or person.password})
        return claims(said["AuthenticationResult"]["IdToken"])

    def call(self, target: str, **body) -> dict:
        """A call of Cognito's API."""
        headers = {"Content-Type": "application/x-amz-json-1.1",
                   "X-Amz-Target": f"AWSCognitoIdentityProviderService.{target}"}
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=HANG) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise Said(f"{target}: {error.read().decode(errors='replace')[:300]}") from error

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    @staticmethod
    def _write(file, value: dict) -> None:
        file.write_text(json.dumps(value))


def claims(token: str) -> dict:
    """The claims of a token, which the pool signs."""
    return json.loads(unb64url(token.split(".")[1]))
