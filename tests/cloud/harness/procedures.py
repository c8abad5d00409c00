"""The operator's procedures of docs/operate.md that no other chapter plays."""

import json
from concurrent.futures import Future, ThreadPoolExecutor

from .client import Company
from .progress import Failed
from .story import SAFARI, SOKO, Story
from .system import System


def rotate_signing_key(system: System) -> Future:
    """Starts to rotate the key that signs answers. The rotation runs during the story, which verifies every answer."""
    prefix, region = system.options.prefix, system.deployment.regions[0].name
    pool = ThreadPoolExecutor(1)
    done = pool.submit(system.operator, "rotate", "signing-key", "--prefix", prefix, "--region", region)
    pool.shutdown(wait=False)
    return done


def signing_key_rotated(system: System, rotation: Future) -> None:
    """Waits for the rotation, and checks the keys that every region publishes."""
    d, progress = system.deployment, system.progress
    if published(d.regions[0]) == ["umoja-1"] and not rotation.done():
        raise Failed("the rotation has not begun")
    said = rotation.result()
    progress.check("signed with umoja-2" in said, "umoja rotate signing-key, during all of the above")
    progress.until("every region publishes the new key only", lambda: all(
        published(region) == ["umoja-2"] for region in d.regions))
    for region in d.regions:
        d.call(region, SOKO, "lookup", {"username": "unknown"}, 404)
    progress.check(True, "every region signs with the new key and publishes no other")


def published(region) -> list[str]:
    """The ids of the keys that a region publishes."""
    _, _, text = region.gateway.request("GET", "/.well-known/jwks.json")
    return [key["kid"] for key in json.loads(text)["keys"]]


def rotate_api_key(system: System) -> None:
    """A company's new API key works, and the old one is rejected."""
    d, progress = system.deployment, system.progress
    old, region = d.companies[SAFARI], d.regions[0]
    file = system.directory / f"{SAFARI}.json"
    system.operator("company", "rotate-key", SAFARI, "--prefix", system.options.prefix, "--region", region.name,
                    "--overlap-secs", "0", "--company-file", str(file))
    d.companies[SAFARI] = new = Company(file)

    def status(company: Company) -> int:
        token, _ = company.sign(region.gateway, "/v1/users/lookup", {"username": "unknown"})
        return company.send(region.gateway, "/v1/users/lookup", token)[0]

    # A company is cached for 5 seconds.
    progress.until("the new key works and the old one is rejected", lambda: (status(new), status(old)) == (404, 401))
    progress.check(True, "umoja company rotate-key: the new API key works, the old one is rejected")


def backfill_again(system: System, story: Story) -> None:
    """A region whose table has lost a user is backfilled again."""
    d, progress = system.deployment, system.progress
    here, damaged = d.regions[0], d.regions[-1]
    faraja = story.register(here, SOKO, "Faraja")
    d.readable(damaged, SOKO, faraja.id, faraja.version)
    client = d.emulator.client("dynamodb", damaged.name)
    for part in ("profile", "credentials"):
        client.delete_item(TableName=f"{d.prefix}-users", Key={"id": {"S": faraja.id}, "part": {"S": part}})
    d.call(damaged, SOKO, "lookup", {"id": faraja.id}, 404)
    system.operator("region", "add", damaged.name, "--prefix", d.prefix, "--region", here.name, "--again")
    progress.until(f"{damaged.name} serves again", lambda: (
        damaged.gateway.request("GET", "/readyz")[0] == 200))
    d.call(damaged, SOKO, "lookup", {"email": faraja.email}, 200)
    progress.check(True, f"umoja region add {damaged.name} --again: the lost user is back")
