"""The command line of the cloud run. Needs only Python."""

import argparse
from pathlib import Path

DESCRIPTION = """\
Deploys the whole system with Terraform to an emulator of AWS (MiniStack, with IAM enforced), plays the story through
API Gateway, causes outages, adds a region, counts every call to AWS, and destroys the system.

Needs Python 3.11, Node, Terraform and the tools that build the functions, but no AWS account. Terraform's AWS provider is
taken from the plugin directory TF_PLUGIN_DIR, or from one found on this machine, or downloaded.
"""

EPILOG = """\
exit code: 0 if all checks pass; 1 if a check fails, or a permission is not needed; 2 for wrong usage; 130 and
143 when interrupted. The last line sums up.
"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of this run."""
    parser = argparse.ArgumentParser(
        prog="tests/cloud/run", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # Set by `run`.
    parser.add_argument("--home", type=Path, default=Path("target/cloud"), help=argparse.SUPPRESS)
    parser.add_argument(
        "--packages", type=Path, metavar="DIR",
        help="take the functions' zips from DIR (api.zip, replicator.zip, ...) instead of running lambda/package",
    )
    parser.add_argument(
        "--umoja", type=Path, metavar="FILE", help="the umoja program, instead of `cargo build --release -p umoja-cli --features aws`",
    )
    parser.add_argument(
        "--users", type=int, default=100, metavar="N", help="people whose replication is timed [default: %(default)s]",
    )
    parser.add_argument(
        "--permissions", action="store_true",
        help="instead of the story: remove each allowed action of each function's role in turn, and report what "
        "fails; exit code 1 if no step fails without an action. Takes about an hour",
    )
    parser.add_argument(
        "--only", metavar="FUNCTION", help="with --permissions: the role of this function only (api, replicator, ...)",
    )
    parser.add_argument(
        "--sources", action="store_true", help="instead of the story: play only the chapter about sources, in two regions",
    )
    parser.add_argument(
        "--pool", action="store_true", help="instead of the story: play only the chapter about a user pool of Amazon "
        "Cognito, in two regions. This chapter needs Node and npm",
    )
    parser.add_argument(
        "--events", action="store_true",
        help="instead of the story: play only the chapter about events for companies, and count calls, in two regions",
    )
    parser.add_argument(
        "--targets", action="store_true",
        help="instead of the story: play only the chapter about webhooks and targets, in two regions",
    )
    parser.add_argument(
        "--sign-on", action="store_true",
        help="instead of the story: play only the chapter about single sign-on, in two regions",
    )
    parser.add_argument(
        "--keep", action="store_true",
        help="leave the system up until Ctrl-C, also after a failure, and print how to call it",
    )
    parser.add_argument(
        "--keep-files", action="store_true", help="do not delete the run's directory (logs, states, calls on the wire)",
    )
    parser.add_argument("--prefix", default="umoja", help="the deployment's prefix [default: %(default)s]")
    options = parser.parse_args(arguments)
    if options.only and not options.permissions:
        parser.error("--only goes with --permissions")
    if options.users < 1:
        parser.error("--users must be at least 1")
    return options


if __name__ == "__main__":
    parse()
