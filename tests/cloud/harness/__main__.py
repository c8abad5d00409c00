"""The cloud run, from the command line."""

import signal
import sys
import tempfile
import threading
import traceback
from pathlib import Path

from . import (
    canary, coldstart, container, counts, disagreement, feeds, listing, options, outages, permissions, pools, procedures,
    rejections, sign_on, targets, timing,
)
from .people import People
from .progress import Failed, Progress
from .story import SAFARI, Story
from .system import System

FIRST = ["eu-west-1", "af-south-1"]
THIRD = "ap-south-1"


class Interrupted(BaseException):
    """A signal. The run ends all processes and removes all files on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def interrupt(number: int, _frame) -> None:
    """Raises once. Later signals wait for the end."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(number)


def play(system: System, story: Story) -> None:
    """Plays all chapters, in order."""
    progress, d = system.progress, system.deployment
    system.apply(FIRST)
    system.found(FIRST)
    here, there = d.regions
    # The remaining chapters depend on these two.
    progress.chapter("One account everywhere")
    amina = story.everywhere(here, [there])
    progress.chapter("One person, two companies")
    baraka = story.two_companies(here, there)
    with progress.part("A disabled user"):
        story.disabled(baraka, here, there)
    with progress.part("Who calls"):
        story.callers(here, there)
    with progress.part("A container serves a region"):
        container.serves(system, story, here, there)

    progress.chapter("A third region")
    system.add_region(THIRD)
    third = d.regions[2]
    rotation = procedures.rotate_signing_key(system)
    with progress.part(f"{THIRD} serves"):
        progress.check(d.agreed() > 0, f"{THIRD} has the same items and keys as the others")
        progress.check(story.logs_in(third, SAFARI, amina), f"Amina logs in in {THIRD}")
        story.everywhere(third, [here, there])
    with progress.part("Sources feed it"):
        feeds.fed(system, story, here, there)
    with progress.part("A user pool feeds it"):
        pools.played(system, story, here, there)
    with progress.part("Companies list events"):
        listing.listed(system, story, here, there)
    with progress.part(f"{there.name} is cut off from the world"):
        verified, contested = outages.region_out(story, amina)
        disagreement.merged_by_itself(story, verified)
        disagreement.resolved(system, story, contested)
    with progress.part(f"The key service of {here.name} is out"):
        outages.key_out(story)
    with progress.part("Keys are rotated"):
        procedures.signing_key_rotated(system, rotation)
        procedures.rotate_api_key(system)
    with progress.part("A table has lost a user"):
        procedures.backfill_again(system, story)
        disagreement.repaired(system, baraka)
    with progress.part("Erasure, with receipts"):
        story.erased(amina, here, third)
    with progress.part("How long replication takes"):
        timing.replication(story, system.options.users)
    with progress.part("Calls to AWS"):
        counts.measure(story, system.repository / "terraform")
    # Behind the counts: where there are targets, the feed looks for the accounts of each user.
    with progress.part("Users appear in foreign systems"):
        targets.provisioned(system, story, here, there)
    with progress.part("Single sign-on"):
        sign_on.signed_on(system, story, here, there)
    with progress.part("Functions' roles used beyond their permissions"):
        rejections.all_rejected(d, progress)
    with progress.part("Cold starts"):
        coldstart.measure(d, system.packages, progress)
    with progress.part("Anti-entropy"):
        anti_entropy(system)
    with progress.part("In the end"):
        parts = d.agreed()
        progress.check(True, f"all regions hold the same {parts} parts, every key is wrapped by every region, and "
                       "every queue and dead-letter queue is empty")
        no_denied(system)
    with progress.part("Personal data"):
        canary.search(story, baraka.id)
    with progress.part("A second apply"):
        changes = system.changes()
        progress.check(not changes, f"a second apply changes nothing in {len(d.regions)} regions" + "".join(
            f"\n  {region}: {text}" for region, lines in changes.items() for text in lines))
        progress.cannot_show("Alarms in a second apply: DescribeAlarms leaves out most of an alarm in the protocol "
                             "that Terraform uses, so only changes of the reported attributes would be seen.")


def alone(system: System, story: Story, title: str, chapter, counted: bool = False) -> None:
    """Plays one chapter alone. `counted`: then also counts the calls of each operation."""
    progress, d = system.progress, system.deployment
    system.apply(FIRST)
    system.found(FIRST)
    # The URL of each REST API is known now.
    system.apply(FIRST)
    here, there = d.regions
    baraka = story.register(here, SAFARI, "Baraka")
    with progress.part(title):
        chapter(system, story, here, there)
    if counted:
        with progress.part("Calls to AWS"):
            counts.measure(story, system.repository / "terraform")
    with progress.part("Functions' roles used beyond their permissions"):
        rejections.all_rejected(d, progress)
    with progress.part("In the end"):
        d.agreed()
        no_denied(system)
    with progress.part("Personal data"):
        canary.search(story, baraka.id)


def no_denied(system: System) -> None:
    """IAM has denied no call of a function."""
    progress, d = system.progress, system.deployment
    denied = [call for call in d.wire.calls if call.error.startswith("AccessDenied")]
    rejected = sorted({f"{d.caller(call)}: {call.service}:{call.action} {call.objects}" for call in denied})
    progress.check(not denied, "IAM denied no call of a function" + "".join(
        f"\n  DENIED {text}" for text in rejected))


def anti_entropy(system: System) -> None:
    """Invokes the function, because a pass is due only once a day."""
    d = system.deployment
    for region in d.regions:
        answer = d.emulator.client("lambda", region.name).invoke(FunctionName=f"{d.prefix}-anti-entropy", Payload=b'{"now": true}')
        if "FunctionError" in answer:
            raise Failed(f"anti-entropy failed in {region.name}: {answer['Payload'].read()[:500]}")
    system.progress.check(True, "anti-entropy runs in every region")
    system.progress.cannot_show("The schedule of anti-entropy: the run is too short; the function was invoked.")
    system.progress.cannot_show("Partial batch responses and bisecting: the emulator advances past both.")


def keep(system: System) -> None:
    """Waits until it is interrupted."""
    d = system.deployment
    print("\nThe system stays up until Ctrl-C (or a TERM signal to this process).\n")
    for name, value in {"AWS_ENDPOINT_URL": system.emulator.url, "AWS_ACCESS_KEY_ID": "test",
                        "AWS_SECRET_ACCESS_KEY": "test"}.items():
        print(f"  export {name}={value}")
    for region in d.regions:
        host = region.gateway.base_url.split("//", 1)[1]
        print(f"  curl --header 'Host: {host}' {system.emulator.url}/.well-known/umoja.json   # {region.name}")
    names = " and ".join(str(system.directory / f"{company}.json") for company in d.companies)
    print(f"  {system.umoja} status --prefix {d.prefix} --region {FIRST[0]}")
    print(f"  companies' keys: {names}\n  functions' logs: aws logs filter-log-events --region {FIRST[0]} "
          f"--log-group-name /aws/lambda/{d.prefix}-api", flush=True)
    threading.Event().wait()


def main() -> int:
    """Plays the story, sums it up, and removes the system."""
    chosen = options.parse()
    progress = Progress()
    repository = Path(__file__).resolve().parents[3]
    home = chosen.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="run-", dir=home))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    system = System(chosen, repository, directory, progress)
    try:
        try:
            system.prepare()
            story = Story(system.deployment, People())
            if chosen.permissions:
                system.apply(FIRST)
                system.found(FIRST)
                permissions.measure(story, feeds.Feeds(system, story), chosen.only)
            elif chosen.sources:
                alone(system, story, "Sources feed it", feeds.fed)
            elif chosen.pool:
                alone(system, story, "A user pool feeds it", pools.played)
            elif chosen.events:
                alone(system, story, "Companies list events", listing.listed, counted=True)
            elif chosen.sign_on:
                alone(system, story, "Single sign-on", sign_on.signed_on)
            elif chosen.targets:
                alone(system, story, "Users appear in foreign systems", targets.provisioned)
            else:
                play(system, story)
        except Failed as failed:
            progress.fail(str(failed))
        except Exception:
            progress.fail(traceback.format_exc())
        if progress.failures:
            system.last_words()
        if chosen.keep:
            progress.sum_up()
            keep(system)
        if system.deployment.regions and not chosen.permissions:
            with progress.part("Destroy"):
                system.destroy()
        progress.figure(f"the run took {progress.elapsed() - progress.packaged:.0f} s besides packaging")
        return progress.sum_up()
    except Interrupted as interrupted:
        print(f"\ninterrupted by signal {interrupted.number}", file=sys.stderr)
        return 128 + interrupted.number
    finally:
        system.stop()


if __name__ == "__main__":
    sys.exit(main())
