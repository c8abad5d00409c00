"""Conflicts that two regions accept while they are cut off, their view for the operator, and their repair."""

import json
from dataclasses import dataclass

from .deployment import Region
from .people import Person
from .progress import Failed
from .story import SAFARI, SOKO, Story
from .system import System


@dataclass
class Pair:
    """Two users with one e-mail address, registered in two regions."""

    one: Person
    other: Person


def pair(story: Story, here: Region, there: Region, given_name: str, verified: bool) -> Pair:
    """Registers one address in two regions that are cut off. `verified` is for the second company's registration."""
    one = story.register(here, SOKO, given_name)
    other = story.people.new(given_name)
    other.email = one.email
    answer = story.deployment.call(there, SAFARI, "register", other.registration(verified), 201)
    other.id, other.version = answer.body["user"]["id"], answer.body["user"]["version"]
    return Pair(one, other)


def found(story: Story, region: Region, person: Person) -> str:
    """The id that a region answers for a person."""
    return story.deployment.call(region, SOKO, "lookup", {"id": person.id}, 200).body["user"]["id"]


def one_person(story: Story, two: Pair) -> bool:
    """Whether both ids find the same user in all regions."""
    answers = {found(story, region, person) for region in story.deployment.regions for person in (two.one, two.other)}
    return len(answers) == 1


def merged_by_itself(story: Story, two: Pair) -> None:
    """Two verified ownerships of an identifier are merged into one person in every region."""
    story.progress.until("the schedule merges the two", lambda: one_person(story, two), pause=2.0)
    story.progress.check(True, f"{two.one.given_name}, whose address both companies had verified, is one person in all "
                         "regions")


def resolved(system: System, story: Story, two: Pair) -> None:
    """The operator sees the pair that is not merged automatically, and decides."""
    d, progress, here = system.deployment, system.progress, system.deployment.regions[0]
    target = ("--prefix", system.options.prefix, "--region", here.name)
    ids = {two.one.id, two.other.id}

    def listed() -> list[set[str]]:
        answer = json.loads(system.operator("conflicts", "list", *target, "--json"))
        return [set(conflict["users"]) for conflict in answer["conflicts"]]

    progress.check(listed() == [ids], "umoja conflicts list: only the pair with an unverified address")
    said = system.operator("conflicts", "show", two.other.id, *target)
    progress.check(two.one.id in said and two.one.email not in said, "umoja conflicts show: the rival, but no address")
    system.operator("conflicts", "resolve", two.one.id, two.other.id, "--merge", "--by", "operator", *target)
    progress.until("the decision reaches every region", lambda: one_person(story, two))
    progress.check(listed() == [], "umoja conflicts resolve --merge: one person in all regions, and no conflict is open")


def repaired(system: System, person: Person) -> None:
    """`umoja doctor` finds a part that one region lost and repairs it. Then the digests are equal."""
    d, progress, damaged = system.deployment, system.progress, system.deployment.regions[1]
    target = ("--prefix", system.options.prefix, "--region", d.regions[0].name)
    d.emulator.client("dynamodb", damaged.name).delete_item(
        TableName=f"{d.prefix}-users", Key={"id": {"S": person.id}, "part": {"S": "profile"}})
    said = system.operator("doctor", *target, codes=(1,))
    if person.id not in said:
        raise Failed(f"umoja doctor does not name the user that {damaged.name} has lost: {said}")
    progress.check(True, f"umoja doctor: names the user that {damaged.name} has lost, exit code 1")
    system.operator("doctor", *target, "--repair")
    d.call(damaged, SOKO, "lookup", {"email": person.email}, 200)
    said = system.operator("digest", *target).splitlines()[-1]
    progress.check(said.startswith("Converged as of "), f"umoja doctor --repair restores it; umoja digest: {said}")
