"""MiniStack with IAM enforced: start, stop, and clients for its services."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

from .progress import HANG, Failed

# The emulator accepts these as the account's root. Functions get sessions of their roles.
ACCESS_KEY = "test"
SECRET_KEY = "test"
ACCOUNT = "000000000000"


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Emulator:
    """One process of MiniStack and the functions that it runs, all in one process group."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "emulator.log"
        self.temporary = directory / "tmp"
        self.process: subprocess.Popen | None = None
        self._clients: dict[tuple, object] = {}

    def start(self, functions_endpoint: str) -> None:
        """Starts the emulator. Functions reach AWS at `functions_endpoint`: they inherit its AWS_ENDPOINT_URL."""
        self.temporary.mkdir(parents=True, exist_ok=True)
        # Functions inherit no other variable of this machine's environment.
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.temporary), "TMPDIR": str(self.temporary),
            "AUTH": "true", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port),
            "AWS_ENDPOINT_URL": functions_endpoint, "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "S3_DATA_DIR": str(self.temporary / "s3"),
            "STATE_DIR": str(self.temporary / "state"), "PYTHONDONTWRITEBYTECODE": "1",
            # As in AWS, there is no token if the trigger before it fails.
            "MINISTACK_COGNITO_PRETOKEN_STRICT": "1",
        }
        program = Path(sys.executable).parent / "ministack"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(program)], env=environment, cwd=self.temporary, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        begin = time.monotonic()
        while not self._healthy():
            if self.process.poll() is not None or time.monotonic() - begin > HANG:
                raise Failed(f"the emulator did not start:\n{self.tail()}")
            time.sleep(0.2)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def tail(self, lines: int = 30) -> str:
        """The end of the emulator's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def stop(self) -> None:
        """Ends the emulator and its functions."""
        if self.process is None:
            return
        for end in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, end)
            except ProcessLookupError:
                break
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                continue
            time.sleep(0.2)
        self.process.wait()
        self.process = None

    def client(self, service: str, region: str, credentials: dict | None = None):
        """A client of a service as root, or with a function's credentials (as its environment has them)."""
        key = (service, region, (credentials or {}).get("AWS_ACCESS_KEY_ID"))
        if key not in self._clients:
            session = boto3.session.Session()
            held = credentials or {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
            self._clients[key] = session.client(
                service, region_name=region, endpoint_url=self.url,
                aws_access_key_id=held["AWS_ACCESS_KEY_ID"], aws_secret_access_key=held["AWS_SECRET_ACCESS_KEY"],
                aws_session_token=held.get("AWS_SESSION_TOKEN"),
                config=Config(retries={"max_attempts": 0}, connect_timeout=60, read_timeout=HANG),
            )
        return self._clients[key]

    def environment(self, endpoint: str) -> dict[str, str]:
        """The environment for the operator's programs (Terraform, umoja), without this machine's AWS settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_", "UMOJA_"))}
        return kept | {
            "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
